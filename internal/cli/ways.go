package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"fairway/internal/collect"
	"fairway/internal/deploy"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/fleet"
)

// knock is how long a node may take to open a connection to its agent.
const knock = 2 * time.Second

// ways are the ways to the nodes of the Swarm: this host, an agent, SSH.
type ways struct {
	// here is the node whose engine was dialled.
	here fleet.Node
	ssh  *fleet.SSH
	// config is the operator's configuration folder, where the key is.
	config string
	now    func() time.Time

	mu sync.Mutex
	// found are the nodes that answered, by host name.
	found map[string]way
}

type way struct {
	id   fact.NodeID
	node fleet.Node
}

func newWays(engine *collect.Engine, o LookOptions) *ways {
	return &ways{here: &local{engine: engine, now: o.Now}, ssh: o.SSH, config: o.Config, now: o.Now, found: map[string]way{}}
}

// to finds the way to a node: its agent, else SSH; or it says why there is
// none and what to do. Both looks share what was found.
func (w *ways) to(ctx context.Context, s *fact.Snapshot, h host) (fleet.Node, *fact.Gap) {
	w.mu.Lock()
	known, ok := w.found[h.name]
	w.mu.Unlock()
	if ok {
		return known.node, nil
	}
	n, why := w.agent(ctx, s, h)
	if n == nil && w.ssh != nil {
		var err error
		if n, err = w.ssh.Node(ctx, h.name, h.addr); err != nil {
			return nil, unseen(h.name, err.Error(), "log in by hand with the same ssh target, once, and see what it asks")
		}
	}
	if n == nil {
		return nil, why
	}
	if h.id != "" {
		n = fleet.Checked(h.id, "", n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found[h.name] = way{h.id, n}
	return n, nil
}

func unseen(node, why, do string) *fact.Gap {
	return &fact.Gap{Node: node, Kind: fact.KindNode, Class: fact.ClassUnseen, Reason: why, Do: do}
}

// agent speaks to a node's agent, or says why it cannot.
func (w *ways) agent(ctx context.Context, s *fact.Snapshot, h host) (fleet.Node, *fact.Gap) {
	service := agentService(s)
	switch {
	case s.Wanted == nil:
		return w.unmanaged(ctx, s, h)
	case service == nil:
		return nil, w.noAgents(s, h)
	}
	config, gap := w.key(s, service, h)
	if gap != nil {
		return nil, gap
	}
	at := netip.AddrPortFrom(h.addr, service.AgentPort)
	n, hello, err := greet(ctx, h, at, config)
	switch {
	case err != nil:
		return nil, noAnswer(s, service, h, at, err)
	case h.id != "" && hello.Node != "" && hello.Node != h.id:
		n.Close()
		return nil, unseen(h.name, fmt.Sprintf("the agent at %s says it is node %q and not %q", at, hello.Node, h.id), "look for two hosts with one address")
	}
	return n, nil
}

// greet opens the way to an agent and hears who it is.
func greet(ctx context.Context, h host, at netip.AddrPort, config *tls.Config) (fleet.Node, *fleet.Hello, error) {
	n := fleet.Dial(h.name, func(ctx context.Context) (net.Conn, error) {
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: knock}, Config: config}
		return d.DialContext(ctx, "tcp", at.String())
	})
	ctx, cancel := context.WithTimeout(ctx, 2*knock)
	defer cancel()
	hello, err := n.Hello(ctx)
	if err != nil {
		n.Close()
		return nil, nil, err
	}
	return n, hello, nil
}

// agentService is fairway's own service, nil when none is deployed or nobody
// can tell.
func agentService(s *fact.Snapshot) *fact.Service {
	if s.Wanted == nil {
		return nil
	}
	i := slices.IndexFunc(s.Wanted.Services, func(x fact.Service) bool { return x.AgentPort != 0 && x.Name == deploy.Service })
	if i < 0 {
		return nil
	}
	return &s.Wanted.Services[i]
}

func (w *ways) noAgents(s *fact.Snapshot, h host) *fact.Gap {
	why := fmt.Sprintf("not looked at: no agents are deployed, so this run saw %s only", expect.NodeName(s, s.Here))
	if s.Wanted == nil {
		why = fmt.Sprintf("not looked at: without the managers nobody knows of agents, so this run saw %s only", expect.NodeName(s, s.Here))
	}
	if n := s.Wanted.Node(h.id); n != nil && n.State != "ready" {
		why += fmt.Sprintf("; the managers say it is %s", n.State)
	}
	return unseen(h.name, why, "`fairway deploy`, or diagnose with --with-agents, or with --ssh 'user@{addr}'")
}

