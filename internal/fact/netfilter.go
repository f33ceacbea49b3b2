package fact

import "net/netip"

// Netfilter is the packet rules of one namespace, of every backend that was
// read. A backend that could not be read is a gap of kind KindRules.
type Netfilter struct {
	// Generation is nf_tables' generation id at the time of the dump; 0 when it
	// was not read.
	Generation uint32 `json:",omitempty"`
	// Tables are sorted by Backend, Family, Name.
	Tables []RuleTable
}

// Backend is which half of the kernel holds a table.
type Backend string

// The backends. Rules of iptables-nft live in nf_tables.
const (
	Legacy   Backend = "legacy"
	NFTables Backend = "nf_tables"
)

// RuleTable is one table of rules.
type RuleTable struct {
	Backend Backend
	// Family is "ip", "ip6", "inet", "bridge", "arp" or "netdev".
	Family string
	// Name is "filter", "nat", "mangle", "raw", "security", or what its maker
	// chose.
	Name   string
	Chains []Chain
	// Dormant tables of nf_tables are held and not in force.
	Dormant bool `json:",omitempty"`
}

// Chain is a list of rules.
type Chain struct {
	Name string
	// Hook is "prerouting", "input", "forward", "output", "postrouting",
	// "ingress" or "egress"; empty for a chain that is only jumped to.
	Hook string `json:",omitempty"`
	// Type is "filter", "nat" or "route"; empty without a hook.
	Type string `json:",omitempty"`
	// Priority orders base chains of a hook: -300 raw, -150 mangle, -100 dstnat,
	// 0 filter, 100 srcnat. Legacy tables have the same numbers.
	Priority int `json:",omitempty"`
	// Device is the interface of a netdev chain.
	Device string `json:",omitempty"`
	// Policy is "accept" or "drop" for base chains, else empty.
	Policy string `json:",omitempty"`
	// Hits counts what the policy decided. nf_tables has no such counter unless
	// iptables-nft asked for one.
	Hits  Hits   `json:",omitzero"`
	Rules []Rule `json:",omitempty"`
}

// Hits is a counter of rule or policy, sampled before and after the probes.
type Hits struct {
	// Counted is false for a rule that has no counter.
	Counted bool   `json:",omitempty"`
	Packets uint64 `json:",omitempty"`
	Bytes   uint64 `json:",omitempty"`
	// After is Packets after the probes; valid when Twice.
	After uint64 `json:",omitempty"`
	Twice bool   `json:",omitempty"`
}

// Delta is how many packets hit during the probes.
func (h Hits) Delta() uint64 {
	if !h.Twice || h.After < h.Packets {
		return 0
	}
	return h.After - h.Packets
}

// Rule is one rule of a chain.
type Rule struct {
	// Number is its place in the chain, from 1, as iptables --line-numbers.
	Number int
	// Handle is nf_tables' own number; 0 for legacy.
	Handle  uint64  `json:",omitempty"`
	Matches []Match `json:",omitempty"`
	// Target is what is done with a packet that matches all; the zero Target
	// goes on to the next rule.
	Target Target `json:",omitzero"`
	Hits   Hits   `json:",omitzero"`
}

// MatchKind names what a match looks at. The words are iptables' own.
type MatchKind string

// The matches that are understood. Everything else is MatchOpaque.
const (
	MatchSource      MatchKind = "source"
	MatchDestination MatchKind = "destination"
	// MatchIn and MatchOut are interface names; a trailing "+" is any rest.
	MatchIn       MatchKind = "in"
	MatchOut      MatchKind = "out"
	MatchProtocol MatchKind = "protocol"
	// MatchFragment is iptables' -f: second and further fragments.
	MatchFragment MatchKind = "fragment"
	// MatchSourcePort and MatchDestinationPort are ranges; several are "one of".
	MatchSourcePort      MatchKind = "sport"
	MatchDestinationPort MatchKind = "dport"
	// MatchPort is multiport's --ports: source or destination.
	MatchPort MatchKind = "port"
	// MatchTCPFlags: the flags in Mask are exactly those in Value.
	MatchTCPFlags MatchKind = "tcp-flags"
	// MatchICMPType: Value is the type, Mask the code range (low<<8 | high).
	MatchICMPType MatchKind = "icmp-type"
	// MatchState is conntrack's state: NEW, ESTABLISHED, RELATED, INVALID,
	// UNTRACKED, SNAT, DNAT in States.
	MatchState MatchKind = "state"
	// MatchMark and MatchConnMark: mark & Mask == Value.
	MatchMark     MatchKind = "mark"
	MatchConnMark MatchKind = "connmark"
	// MatchSourceType and MatchDestinationType are address types (LOCAL,
	// BROADCAST, …) in States. Iface says "in" or "out" when limited to one.
	MatchSourceType      MatchKind = "src-type"
	MatchDestinationType MatchKind = "dst-type"
	// MatchIPVS is -m ipvs --ipvs: the packet belongs to a virtual service.
	MatchIPVS MatchKind = "ipvs"
	// MatchPolicy is -m policy: Text is "in none", "in ipsec", "out none", …
	MatchPolicy MatchKind = "policy"
	// MatchVNI is a u32 or bpf program that picks one VXLAN network: Value.
	MatchVNI MatchKind = "vni"
	// MatchLimit lets only so many by; Text says how many. Its answer depends on
	// the time.
	MatchLimit MatchKind = "limit"
	// MatchPhysIn and MatchPhysOut are the bridge ports of physdev.
	MatchPhysIn  MatchKind = "physdev-in"
	MatchPhysOut MatchKind = "physdev-out"
	// MatchSet looks the address up in a named set: Text is its name and the
	// directions ("ufw src"), Members what it held, known when Whole.
	MatchSet MatchKind = "set"
	// MatchComment never decides anything; Text is the comment.
	MatchComment MatchKind = "comment"
	// MatchFamily is nf_tables' meta nfproto: Text "ipv4" or "ipv6".
	MatchFamily MatchKind = "family"
	// MatchOpaque is what we do not understand whole: Text names it. A walk that
	// depends on it is unknown.
	MatchOpaque MatchKind = "opaque"
)

