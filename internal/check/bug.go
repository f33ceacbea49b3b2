package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// Bug is what the engine's maintainers ask for beyond what is in a report.
type Bug struct {
	Title string
	// Setup are the commands that make networks and services like those in question.
	Setup []string
	// Versions is `docker version` of all nodes, Info the essentials of `docker info`
	// of those that were looked at.
	Versions, Info []Listing
	// Tables are what gossip told the nodes at both ends, Kernel what their kernels
	// hold; Logs are lines around the trouble, of all nodes whose logs were read.
	Tables, Kernel, Logs []Listing
}

// Listing is some lines as a command on one node would print them.
type Listing struct {
	// Title says what it is; Node is where, empty for all.
	Title, Node string
	Lines       []string
}

// How much a bug report holds: issues are read by people.
const (
	mostBugNodes = 4
	mostBugInfos = 12
	mostBugLogs  = 120
)

// bug gathers what goes into a bug report.
type bug struct {
	s  *fact.Snapshot
	r  *Report
	sc expect.Scope
	// nodes are those at both ends, nets what they share.
	nodes []*fact.Node
	nets  []fact.NetworkID
}

// BugReport gathers what maintainers ask for, of the nodes and networks that a
// report names. It is computed from the same snapshot, live or replayed.
func BugReport(s *fact.Snapshot, r *Report) *Bug {
	b := &bug{s: s, r: r}
	// Without a scope (no engine told anything) the report names the nodes.
	b.sc, _ = expect.Resolve(s)
	b.nets = b.networks()
	b.nodes = b.ends()
	return &Bug{Title: b.title(), Setup: b.setup(), Versions: b.versions(), Info: b.info(), Tables: b.tables(), Kernel: b.kernel(), Logs: b.logs()}
}

func (b *bug) title() string {
	var versions []string
	for _, n := range b.nodes {
		if n.Engine != nil && n.Engine.Version != "" && !slices.Contains(versions, n.Engine.Version) {
			versions = append(versions, n.Engine.Version)
		}
	}
	what := "overlay network: connections fail, and no cause was found"
	if len(b.r.Causes) > 0 {
		what = b.r.Causes[0].Title
	}
	if len(versions) == 0 {
		return what
	}
	return fmt.Sprintf("%s (Docker %s)", what, strings.Join(versions, ", "))
}

