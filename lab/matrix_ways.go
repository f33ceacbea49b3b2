package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// Way is how a matrix has fairway reach the nodes.
type Way string

// The ways. In all but Here the program lies on n1 only, everything is asked there, and drawn nodes are others.
const (
	// Here asks on the drawn node and sees that one only; what two ends are needed for is tried with Agents.
	Here Way = "here"
	// Agents are deployed from n1, which loads their image into the others by SSH.
	Agents Way = "agents"
	// SSH logs in to the others, and there are no agents.
	SSH Way = "ssh"
	// WithAgents has every diagnosis deploy agents and remove them; all engines have their image.
	WithAgents Way = "with-agents"
)

// Ways lists all of them.
func Ways() []Way { return []Way{Here, Agents, SSH, WithAgents} }

// everywhere tells that all nodes are to be seen.
func (w Way) everywhere() bool { return w != Here }

// asker is the node that asks in all ways but Here: the operator's keys are there.
const asker = "n1"

// installed is where the program lies on the asker.
const installed = "/usr/local/bin/fairway"

// prepare puts the program where it belongs, and agents or a real sshd.
func (m *matrix) prepare(ctx context.Context) error {
	l := m.lab
	if err := os.WriteFile(filepath.Join(l.Dir, "fairway"), m.program, 0o755); err != nil || m.way == Here {
		return err
	}
	if m.way == WithAgents {
		if err := l.LoadAgents(ctx); err != nil {
			return err
		}
	}
	if _, err := l.Exec(ctx, asker, "sh", "-ec", "install -m755 /lab/fairway "+installed+"; rm /lab/fairway"); err != nil {
		return err
	}
	if m.way == WithAgents {
		return nil
	}
	if err := l.StartSSH(ctx, asker); err != nil || m.way == SSH {
		return err
	}
	_, err := l.Exec(ctx, asker, installed, "deploy", "--load", "ssh", "--ssh", "root@{addr}")
	return err
}

// command is the program and how it is told to reach the nodes.
func (m *matrix) command() []string {
	switch m.way {
	case Agents:
		return []string{installed, "diagnose"}
	case SSH:
		return []string{installed, "diagnose", "--ssh", "root@{addr}"}
	case WithAgents:
		return []string{installed, "diagnose", "--with-agents"}
	}
	return []string{"/lab/fairway", "diagnose"}
}

// ask puts a question. A diagnosis that deploys agents leaves nothing behind.
func (m *matrix) ask(ctx context.Context, w Want) (report, string, error) {
	if m.way.everywhere() {
		w.On = asker
	}
	var before map[string][]string
	if m.way == WithAgents {
		before = m.lab.holds(ctx)
	}
	got, evidence, err := m.lab.diagnose(ctx, m.command(), w)
	if err == nil && m.way == WithAgents {
		err = m.lab.expectHeld(ctx, before)
	}
	for _, c := range got.without(ambient(w)) {
		fmt.Fprintf(m.Out, "%-6s %-11s not held against it, for this machine is busy: %s on %s\n", m.engine, m.Way, c.ID, c.Node)
	}
	return got, evidence, err
}

// hidden are the nodes that need not be seen.
func (m *matrix) hidden(w Want) []string {
	if m.way == WithAgents {
		return slices.Concat(w.Unseen, w.NoAgents)
	}
	return w.Unseen
}

// draw draws for a trial; where all nodes are seen, nodes other than the one that asks.
func (m *matrix) draw(ctx context.Context, fault string, r *row) (*Draw, error) {
	for {
		d, err := m.lab.draw(ctx, fault, DrawOptions{Seed: r.Seed})
		// A peer that asks is cut off from everybody by some faults.
		if err != nil || !m.way.everywhere() || d.Node != asker && d.Peer != asker {
			return d, err
		}
		r.Seed++
	}
}

