// Package ipvs asks the kernel's load balancer in one network namespace what it
// holds: virtual services, their backends, counters and timeouts.
//
// It speaks generic netlink by hand, because the libraries there are look the
// family up by its name, which makes the kernel load ip_vs, or run modprobe
// themselves. Here a kernel without the family stays without it.
package ipvs
