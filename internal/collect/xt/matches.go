package xt

import "fairway/internal/fact"

// matches is everything that is understood. What is left out on purpose, for a
// packet's path through a Swarm does not turn on it: mac, owner, rpfilter,
// length, cgroup, hashlimit, recent, string, time and others.
var matches = map[extension]matchCodec{
	{"", "tcp", 0}:       {12, tcp},
	{"", "udp", 0}:       {9, udp},
	{"", "sctp", 0}:      {292, sctp},
	{ip4, "icmp", 0}:     {4, icmp},
	{ip6, "icmp6", 0}:    {4, icmp6},
	{"", "multiport", 0}: {32, multiport0},
	{"", "multiport", 1}: {48, multiport1},
	{"", "addrtype", 0}:  {12, addrtype0},
	{"", "addrtype", 1}:  {8, addrtype1},
	{"", "conntrack", 1}: {152, conntrack1},
	{"", "conntrack", 2}: {156, conntrack2},
	{"", "conntrack", 3}: {164, conntrack2}, // only adds the ends of port ranges
	{"", "state", 0}:     {4, state},
	{"", "mark", 1}:      {12, mark(fact.MatchMark)},
	{"", "connmark", 1}:  {12, mark(fact.MatchConnMark)},
	{"", "ipvs", 0}:      {40, ipvs},
	{"", "policy", 0}:    {308, policy},
	{"", "u32", 0}:       {1984, u32Match},
	{"", "bpf", 0}:       {528, bpf0},
	{"", "bpf", 1}:       {528, bpf1},
	{"", "limit", 0}:     {40, limit},
	{"", "comment", 0}:   {256, comment},
	{"", "physdev", 0}:   {66, physdev},
	{"", "iprange", 1}:   {68, iprange},
	{"", "set", 1}:       {4, set1},
	{"", "set", 2}:       {4, set1},
	{"", "set", 3}:       {44, set3},
	{"", "set", 4}:       {44, set4},
}