// Match is one condition of a rule. Which fields mean something depends on
// Kind.
type Match struct {
	Kind MatchKind
	// Not inverts it.
	Not bool `json:",omitempty"`
	// Prefixes of an address match: one of them must hold the address. Ranges
	// that are no prefix are in Ranges.
	Prefixes []netip.Prefix `json:",omitempty"`
	Ranges   []AddrRange    `json:",omitempty"`
	// Iface is an interface name or, for address types, "in" or "out".
	Iface string `json:",omitempty"`
	// Proto is an IP protocol number: 6 tcp, 17 udp, 132 sctp.
	Proto uint8       `json:",omitempty"`
	Ports []PortRange `json:",omitempty"`
	// States are upper-case words.
	States []string `json:",omitempty"`
	Value  uint32   `json:",omitempty"`
	Mask   uint32   `json:",omitempty"`
	Text   string   `json:",omitempty"`
	// Members are what a set held; Whole says that they are all.
	Members []netip.Prefix `json:",omitempty"`
	Whole   bool           `json:",omitempty"`
}

// PortRange is First to Last, both included.
type PortRange struct{ First, Last uint16 }

// AddrRange is First to Last, both included.
type AddrRange struct{ First, Last netip.Addr }

// TargetKind names what a rule does.
type TargetKind string

// The targets that are understood. Everything else is TargetOpaque.
const (
	// TargetNone counts, and goes on.
	TargetNone   TargetKind = ""
	TargetAccept TargetKind = "ACCEPT"
	TargetDrop   TargetKind = "DROP"
	TargetReject TargetKind = "REJECT"
	TargetReturn TargetKind = "RETURN"
	// TargetJump and TargetGoto lead to Chain.
	TargetJump TargetKind = "jump"
	TargetGoto TargetKind = "goto"
	// TargetDNAT and TargetSNAT translate to Addrs and Ports; an empty list keeps
	// what was there.
	TargetDNAT       TargetKind = "DNAT"
	TargetSNAT       TargetKind = "SNAT"
	TargetMasquerade TargetKind = "MASQUERADE"
	// TargetRedirect translates to the receiving interface's own address.
	TargetRedirect TargetKind = "REDIRECT"
	// TargetMark sets mark = (mark &^ Mask) ^ Value, and goes on.
	TargetMark TargetKind = "MARK"
	// TargetConnMark goes on. Text is "set" (the connection's mark becomes mark
	// &^ Mask ^ Value), "save" or "restore" (the bits of Mask are copied from the
	// packet's mark to the connection's, or back).
	TargetConnMark TargetKind = "CONNMARK"
	// TargetLog writes to a log and goes on; NFLOG is told as LOG.
	TargetLog TargetKind = "LOG"
	// TargetNoTrack keeps conntrack away from the packet.
	TargetNoTrack TargetKind = "NOTRACK"
	TargetQueue   TargetKind = "NFQUEUE"
	// TargetTCPMSS changes a SYN's segment size, and goes on.
	TargetTCPMSS TargetKind = "TCPMSS"
	// TargetOpaque is what we do not understand whole: Text names it.
	TargetOpaque TargetKind = "opaque"
)

// Target is what a rule does with a packet that matches.
type Target struct {
	Kind  TargetKind `json:",omitempty"`
	Chain string     `json:",omitempty"`
	// To is where a translation leads; the zero Range keeps the address.
	To    AddrRange `json:",omitzero"`
	Ports PortRange `json:",omitzero"`
	Value uint32    `json:",omitempty"`
	Mask  uint32    `json:",omitempty"`
	// Text is REJECT's answer, LOG's prefix, how a translation chooses among equals
	// ("random persistent"), or names what is opaque.
	Text string `json:",omitempty"`
}

// Table returns a table, or nil.
func (n *Netfilter) Table(b Backend, family, name string) *RuleTable {
	if n == nil {
		return nil
	}
	return find(n.Tables, func(t *RuleTable) bool { return t.Backend == b && t.Family == family && t.Name == name })
}

// Chain returns a chain, or nil.
func (t *RuleTable) Chain(name string) *Chain {
	if t == nil {
		return nil
	}
	return find(t.Chains, func(c *Chain) bool { return c.Name == name })
}
