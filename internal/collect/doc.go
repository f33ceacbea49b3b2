// Package collect fills the facts of a diagnosis from this host: what the
// managers want and the engine believes, through the engine's API; what the
// kernel holds, through netlink and /proc.
//
// It only looks. No external program runs, no kernel module is loaded by
// asking, nothing on the network under diagnosis is changed. What cannot be
// read becomes a fact.Gap, never an empty list.
package collect
