package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say what kind of lab to make.
type Options struct {
	Name         string
	Nodes        int
	Managers     int      // 0: all up to three
	Engines      []string // given to the nodes in turn
	DataPathPort uint32   // 0: the engine's own, 4789
	Legacy       bool     // iptables-legacy inside the nodes
	Bare         bool     // a swarm without services
	EngineArgs   []string // further flags of every dockerd
	Routed       bool     // a router is between the nodes, as in a cloud; with more than 16 there always is
	// DataPathAddrs gives every node a second address, for overlay packets alone (--data-path-addr); not in a routed lab.
	DataPathAddrs bool
	SSH           bool // a real sshd in every node: [Lab.StartSSH] for the first one's root
	Out           io.Writer
}

func (o *Options) check() error {
	if err := checkName(o.Name); err != nil {
		return err
	}
	if o.Nodes < 1 || o.Nodes > 240 {
		return fmt.Errorf("%d nodes: 1 to 240 are possible", o.Nodes)
	}
	if o.Managers == 0 {
		o.Managers = min(3, o.Nodes)
	}
	if o.Managers < 1 || o.Managers > o.Nodes {
		return fmt.Errorf("%d managers of %d nodes: not possible", o.Managers, o.Nodes)
	}
	if o.DataPathAddrs && (o.Routed || o.Nodes > flatNodes) {
		return errors.New("a routed lab leads to one address of each node: --data-path-addr is not possible")
	}
	if len(o.Engines) == 0 {
		return errors.New("no engine chosen")
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if os.Getuid() != 0 {
		return errors.New("a lab needs root: it makes namespaces and mounts")
	}
	return nil
}

// Up starts a lab. It first removes whatever an earlier lab of that name left. If it fails, or ctx ends, nothing stays.
// The program that calls it must call [MaybeChild] first.
func Up(ctx context.Context, o Options) (*Lab, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := need(ctx, "ip", "iproute2"); err != nil {
		return nil, err
	}
	unlock, err := lockLab(ctx, o.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clean(o.Name); err != nil {
		return nil, err
	}
	l, err := start(ctx, o, newProgress(o.Out))
	if err == nil && o.SSH {
		err = l.StartSSH(ctx, l.Nodes[0].Name)
	}
	if err != nil {
		return nil, errors.Join(err, clean(o.Name))
	}
	return l, nil
}

func lockLab(ctx context.Context, name string) (func(), error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	return lock(ctx, filepath.Join(cache, "lock-lab-"+name))
}

func start(ctx context.Context, o Options, p *progress) (*Lab, error) {
	l, lower, err := o.plan(ctx, p)
	if err != nil {
		return nil, err
	}
	image, err := buildEcho(ctx, p)
	if err != nil {
		return nil, err
	}
	p.start = time.Now() // what follows is what every start costs
	if err := l.boot(ctx, o, lower); err != nil {
		return nil, err
	}
	p.say("%d engines answer", len(l.Nodes))
	if err := l.join(ctx, o); err != nil {
		return nil, err
	}
	p.say("one swarm")
	err = l.each(func(n Node) error {
		api, err := l.API(n.Name)
		if err != nil {
			return err
		}
		return loadEcho(ctx, api, image)
	})
	if err != nil {
		return nil, err
	}
	p.say("image on every node")
	if o.Bare {
		return l, nil
	}
	if err := l.topology(ctx); err != nil {
		return nil, err
	}
	limit := time.Duration(60+5*o.Nodes) * time.Second * l.patience()
	if err := l.Converge(ctx, limit); err != nil {
		return nil, err
	}
	p.say("%d tasks run", 2*len(l.Nodes))
	if err := l.Settle(ctx, limit); err != nil {
		return nil, err
	}
	p.say("their names are known everywhere")
	return l, nil
}

// plan decides who runs what, and makes sure that all roots are there.
func (o Options) plan(ctx context.Context, p *progress) (*Lab, map[string][]string, error) {
	dir, err := stateDir(o.Name)
	if err != nil {
		return nil, nil, err
	}
	l := &Lab{Name: o.Name, Dir: dir, Created: time.Now(), IPVS: hasIPVS(), Routed: o.Routed || o.Nodes > flatNodes}
	lower := map[string][]string{}
	for i := range o.Nodes {
		engine := o.Engines[i%len(o.Engines)]
		l.Nodes = append(l.Nodes, Node{Name: fmt.Sprintf("n%d", i+1), Addr: addr(i + 1), Engine: engine, Manager: i < o.Managers})
		if lower[engine] != nil {
			continue
		}
		e, err := findEngine(engine)
		if err != nil {
			return nil, nil, err
		}
		if lower[engine], err = e.lower(ctx, p); err != nil {
			return nil, nil, err
		}
	}
	return l, lower, nil
}

// hasIPVS is true also where IPVS is a module that is not loaded yet: engines load it themselves.
func hasIPVS() bool {
	_, err := os.Stat("/proc/net/ip_vs")
	return err == nil || kernelHas("ip_vs")
}

// boot makes namespaces and links, starts every node and waits for its engine.
func (l *Lab) boot(ctx context.Context, o Options, lower map[string][]string) error {
	if err := os.MkdirAll(l.Dir, 0o755); err != nil {
		return err
	}
	if err := l.plug(ctx); err != nil {
		return err
	}
	for i := range l.Nodes {
		n := &l.Nodes[i]
		args := []string{"-H", "unix:///lab/" + n.Name + ".sock", "-H", "unix:///var/run/docker.sock",
			"--cgroup-parent", "/" + object(l.Name, n.Name)}
		args = append(args, o.EngineArgs...)
		s := nodeSpec{Lab: l.Name, Name: n.Name, State: l.Dir, Lower: lower[n.Engine], Args: args, Legacy: o.Legacy}
		if err := l.startNode(n, s); err != nil {
			return err
		}
	}
	if err := l.startOutside(); err != nil {
		return err
	}
	if err := l.save(); err != nil {
		return err
	}
	return l.each(func(n Node) error { return l.waitEngine(ctx, n.Name) })
}

// each calls f for all nodes at once.
func (l *Lab) each(f func(Node) error) error {
	var g errgroup.Group
	for _, n := range slices.Clone(l.Nodes) {
		g.Go(func() error { return f(n) })
	}
	return g.Wait()
}