// fit: the lab can be used for the next trial. Faults spare the managers' leader, so that must be the node that asks: else
// no two others are left.
func (m *matrix) fit(ctx context.Context, way Way) bool {
	if m.lab == nil || m.way != way || !way.everywhere() {
		return m.lab != nil && m.way == way
	}
	leader, err := m.lab.leader(ctx)
	return err == nil && leader == asker
}

// LoadAgents puts fairway's image on every node; the program lies in the state folder.
func (l *Lab) LoadAgents(ctx context.Context) error {
	if _, err := l.Exec(ctx, asker, "/lab/fairway", "image", "-o", "/lab/fairway.tar"); err != nil {
		return err
	}
	return l.each(func(n Node) error {
		_, err := l.Exec(ctx, n.Name, "docker", "load", "-i", "/lab/fairway.tar")
		return err
	})
}

// DeployAgents puts fairway's image on every node and has it deploy its agents; the program lies in the state folder.
func (l *Lab) DeployAgents(ctx context.Context) error {
	if err := l.LoadAgents(ctx); err != nil {
		return err
	}
	_, err := l.Exec(ctx, asker, "/lab/fairway", "deploy")
	return err
}

// holds is what engines hold, by node, and the whole Swarm under the empty name: who does not answer is not there. Tasks'
// containers are left out, because Swarm keeps and replaces them, but for those of fairway's own service.
func (l *Lab) holds(ctx context.Context) map[string][]string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out := map[string][]string{}
	for _, n := range l.Nodes {
		api, err := l.API(n.Name)
		if err != nil {
			continue
		}
		if held, err := engineHolds(ctx, api); err == nil {
			out[n.Name] = held
		}
		if _, ok := out[""]; ok || !n.Manager {
			continue
		}
		if held, err := swarmHolds(ctx, api); err == nil {
			out[""] = held
		}
	}
	return out
}

func engineHolds(ctx context.Context, api *client.Client) ([]string, error) {
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, err
	}
	networks, err := api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range containers.Items {
		if service := c.Labels["com.docker.swarm.service.name"]; service == "" || strings.Contains(service, "fairway") {
			out = append(out, fmt.Sprint("container ", c.Names))
		}
	}
	for _, n := range networks.Items {
		out = append(out, "network "+n.Name+" "+n.ID)
	}
	slices.Sort(out)
	return out, nil
}

func swarmHolds(ctx context.Context, api *client.Client) ([]string, error) {
	services, err := api.ServiceList(ctx, client.ServiceListOptions{})
	if err != nil {
		return nil, err
	}
	secrets, err := api.SecretList(ctx, client.SecretListOptions{})
	if err != nil {
		return nil, err
	}
	configs, err := api.ConfigList(ctx, client.ConfigListOptions{})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range services.Items {
		out = append(out, "service "+s.Spec.Name)
	}
	for _, s := range secrets.Items {
		out = append(out, "secret "+s.Spec.Name)
	}
	for _, c := range configs.Items {
		out = append(out, "config "+c.Spec.Name)
	}
	slices.Sort(out)
	return out, nil
}

// expectHeld waits until all engines that answer hold what they held: workers remove a container a moment after the
// managers have forgotten its service.
func (l *Lab) expectHeld(ctx context.Context, before map[string][]string) error {
	return poll(ctx, 15*time.Second, "the engines to hold what they held", func() (bool, error) {
		var errs []error
		for node, now := range l.holds(ctx) {
			was, known := before[node]
			extra := slices.DeleteFunc(slices.Clone(now), func(x string) bool { return slices.Contains(was, x) })
			lost := slices.DeleteFunc(slices.Clone(was), func(x string) bool { return slices.Contains(now, x) })
			if known && len(extra)+len(lost) > 0 {
				errs = append(errs, fmt.Errorf("%q has more: %q, less: %q", node, extra, lost))
			}
		}
		return len(errs) == 0, errors.Join(errs...)
	})
}
