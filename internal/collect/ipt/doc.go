// Package ipt reads the packet rules that iptables-legacy and ip6tables-legacy
// put into the kernel.
package ipt
