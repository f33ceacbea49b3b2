// Package ipt reads the packet rules that iptables-legacy and ip6tables-legacy
// put into the kernel, and the sets of ipset that rules refer to.
package ipt