// key reads the operator's key for this Swarm's agents.
func (w *ways) key(s *fact.Snapshot, service *fact.Service, h host) (*tls.Config, *fact.Gap) {
	const rotate = "diagnose with --ssh 'user@{addr}', or `fairway deploy --rotate`, which makes new keys and ends your colleagues'"
	folder, err := deploy.KeyFolder(w.config, s.Wanted.ClusterID)
	if err != nil {
		return nil, unseen(h.name, err.Error(), rotate)
	}
	again := fmt.Sprintf("copy the files of %s from whoever deployed them, or %s", folder, rotate)
	keys, err := deploy.ReadKeys(folder)
	switch {
	case err != nil:
		return nil, unseen(h.name, err.Error(), "run fairway as the user who deployed the agents")
	case keys == nil:
		return nil, unseen(h.name, "not looked at: agents are deployed, but their key is not here (it is with the user who deployed them)", again)
	case keys.Fingerprint() != service.AgentCA:
		return nil, unseen(h.name, "not looked at: the agents were deployed with another key than the one here", again)
	}
	config, err := fleet.ClientTLS(keys.CA, keys.Cert, keys.Key, w.now)
	if err != nil {
		return nil, unseen(h.name, err.Error(), rotate)
	}
	return config, nil
}

// noAnswer says why an agent does not answer, by what the managers know of the
// node and of the agent's task there.
func noAnswer(s *fact.Snapshot, service *fact.Service, h host, at netip.AddrPort, err error) *fact.Gap {
	n := s.Wanted.Node(h.id)
	switch {
	case n == nil:
	case n.State != "ready":
		return unseen(h.name, fmt.Sprintf("not looked at: the managers say it is %s", n.State), "start that host or its engine")
	case n.Availability == "drain":
		return unseen(h.name, "not looked at: it is drained, and global services do not run on drained nodes", "diagnose with --ssh 'user@{addr}'")
	}
	task, lacking := newestTask(s, service.ID, h.id), false
	if task != nil && !task.Running() && !task.Terminal() { // the next try after those that failed
		lacking = slices.ContainsFunc(s.Wanted.Tasks, func(t fact.Task) bool {
			return t.ServiceID == service.ID && t.Node == h.id && t.Terminal() && deploy.NotLoaded(t.Err)
		})
	}
	switch {
	case task == nil && n != nil && n.Availability == "pause":
		return unseen(h.name, "not looked at: it is paused, and no agent was there before", "diagnose with --ssh 'user@{addr}'")
	case task == nil:
		return unseen(h.name, fmt.Sprintf("not looked at: the managers have put no agent there (%s)", plainly(err)), "`fairway deploy` says more")
	case lacking, deploy.NotLoaded(task.Err):
		return unseen(h.name, "not looked at: its engine lacks the agents' image",
			"`fairway deploy --load mesh` or `fairway deploy --load ssh` brings it there, and so does --with-agents with --ssh 'user@{addr}'; by hand: `fairway image -o - | ssh NODE docker load`")
	case task.State != "running":
		return unseen(h.name, fmt.Sprintf("not looked at: its agent's task is %s: %s", task.State, cmp.Or(task.Err, task.Message)), "`fairway deploy` says more")
	}
	do := fmt.Sprintf("if that host is up, let TCP port %d through between the nodes, or diagnose with --ssh 'user@{addr}'", at.Port())
	if errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) {
		do = "see that the host is up and that there is a way to it: `ping " + at.Addr().String() + "`"
	}
	return unseen(h.name, fmt.Sprintf("not looked at: the managers say that its agent runs, and %s does not answer (%s)", at, plainly(err)), do)
}

// plainly is what went wrong on the way to a node, without the words of the
// machinery that asked.
func plainly(err error) string {
	var timeout net.Error
	for _, known := range []struct {
		cause error
		says  string
	}{{syscall.ECONNREFUSED, "connection refused"}, {syscall.EHOSTUNREACH, "no route to the host"}, {syscall.ENETUNREACH, "no route to its network"}} {
		if errors.Is(err, known.cause) {
			return known.says
		}
	}
	said := err.Error()
	switch i := strings.Index(said, "no answer within "); {
	case i >= 0: // the fleet knows how long it waited
		within, _, _ := strings.Cut(said[i:], ":")
		return within
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer within %v", 2*knock)
	}
	return said
}

func newestTask(s *fact.Snapshot, service fact.ServiceID, node fact.NodeID) *fact.Task {
	var out *fact.Task
	for i := range s.Wanted.Tasks {
		t := &s.Wanted.Tasks[i]
		if t.ServiceID == service && t.Node == node && (out == nil || t.Created.After(out.Created)) {
			out = t
		}
	}
	return out
}

// knows notes which node it is that answers, where the managers did not tell.
func (w *ways) knows(name string, id fact.NodeID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.found[name]; ok && f.id == "" {
		w.found[name] = way{id, f.node}
	}
}

// open returns the way to a node that was looked at.
func (w *ways) open(id fact.NodeID) fleet.Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.found {
		if f.id == id && id != "" {
			return f.node
		}
	}
	return w.here
}

// logs says where this host's logs are.
func (w *ways) logs(p logPlaces) {
	if l, ok := w.here.(*local); ok {
		l.logs = p
	}
}

// close lets every node go, all at once: an ssh session takes its time.
func (w *ways) close() {
	var wg sync.WaitGroup
	for _, f := range w.found {
		wg.Go(func() { f.node.Close() })
	}
	wg.Wait()
	w.here.Close()
}
