// Package nft reads the packet rules that nf_tables holds in one network
// namespace and says them in the words of package fact.
//
// A rule of nf_tables is a small program for registers. It is understood only
// when every expression of it is known by name and by all its attributes and
// every register that it looks at holds something known; the rest is opaque,
// which makes a walk through the rules unknown and never wrong. What iptables-nft
// writes, with extensions of xtables or in nf_tables' own words, reads as the same
// rule of iptables-legacy does.
//
// Reading loads no module as long as nf_tables is there already; who calls
// must make sure of that before the socket is opened.
package nft
