package fact

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// names are the names of a snapshot and what stands for them.
type names struct {
	// sorts says what a name was seen as; one that is several things is "name".
	sorts map[string]string
	// alias is empty until number was called.
	alias map[string]string
	// byWord finds names by their first word in lower case, the longest first.
	byWord map[string][]string
	// hosts are whole names of hosts whose first part is an ordinary word, which
	// stays in sentences where it stands alone; the longest first.
	hosts []string
}

func newNames() *names {
	return &names{sorts: map[string]string{}, alias: map[string]string{}, byWord: map[string][]string{}}
}

// nouns are names that Swarm and the engine give themselves, or that tell nothing.
var nouns = words(`ingress docker_gwbridge docker0 docker host bridge none default null localhost localdomain local nat true false tasks lo
	ingress_sbox ingress-sbox ingress-endpoint gateway lb internal endpoint sbox`)

// ordinary are words of the engines' and our own sentences: a name that is one of
// them stays in sentences, where nobody can tell it from the word.
var ordinary = words(`a an and are as at be by do for from get go has he if in into is it its me my no not of off on one only or our per so that the
	this to too two up us was we were with all already also any been but can cannot could did does down else fail failed failure first found had have how
	id ids ip ips ipv4 ipv6 tcp udp sctp icmp arp dns http https vip mtu ns new next nil no none now old out over port ports run runs running same see set
	since still such than then there time timeout level msg err error errors info warn warning debug fatal panic true false when where which while who
	why will would yes you your task tasks service services node nodes network networks container containers engine engines manager managers worker
	workers swarm docker dockerd daemon overlay bridge host hosts mode global replicated replicas constraint constraints satisfied scheduling suitable
	available insufficient resources max maximum limit use used pending new allocated assigned accepted preparing ready starting started complete
	shutdown rejected remove orphaned exit code non-zero state status message name names address addresses subnet gateway pool exhausted allocation
	missing invalid no such route link peer peers member members join leave dead suspect update updated updating paused completed rollback kernel rule
	rules chain chains table tables interface interfaces device devices read write open close connect connection refused reset reached unreachable
	permission denied operation permitted supported exist exists file directory line lines log logs probe probes look looked ask asked answer answered
	listen listening bind source destination target unhealthy healthy health check checks systemctl start stop restart`)

func words(list string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(list) {
		out[w] = true
	}
	return out
}

// add takes note of a name.
func (n *names) add(name, sort string) {
	switch was := n.sorts[name]; {
	case name == "" || nouns[strings.ToLower(name)]:
	case was == "":
		n.sorts[name] = sort
	case was != sort:
		n.sorts[name] = "name"
	}
}

// stacks adds what stands before "_" in names of several objects: a stack's name.
func (n *names) stacks() {
	count := map[string]int{}
	for name, sort := range n.sorts {
		if stack, _, ok := strings.Cut(name, "_"); ok && (sort == "service" || sort == "network") {
			count[stack]++
		}
	}
	for stack, times := range count {
		if times > 1 && n.sorts[stack] == "" {
			n.add(stack, "stack")
		}
	}
}

// index prepares finding names in sentences. Numbers are no names there.
func (n *names) index() {
	clear(n.byWord)
	for name := range n.sorts {
		if w := firstWord(name); w != "" && strings.Trim(name, "0123456789") != "" {
			w = strings.ToLower(w)
			n.byWord[w] = append(n.byWord[w], name)
		}
	}
	for _, list := range n.byWord {
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	}
}

// firstWord is the word a name begins with; "" where something else comes first.
func firstWord(s string) string { return s[:wordEnd(s, 0)] }

// number gives every name an alias, in the order of the alphabet within each sort,
// so that what was sorted by name still is. IDs with dashes stay IDs.
func (n *names) number(id func(string) string) {
	bySort := map[string][]string{}
	for name, sort := range n.sorts {
		bySort[sort] = append(bySort[sort], name)
	}
	for sort, list := range bySort {
		if sort == "id" {
			for _, name := range list {
				n.alias[name] = id(name)
			}
			continue
		}
		slices.Sort(list)
		base, width := n.base(sort), len(fmt.Sprint(len(list)))
		for i, name := range list {
			n.alias[name] = fmt.Sprintf("%s%0*d", base, width, i+1)
			if (sort == "name" || sort == "dns") && strings.Contains(name, ".") {
				n.alias[name] += ".example" // a name in DNS, which may be a place outside, stays one
			}
		}
	}
}

// base is what aliases of a sort begin with; in no original a word does.
func (n *names) base(sort string) string {
	base := sort + "-"
	for name := range maps.Keys(n.sorts) {
		for strings.Contains(strings.ToLower(name), base) {
			base = "a" + base
		}
	}
	return base
}

// exact returns the alias of a whole name.
func (n *names) exact(s string) string { return n.alias[s] }

// at returns the longest name at the start of s, whose first word has that length.
func (n *names) at(s string, word int) string {
	for _, name := range n.byWord[strings.ToLower(s[:word])] {
		if len(name) <= len(s) && strings.EqualFold(s[:len(name)], name) && ends(s, len(name)) {
			if better := s[:len(name)]; n.sorts[better] != "" {
				return better // the very letters
			}
			return name
		}
	}
	return ""
}

