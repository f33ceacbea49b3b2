package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"fairway/internal/collect"
	"fairway/internal/deploy"
)

type deployFlags struct {
	image, binary, load, netnsDir, ssh string
	port                               uint16
	rotate, sshSudo, registryAuth      bool
	wait                               time.Duration
	logs                               logPlaces
	volatile                           bool
}

func (c *command) deploy() *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Put an agent on every node, as a global service",
		Long: `Deploy puts an agent on every node, as the global service ` + deploy.Service + `, so
that one diagnosis sees them all. The agents change nothing; only who has the
key that deploy leaves in your configuration folder can speak to them.

Every node needs the image. --load mesh brings it there through the Swarm
itself: for that moment a read-only registry runs on this manager, published in
the routing mesh, and every engine checks what it gets by its digest. Where the
mesh is what is broken: --load ssh, --image, or ` + "`fairway image`" + ` by hand.

Run it again at any time: it changes only what differs.`,
		Example: "  fairway deploy --load mesh\n  fairway deploy --load ssh\n  fairway deploy --load ssh --ssh 'ops@{addr}' --ssh-sudo\n  fairway deploy --image registry.example/ops/fairway:1.0\n  fairway deploy --rotate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.ran = cmd
			return c.runDeploy(cmd.Context(), f)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.image, "image", "", "run this `reference` of your own registry, REGISTRY/NAME:TAG")
	fs.BoolVar(&f.registryAuth, "with-registry-auth", false, "let the nodes pull it with your login of its registry, as docker does with this flag")
	fs.StringVar(&f.binary, "binary", "", "run the program at this `path` instead of this very one")
	fs.StringVar(&f.load, "load", "", "bring the image to the nodes that lack it in this `way`: mesh, through the Swarm itself, or ssh")
	fs.StringVar(&f.ssh, "ssh", "", "log in as `user@{addr}`; {addr} is a node's address, {host} its name; without it, as your ssh configuration says")
	fs.BoolVar(&f.sshSudo, "ssh-sudo", false, "use sudo -n there")
	fs.Uint16Var(&f.port, "port", deploy.Port, "TCP `port` that agents listen on")
	fs.StringVar(&f.netnsDir, "netns-dir", deploy.NetnsDir, "the engines' `folder` of network namespaces")
	f.logs.add(fs)
	fs.BoolVar(&f.logs.ring, "kernel-ring", false, "let agents read the kernel's ring buffer, where no log has kernel lines (capability SYSLOG)")
	fs.BoolVar(&f.volatile, "volatile-journal", false, "mount /run/log/journal, too; an agent does not start on a node that has no such folder")
	fs.BoolVar(&f.rotate, "rotate", false, "make new keys; all agents restart and all others' keys end")
	fs.DurationVar(&f.wait, "wait", time.Minute, "wait at most this `duration` for the agents")
	return cmd
}

func (f *deployFlags) validate() error {
	switch {
	case f.image != "" && f.binary != "":
		return usagef("--image and --binary contradict each other: the image holds a program already")
	case f.image != "" && f.load != "":
		return usagef("--image and --load contradict each other: the nodes pull the image from its registry")
	case f.registryAuth && f.image == "":
		return usagef("--with-registry-auth is of no use without --image: nothing else is pulled")
	case f.load != "" && f.load != "ssh" && f.load != "mesh":
		return usagef("--load %q is not known: mesh and ssh are", f.load)
	case f.load != "ssh" && (f.ssh != "" || f.sshSudo):
		return usagef("--ssh is of no use without --load ssh")
	case f.port == 0:
		return usagef("port 0 is out of range: 1 to 65535")
	case !filepath.IsAbs(f.netnsDir):
		return usagef("--netns-dir %q is no absolute path", f.netnsDir)
	case f.wait <= 0:
		return usagef("--wait %v is not more than 0", f.wait)
	case f.image != "":
		if err := deploy.CheckReference(f.image); err != nil {
			return usageError{err}
		}
	}
	return f.logs.validate()
}

