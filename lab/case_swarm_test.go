package lab_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

func tasksListed(t *testing.T, k *kept) {
	rows := inWords(k.on(t, "n1", "docker", "service", "ps", "--no-trunc", "--format", "{{.ID}} {{.DesiredState}} {{.CurrentState}} {{.Node}}", "web", "api"))
	if len(rows) < 6 {
		t.Errorf("listed %v", rows)
	}
	for _, f := range rows {
		task := k.s.Wanted.Task(fact.TaskID(f[0]))
		if task == nil || !strings.EqualFold(task.Desired, f[1]) || !strings.EqualFold(task.State, f[2]) || k.s.Wanted.Node(task.Node).Hostname != f[len(f)-1] {
			lost(t, strings.Join(f, " "))
		}
	}
}

func tasksInspected(t *testing.T, k *kept) {
	for i := range k.s.Wanted.Tasks {
		task := &k.s.Wanted.Tasks[i]
		if task.Service != "web" && task.Service != "api" {
			continue
		}
		in := decoded[[]struct {
			CreatedAt, UpdatedAt time.Time
			Status               struct {
				State           string
				ContainerStatus struct{ ContainerID string }
			}
			NetworksAttachments []struct {
				Network   struct{ ID string }
				Addresses []string
			}
		}](t, k, "n1", "docker", "inspect", "--type", "task", string(task.ID))[0]
		if !task.Created.Equal(in.CreatedAt) || !task.Updated.Equal(in.UpdatedAt) || task.State != in.Status.State || string(task.Container) != in.Status.ContainerStatus.ContainerID {
			lost(t, string(task.ID))
		}
		for _, n := range in.NetworksAttachments {
			for _, a := range n.Addresses {
				if !slices.ContainsFunc(task.Addresses, func(h fact.TaskAddress) bool { return string(h.Network) == n.Network.ID && h.Addr.String() == a }) {
					lost(t, string(task.ID)+" "+a)
				}
			}
		}
	}
}

// logged holds the journal's lines of the windows against the case. What looks
// like a secret differs, so only most must be there.
func logged(t *testing.T, k *kept) {
	for i := range k.s.Nodes {
		n := &k.s.Nodes[i]
		if n.Said == nil || len(n.Said.Windows) == 0 {
			t.Errorf("%s: no log was read", n.Name)
			continue
		}
		w := n.Said.Windows[0]
		out := k.on(t, n.Name, "journalctl", "-q", "-o", "cat", "-t", "dockerd", "--since", stamp(w.From.Truncate(time.Second)), "--until", stamp(w.To))
		there := map[string]bool{}
		for _, l := range n.Said.Lines {
			there[l.Text] = true
		}
		total, found := 0, 0
		for line := range strings.Lines(out) {
			if total++; there[strings.TrimSpace(line)] {
				found++
			}
		}
		if total == 0 || found*10 < total*8 {
			t.Errorf("%s: %d of %d lines of %s to %s are in the case", n.Name, found, total, w.From, w.To)
		}
	}
}

// stamp is a time as journalctl reads it.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

func virtualIPs(t *testing.T, k *kept) {
	n := 0
	for _, name := range []string{"web", "api"} {
		in := decoded[[]struct {
			ID       string
			Endpoint struct {
				VirtualIPs []struct{ NetworkID, Addr string }
			}
		}](t, k, "n1", "docker", "service", "inspect", name)[0]
		s := k.s.Wanted.Service(fact.ServiceID(in.ID))
		for _, v := range in.Endpoint.VirtualIPs {
			n++
			if s == nil || !slices.ContainsFunc(s.VIPs, func(h fact.VIP) bool { return string(h.Network) == v.NetworkID && h.Addr.String() == v.Addr }) {
				lost(t, name+" "+v.Addr)
			}
		}
	}
	if n == 0 {
		t.Error("no service has a virtual IP")
	}
}

// requested asks a published port of each node as the case was asked.
func requested(t *testing.T, k *kept) {
	asked := map[string]bool{}
	for _, p := range k.s.Seen.Published {
		if p.Stage != fact.StageNode || p.Proto != "http" || asked[p.Target.String()] || len(p.Requests) == 0 {
			continue
		}
		asked[p.Target.String()] = true
		out := k.on(t, p.From.Node, "curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "http://"+p.Target.String()+"/")
		if r := p.Requests[0]; strconv.Itoa(r.Status) != strings.TrimSpace(out) {
			t.Errorf("%s: the case has %+v, curl %s", p.Target, r, out)
		}
	}
	if len(asked) < 2 {
		t.Errorf("asked only %v", asked)
	}
}

// marked finds each mark that the sandbox's rules put on packets.
func marked(t *testing.T, k *kept) {
	listing(func(t *testing.T, ns *fact.NetNS, out string) int {
		n := 0
		for _, f := range inWords(out) {
			mark, err := strconv.ParseUint(after(f, "set"), 0, 32)
			if err != nil || f[0] != "MARK" {
				continue
			}
			n++
			if c := heldChain(ns, "mangle", "PREROUTING"); c == nil || !slices.ContainsFunc(c.Rules, func(r fact.Rule) bool {
				return r.Target.Kind == fact.TargetMark && r.Target.Value == uint32(mark)
			}) {
				lost(t, strings.Join(f, " "))
			}
		}
		return n
	}, []string{"iptables", "-w1", "-n", "-L", "PREROUTING", "-t", "mangle"}, fact.RoleIngress)(t, k)
}