// networks are those that the causes name, else those of the question.
func (b *bug) networks() []fact.NetworkID {
	var out []fact.NetworkID
	for i := range b.r.Causes {
		if id := b.networkNamed(b.r.Causes[i].Network); id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	if len(out) > 0 {
		return out
	}
	out = b.sc.Overlays()
	return out[:min(3, len(out))]
}

func (b *bug) networkNamed(name string) fact.NetworkID {
	if name == "" {
		return ""
	}
	if b.s.Wanted != nil {
		for _, n := range b.s.Wanted.Networks {
			if n.Name == name {
				return n.ID
			}
		}
	}
	for i := range b.s.Nodes {
		if e := b.s.Nodes[i].Engine; e != nil {
			for k := range e.Networks {
				if e.Networks[k].Name == name {
					return e.Networks[k].ID
				}
			}
		}
	}
	return ""
}

// ends are the nodes that the causes name, else those of failed connections, else
// those on the path.
func (b *bug) ends() []*fact.Node {
	var names []string
	add := func(list ...string) {
		for _, n := range list {
			if n != "" && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	for i := range b.r.Causes {
		add(b.r.Causes[i].Node, b.r.Causes[i].Peer)
	}
	for i := range b.r.Probes {
		if p := &b.r.Probes[i]; failed(p.Outcome) {
			add(p.FromNode, p.ToNode)
		}
	}
	if len(names) < 2 {
		for _, id := range expect.PathNodes(&b.sc) {
			add(expect.NodeName(b.s, id))
		}
	}
	var out []*fact.Node
	for _, name := range names {
		if n := b.s.NodeNamed(name); n != nil && len(out) < mostBugNodes {
			out = append(out, n)
		}
	}
	return out
}

// setup is the question's networks and services as the commands that make them.
func (b *bug) setup() []string {
	var out []string
	for _, id := range b.nets {
		if n := expect.Network(b.s, id); n != nil {
			out = append(out, networkCommand(n))
		}
	}
	if b.s.Wanted == nil {
		return out
	}
	for i := range b.s.Wanted.Services {
		svc := &b.s.Wanted.Services[i]
		if slices.Contains(b.sc.FromServices, svc.ID) || slices.Contains(b.sc.ToServices, svc.ID) ||
			slices.ContainsFunc(b.sc.Mesh, func(p expect.Published) bool { return p.Service == svc.ID }) {
			out = append(out, b.serviceCommand(svc))
		}
	}
	return out[:min(20, len(out))]
}

func networkCommand(n *fact.Network) string {
	args := []string{"docker", "network", "create", "--driver", n.Driver}
	for _, f := range []struct {
		flag string
		on   bool
	}{{"--ingress", n.Ingress}, {"--attachable", n.Attachable}, {"--internal", n.Internal}, {"--ipv6", n.IPv6}} {
		if f.on {
			args = append(args, f.flag)
		}
	}
	for _, s := range n.Subnets {
		args = append(args, "--subnet", s.Prefix.String())
	}
	if n.Encrypted {
		args = append(args, "--opt", "encrypted")
	}
	if n.MTU != 0 {
		args = append(args, "--opt", fmt.Sprintf("com.docker.network.driver.mtu=%d", n.MTU))
	}
	if n.DSR {
		args = append(args, "--opt", "dsr")
	}
	return typed(append(args, n.Name))
}

func (b *bug) serviceCommand(s *fact.Service) string {
	args := []string{"docker", "service", "create", "--name", s.Name}
	if s.Mode == "replicated" {
		args = append(args, "--replicas", fmt.Sprint(s.Replicas))
	} else {
		args = append(args, "--mode", s.Mode)
	}
	if s.EndpointMode == "dnsrr" {
		args = append(args, "--endpoint-mode", "dnsrr")
	}
	for _, a := range s.Attached {
		args = append(args, "--network", expect.NetworkName(b.s, a.Network))
	}
	for _, p := range s.Ports {
		args = append(args, "--publish", fmt.Sprintf("published=%d,target=%d,protocol=%s,mode=%s", p.Published, p.Target, cmp.Or(p.Proto, "tcp"), cmp.Or(p.Mode, "ingress")))
	}
	for _, c := range s.Constraints {
		args = append(args, "--constraint", c)
	}
	return typed(append(args, "IMAGE"))
}

// typed is a command as a shell takes it.
func typed(args []string) string {
	for i, a := range args {
		args[i] = fact.Quoted(a)
	}
	return strings.Join(args, " ")
}

// logs are the lines around the trouble, of every node whose logs were read. Where
// they are many, what an engine tells for information only is left out.
func (b *bug) logs() []Listing {
	bad := b.troubleAt()
	var out []Listing
	for i := range b.s.Nodes {
		n := &b.s.Nodes[i]
		if n.Said == nil {
			continue
		}
		var near []fact.LogLine
		for _, line := range n.Said.Lines {
			if strings.Contains(line.Text, ownDoing) {
				continue
			}
			at := line.At.Add(-n.ClockOffset)
			next, _ := slices.BinarySearchFunc(bad, at.Add(-aroundTrouble), time.Time.Compare)
			if next < len(bad) && bad[next].Sub(at) <= aroundTrouble {
				near = append(near, line)
			}
		}
		if len(near) > mostBugLogs/2 {
			near = slices.DeleteFunc(near, func(l fact.LogLine) bool { return chatter(n, &l) })
		}
		l := Listing{Title: "engine and kernel log (times by the clock of the host that asked)", Node: n.Name}
		for _, line := range near[max(0, len(near)-mostBugLogs):] {
			l.Lines = append(l.Lines, fmt.Sprintf("%s %s: %s", line.At.Add(-n.ClockOffset).UTC().Format("2006-01-02T15:04:05.000Z"), line.From, line.Text))
		}
		if len(l.Lines) > 0 {
			out = append(out, l)
		}
	}
	return out
}

// aroundTrouble is how far from trouble a line of a log may be.
const aroundTrouble = 20 * time.Second

// troubleAt lists when something worth a look at the logs happened, sorted.
func (b *bug) troubleAt() []time.Time {
	var bad []time.Time
	for _, e := range b.r.Timeline {
		if e.Telling && (e.Picture == "said" || e.Picture == "seen" || strings.Contains(e.What, "fail") || strings.Contains(e.What, "reject")) {
			bad = append(bad, e.At)
			if e.Until != nil {
				bad = append(bad, *e.Until)
			}
		}
	}
	slices.SortFunc(bad, time.Time.Compare)
	return bad
}

// chatter: an engine's line for information or debugging whose meaning is not known.
func chatter(n *fact.Node, l *fact.LogLine) bool {
	if l.From != fact.FromEngine || !strings.Contains(l.Text, "level=info") && !strings.Contains(l.Text, "level=debug") {
		return false
	}
	i, known := slices.BinarySearchFunc(n.Said.Statements, l.At, func(st fact.Statement, at time.Time) int { return st.At.Compare(at) })
	return !known || n.Said.Statements[i].From != l.From
}

// ownDoing is logged, as an error, for each endpoint of a verbose network
// inspection (seen on 26.1 to 29): looking makes it, and nobody should chase it.
const ownDoing = "Inconsistent driver and libnetwork state for endpoint"