// plan is what the flags ask for.
func (f *deployFlags) plan() (deploy.Plan, error) {
	p := deploy.Plan{Rotate: f.rotate, Options: deploy.Options{Port: f.port, NetnsDir: filepath.Clean(f.netnsDir),
		VolatileJournal: f.volatile, EngineLog: f.logs.engine, KernelRing: f.logs.ring}}
	if f.image != "" {
		p.Options.Image = f.image
		return p, nil
	}
	i, err := nodeImage(f.binary, "")
	if err != nil {
		return p, err
	}
	p.Mesh = f.load == "mesh"
	p.Image, p.Options.Image, p.Hash, p.Arch = i, i.Reference, i.Binary.Hash, i.Binary.Arch
	return p, nil
}

func (c *command) runDeploy(ctx context.Context, f deployFlags) error {
	if err := cmp.Or(f.validate(), c.engine.validate()); err != nil {
		return err
	}
	p, err := f.plan()
	if err != nil {
		return err
	}
	s, done, err := c.swarm(ctx, p, f.wait)
	if err != nil {
		return toolError{err}
	}
	defer done()
	if f.registryAuth {
		if s.Login, err = login(c.env, f.image); err != nil {
			return toolError{err}
		}
	}
	s.Loads = otherWays[f.load]
	if f.load == "ssh" {
		// The operator's ssh configuration knows which user that is.
		f.ssh = cmp.Or(f.ssh, "{addr}")
		if s.Load, err = loadBySSH(f, p.Image); err != nil {
			return toolError{err}
		}
	}
	defer c.hold("still taking back what was not finished; a third time leaves it there, and `fairway remove` takes it away")()
	nodes, err := s.Deploy(ctx, p)
	if err != nil {
		return toolError{err}
	}
	return verdict(nodes)
}

// otherWays are the ways to bring the image to nodes but for the one that was
// taken.
var otherWays = map[string]string{
	"":     "`fairway deploy --load mesh` brings it there through the Swarm itself, `fairway deploy --load ssh` over SSH",
	"mesh": "`fairway deploy --load ssh` brings it there over SSH, --image from a registry of your own",
	"ssh":  "`fairway deploy --load mesh` brings it there through the Swarm itself, --image from a registry of your own",
}

// verdict is an error where a node that should have an agent has none.
func verdict(nodes []deploy.NodeState) error {
	var without []string
	meant := 0
	for _, n := range nodes {
		if n.Meant() {
			meant++
		}
		if n.Meant() && n.State != deploy.Running {
			without = append(without, n.Name)
		}
	}
	if len(without) > 0 {
		return toolError{fmt.Errorf("no agent answers on %d of %d nodes: %s", len(without), meant, strings.Join(without, ", "))}
	}
	return nil
}

// swarm opens the Swarm that flags and environment mean; done closes it again.
func (c *command) swarm(ctx context.Context, p deploy.Plan, wait time.Duration) (*deploy.Swarm, func(), error) {
	api, err := collect.Client(ctx, c.where(0))
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		// Output that cannot be written does not end a deployment half-way.
		_, _ = fmt.Fprintln(c.env.Stdout, c.fit(c.env.Stdout, line))
	}
	s := &deploy.Swarm{API: api, Config: configFolder(c.env), Random: rand.Reader, Now: c.env.Now, Wait: wait, Say: say,
		Greet: deploy.Greeting(cmp.Or(p.Port, deploy.Port), p.Hash, c.env.Now)}
	return s, func() { api.Close() }, nil
}

// configFolder is the operator's configuration folder (XDG Base Directory
// Specification 0.8); empty when there is none.
func configFolder(env Env) string {
	if dir := env.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if env.Home == "" {
		return ""
	}
	return filepath.Join(env.Home, ".config")
}

// loadBySSH returns what runs this very program on a node to load itself there.
func loadBySSH(f deployFlags, i *deploy.Image) (func(context.Context, deploy.NodeState) (bool, error), error) {
	way, err := sshWay(f.ssh, f.sshSudo)
	if err != nil {
		return nil, err
	}
	// It is megabytes, perhaps over a slow line.
	way.Program, way.Arch, way.Patience = i.Binary.Content(), machines[i.Binary.Arch], time.Minute
	return func(ctx context.Context, n deploy.NodeState) (bool, error) {
		if way.Tells(ctx, n.Name, n.Addr, "docker", "image", "inspect", i.Reference) {
			return false, nil
		}
		return true, way.Once(ctx, n.Name, n.Addr, "image", "--load", "--reference", i.Reference)
	}, nil
}
