package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Draw is what chance chose for one fault. It is kept in the state folder before anything is changed, so that another
// process can undo it exactly.
type Draw struct {
	Fault    string
	Seed     int64
	Node     string // where fairway will run: a manager
	Peer     string // another node
	Network  string
	Port     int
	Task     Task // a task of web on Node: the frontend
	PeerTask Task // a task of api on Peer: the backend
	Notes    map[string]string

	path string
	rng  *rand.Rand
}

// Note remembers something that healing needs; it is on disk when Note returns.
func (d *Draw) Note(key, value string) error {
	if d.Notes == nil {
		d.Notes = map[string]string{}
	}
	d.Notes[key] = value
	return writeJSON(d.path, d)
}

// Pick chooses one of several things, the same one for the same seed.
func Pick[T any](d *Draw, from []T) T { return from[d.rng.IntN(len(from))] }

// DrawOptions fix some of what is drawn; the zero value leaves all to chance.
type DrawOptions struct {
	Seed int64
	Node string
}

// draw chooses a node, a frontend on it and a backend on another node.
func (l *Lab) draw(ctx context.Context, fault string, o DrawOptions) (*Draw, error) {
	d := &Draw{Fault: fault, Seed: o.Seed, Network: "app", Port: 8080,
		rng: rand.New(rand.NewPCG(uint64(o.Seed), 0))}
	fronts, err := l.Running(ctx, "web", o.Node)
	if err != nil {
		return nil, err
	}
	fronts = slices.DeleteFunc(fronts, func(t Task) bool {
		n, err := l.Node(t.Node)
		return err != nil || !n.Manager
	})
	if len(fronts) == 0 {
		return nil, fmt.Errorf("draw a node for %s: no task of web runs on a manager %s", fault, o.Node)
	}
	d.Task = Pick(d, fronts)
	d.Node = d.Task.Node
	backs, err := l.Running(ctx, "api", "")
	if err != nil {
		return nil, err
	}
	backs = slices.DeleteFunc(backs, func(t Task) bool { return t.Node == d.Node })
	if len(backs) == 0 {
		return nil, fmt.Errorf("draw a peer for %s: no task of api runs on another node than %s", fault, d.Node)
	}
	d.PeerTask = Pick(d, backs)
	d.Peer = d.PeerTask.Node
	return d, nil
}

// Break injects a fault. If it does not come into force it is undone again.
func (l *Lab) Break(ctx context.Context, id string, o DrawOptions) (*Draw, error) {
	f, err := FindFault(id)
	if err != nil {
		return nil, err
	}
	broken, err := l.broken()
	if err != nil {
		return nil, err
	}
	d, err := l.draw(ctx, id, o)
	if err != nil {
		return nil, err
	}
	d.path = filepath.Join(l.Dir, fmt.Sprintf("broken-%03d.json", len(broken)))
	if err := writeJSON(d.path, d); err != nil {
		return nil, err
	}
	if err := f.Break(ctx, l, d); err != nil {
		err = fmt.Errorf("break %s (seed %d, on %s): %w", id, d.Seed, d.Node, err)
		return nil, errors.Join(err, l.healOne(context.WithoutCancel(ctx), d))
	}
	return d, nil
}

// Heal undoes all faults, the latest first, and returns what it undid.
func (l *Lab) Heal(ctx context.Context) ([]*Draw, error) {
	broken, err := l.broken()
	if err != nil {
		return nil, err
	}
	slices.Reverse(broken)
	for i, d := range broken {
		if err := l.healOne(ctx, d); err != nil {
			return broken[:i], err
		}
	}
	return broken, nil
}

func (l *Lab) healOne(ctx context.Context, d *Draw) error {
	f, err := FindFault(d.Fault)
	if err != nil {
		return err
	}
	if err := f.Heal(ctx, l, d); err != nil {
		return fmt.Errorf("heal %s on %s: %w", d.Fault, d.Node, err)
	}
	if f.Kernel == needsIPVS {
		l.forgetFlows(ctx, d.Port)
	}
	return os.Remove(d.path)
}

// broken reads the faults that are in force, in the order of their injection.
func (l *Lab) broken() ([]*Draw, error) {
	paths, err := filepath.Glob(filepath.Join(l.Dir, "broken-*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var all []*Draw
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d := &Draw{path: p}
		if err := json.Unmarshal(b, d); err != nil {
			return nil, fmt.Errorf("read %s: %w", p, err)
		}
		d.rng = rand.New(rand.NewPCG(uint64(d.Seed), 1))
		all = append(all, d)
	}
	return all, nil
}
