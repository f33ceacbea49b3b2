package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/spf13/pflag"

	"fairway/internal/deploy"
	"fairway/internal/fact"
	"fairway/internal/fleet"
	"fairway/internal/render"
)

// reachFlags say how other nodes are reached.
type reachFlags struct {
	ssh        string
	sudo       bool
	withAgents bool
}

func (f *reachFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.ssh, "ssh", "", "log in to nodes without agent as `user@{addr}`; {addr} is a node's address, {host} its name")
	fs.BoolVar(&f.sudo, "ssh-sudo", false, "use sudo -n there")
	fs.BoolVar(&f.withAgents, "with-agents", false, "deploy agents first, with --ssh also their image, and remove them afterwards; the image stays")
}

func (f *reachFlags) validate() error {
	if f.sudo && f.ssh == "" {
		return usagef("--ssh-sudo needs to know how to log in: give --ssh 'user@{addr}'")
	}
	return nil
}

// machines are Go's architectures as `uname -m` says them.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l", "riscv64": "riscv64",
	"ppc64le": "ppc64le", "s390x": "s390x"}

// sshWay prepares to log in to nodes with this very program; nil without a
// target.
func sshWay(target string, sudo bool) (*fleet.SSH, error) {
	if target == "" {
		return nil, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's own file: %w", err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return nil, fmt.Errorf("read this program's own file: %w", err)
	}
	return &fleet.SSH{Target: target, Sudo: sudo, Program: program, Arch: cmp.Or(machines[runtime.GOARCH], runtime.GOARCH)}, nil
}

// reached takes a snapshot, with agents around it where they are asked for, and
// says what was put somewhere for that and what became of it.
func (c *command) reached(ctx context.Context, q fact.Question, f *diagnoseFlags, keep func(*fact.Snapshot)) (*fact.Snapshot, []string, error) {
	ssh, err := sshWay(f.reach.ssh, f.reach.sudo)
	if err != nil {
		return nil, nil, err
	}
	if ssh != nil && f.logs.places.engine != "" {
		ssh.Agent = []string{"--engine-log", f.logs.places.engine}
	}
	var changed []string
	if ssh != nil {
		changed = append(changed, "Where it logged in over SSH, fairway ran from a temporary file of its own, which is removed at the end.")
	}
	look := func(ctx context.Context) (*fact.Snapshot, error) { return c.look(ctx, q, f, ssh, keep) }
	if !f.reach.withAgents {
		s, err := look(ctx)
		return s, changed, err
	}
	s, agents, err := c.amongAgents(ctx, f, ssh, look)
	return s, append(changed, agents...), err
}

// amongAgents takes a snapshot while agents are deployed.
func (c *command) amongAgents(ctx context.Context, f *diagnoseFlags, ssh *fleet.SSH, look func(context.Context) (*fact.Snapshot, error)) (*fact.Snapshot, []string, error) {
	d := deployFlags{port: deploy.Port, netnsDir: deploy.NetnsDir, ssh: f.reach.ssh, sshSudo: f.reach.sudo, logs: logPlaces{engine: f.logs.places.engine}}
	plan, err := d.plan()
	if err != nil {
		return nil, nil, err
	}
	swarm, done, err := c.swarm(ctx, plan, time.Minute)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	swarm.Loads = "--ssh 'user@{addr}' beside --with-agents brings it there, and so does `fairway deploy --load mesh`"
	// The report is what standard output is for.
	swarm.Say = func(line string) { _, _ = fmt.Fprintln(c.env.Stderr, c.fit(c.env.Stderr, line)) }
	if ssh != nil {
		swarm.Loads = "`fairway deploy --load mesh` brings it there"
		if swarm.Load, err = loadBySSH(d, plan.Image); err != nil {
			return nil, nil, err
		}
	}
	defer c.hold("still taking the agents away; a third time leaves them there, and `fairway remove` does it")()
	defer context.AfterFunc(ctx, func() {
		_, _ = fmt.Fprintln(c.env.Stderr, "interrupted: cleaning up, which takes a few seconds")
	})()
	return c.amid(ctx, swarm, plan, look)
}

// amid looks while agents are deployed or, where none can be, without them.
func (c *command) amid(ctx context.Context, swarm *deploy.Swarm, plan deploy.Plan, look func(context.Context) (*fact.Snapshot, error)) (s *fact.Snapshot, changed []string, err error) {
	began, looked := false, false
	created, err := swarm.With(ctx, plan, func(ctx context.Context) error {
		began = true
		s, err = look(ctx)
		looked = err == nil
		return err
	})
	changed = put(created, looked && err != nil, plan.Options.Image)
	switch {
	case err == nil:
	case !began && ctx.Err() == nil:
		// Managers without a leader take no service, and are a reason to ask.
		_, _ = fmt.Fprintf(c.env.Stderr, "fairway: no agents for this run: %s\n", render.Clean(err.Error()))
		s, err = look(ctx)
	case s != nil:
		// What was learnt is not lost because the agents could not be taken away.
		_, _ = fmt.Fprintln(c.env.Stderr, "fairway:", err)
		err = nil
	}
	return s, changed, err
}

// put says what became of the agents of one run. left: they could not be taken
// away.
func put(created, left bool, image string) []string {
	switch {
	case !created:
		return nil // they were there before, and still are
	case left:
		return []string{"The agents (a service with its secrets) were deployed and could not all be taken away: `fairway remove` does it. Their image " + image + " stays on the nodes."}
	}
	return []string{"The agents (a service with its secrets) were deployed for this run and taken away again; their image " + image + " stays on the nodes."}
}