// hostAt returns the whole name of a host at the start of s.
func (n *names) hostAt(s string) string {
	for _, host := range n.hosts {
		if len(host) <= len(s) && strings.EqualFold(s[:len(host)], host) && ends(s, len(host)) {
			return host
		}
	}
	return ""
}

// learnIDs collects the IDs of a snapshot.
func (r *redactor) learnIDs(v reflect.Value, field string) {
	if v.Kind() != reflect.String || v.String() == "" {
		return
	}
	s := v.String()
	switch {
	case isID(v.Type()), fields[field] == asID && v.Type() == reflect.TypeFor[string]():
		if wordEnd(s, 0) < len(s) { // with dashes or colons: a word of its own
			r.names.sorts[s] = "id"
			return
		}
		r.known = append(r.known, s)
	case fields[field] == ofSpace && isHandle(s):
		r.known = append(r.known, s)
	case fields[field] == ofPeer && isHandle(s[max(0, len(s)-12):]):
		r.known = append(r.known, s[max(0, len(s)-12):])
	case field == "Container.SandboxKey":
		if i := strings.LastIndexByte(s, '/'); isHandle(s[i+1:]) {
			r.known = append(r.known, s[i+1:])
		}
	case fields[field] == sentence && v.Type() == reflect.TypeFor[string]():
		r.known = append(r.known, idsIn(s)...)
	}
}

// isHandle: the engine cuts hexadecimal IDs to twelve digits for a handle's or a
// peer's name.
func isHandle(s string) bool { return len(s) == 12 && isHex(s) }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// sorts are the words that aliases of a place begin with.
var sorts = map[place]string{ofNode: "node", ofService: "service", ofNetwork: "network", ofAlias: "alias", ofDomain: "domain"}

// learnNames collects the names that stand for themselves.
func (r *redactor) learnNames(v reflect.Value, field string) {
	if v.Type() != reflect.TypeFor[string]() {
		return
	}
	s, how := v.String(), fields[field]
	switch how {
	case ofPeer:
		if len(s) > 13 && s[len(s)-13] == '-' && isHandle(s[len(s)-12:]) {
			s = s[:len(s)-13]
		}
		if !isHandle(s) {
			r.learnHost(s)
		}
	case ofNode:
		r.learnHost(s)
	case ofConstraint:
		r.learnConstraint(s)
	default:
		if sort := sorts[how]; sort != "" && !r.plainAlready(s) {
			r.names.add(strings.TrimSuffix(s, "."), sort)
		}
	}
}

// learnHost takes a host name apart: programs write it with its domain and without.
func (r *redactor) learnHost(s string) {
	if r.plainAlready(s) {
		return
	}
	host, domain, dotted := strings.Cut(s, ".")
	r.names.add(host, "node")
	r.names.add(domain, "domain")
	if dotted && ordinary[strings.ToLower(host)] && !slices.Contains(r.names.hosts, s) {
		r.names.hosts = append(r.names.hosts, s)
		slices.SortFunc(r.names.hosts, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	}
}

// plainAlready says that a name is an address or an ID all over, or one of Swarm's.
func (r *redactor) plainAlready(s string) bool {
	known, _ := r.isKnown(s)
	number := s != "" && strings.Trim(s, "0123456789") == "" && !known
	return !number && len(r.unknownIn(s)) == 0
}

// learnConstraint collects labels and their values: "node.labels.zone==berlin".
func (r *redactor) learnConstraint(s string) {
	key, value, ok := strings.Cut(s, "==")
	if !ok {
		key, value, ok = strings.Cut(s, "!=")
	}
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	for _, labels := range []string{"node.labels.", "engine.labels."} {
		if label, mine := strings.CutPrefix(key, labels); mine && ok {
			r.names.add(label, "label")
			r.names.add(value, "value")
		}
	}
	if key == "node.hostname" {
		r.learnHost(value)
	}
}

// learnComposed collects names in what was made of several, as far as no other
// name says what they are.
func (r *redactor) learnComposed(v reflect.Value, field string) {
	if v.Type() != reflect.TypeFor[string]() {
		return
	}
	s := v.String()
	left := r.unknownIn
	switch fields[field] {
	case sentence:
		r.learnSentence(s)
	case ofTask:
		name, isTask := service(s)
		if len(left(name)) == 0 {
			return
		}
		r.names.add(name, map[bool]string{true: "service", false: "container"}[isTask])
	case ofKey, asked:
		if len(left(s)) > 0 {
			r.names.add(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(s, "lb-"), "container:"), "."), "name")
		}
	case shortNetwork:
		if known, _ := r.isKnown(s); !known && len(left(s)) > 0 {
			r.names.add(s, "network")
		}
	case ofDNS:
		for _, w := range left(s) {
			r.names.add(w, "dns")
		}
	case ofPath:
		if len(left(s)) > 0 {
			r.names.add(strings.TrimPrefix(s, "/"), "path")
		}
	}
}

// service cuts slot and task off a task's name: "web.1.x0k…" is of "web".
func service(s string) (string, bool) {
	rest, id, ok := cutLast(s)
	rest, slot, ok2 := cutLast(rest)
	if !ok || !ok2 || len(id) != 25 || slot == "" || wordEnd(slot, 0) < len(slot) {
		return s, false
	}
	return rest, true
}

func cutLast(s string) (head, tail string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
