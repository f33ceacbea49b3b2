package collect

import (
	"cmp"
	"context"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"fairway/internal/fact"
	"fairway/internal/said"
)

// Believed asks the engine what it holds true: itself, its containers, and its
// networks with what gossip told it. What could not be learnt is a gap, and
// the rest is kept; nil means that nothing was learnt. Gaps carry the host
// name when the engine told it.
func (e *Engine) Believed(ctx context.Context) (*fact.Engine, []fact.Gap) {
	// Two limits in all: one for a list, one for what the list names.
	ctx, cancel := context.WithTimeout(ctx, 2*e.limit)
	defer cancel()
	var out fact.Engine
	var ofInfo, ofContainers, ofResting, ofNetworks []fact.Gap
	together(
		func() {
			ofInfo = e.look(fact.KindInfo, "read the engine's info", func(bad *garbled) error {
				return e.describe(ctx, &out, bad)
			})
		},
		func() { out.Containers, ofContainers = e.containers(ctx) },
		func() { out.AtRest, ofResting = e.resting(ctx) },
		func() { out.Networks, ofNetworks = e.networks(ctx) },
	)
	if len(ofContainers) > 0 {
		ofResting = nil // told already
	}
	if len(ofInfo) > 0 {
		e.guess(&out)
	}
	if out.Networks == nil && len(ofNetworks) > 0 {
		out.Networks, ofNetworks = e.networksOf(ctx, out.Containers, ofNetworks)
	}
	gaps := slices.Concat(ofInfo, ofContainers, ofResting, ofNetworks)
	if out.ID == "" && out.Name == "" && out.Containers == nil && out.Networks == nil {
		return nil, gaps
	}
	out.APIVersion = e.api
	out.Started = earliest(out.Containers)
	for i := range gaps {
		gaps[i].Node = out.Name
	}
	return &out, gaps
}

// guess fills in who this engine is where its info did not come: a manager that
// is cut off from its leader thinks about /info for 20 s (26.1, seen) and yet
// tells of its containers at once.
func (e *Engine) guess(out *fact.Engine) {
	for _, c := range out.Containers {
		if out.Swarm.NodeID == "" {
			out.Swarm.NodeID = c.Node
		}
	}
	if name, err := os.Hostname(); err == nil && out.Name == "" && out.Containers != nil && e.local {
		out.Name = name
	}
}

// earliest returns when the first of the running containers was started.
func earliest(cs []fact.Container) time.Time {
	var first time.Time
	for i := range cs {
		if t := cs[i].Started; cs[i].State == "running" && !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// infoJSON is what is read of /info. Its Swarm.Cluster has no join tokens,
// unlike /swarm.
type infoJSON struct {
	ID                 string
	Name               string
	ServerVersion      string
	KernelVersion      string
	OSType             string
	Architecture       string
	DockerRootDir      string
	SystemTime         string
	LiveRestoreEnabled bool
	SecurityOptions    []string
	Swarm              struct {
		NodeID           string
		NodeAddr         string
		LocalNodeState   string
		ControlAvailable bool
		Error            string
		RemoteManagers   []struct{ Addr string }
		Cluster          struct {
			ID           string
			DataPathPort uint16
		}
	}
}

func (e *Engine) info(ctx context.Context, bad *garbled) (infoJSON, error) {
	var in infoJSON
	err := e.get(ctx, "/info", func(r io.Reader) error {
		return newAnswer(r, bad).value("info", &in)
	})
	return in, err
}

// describe fills in what the engine says of itself.
func (e *Engine) describe(ctx context.Context, out *fact.Engine, bad *garbled) error {
	sent := e.now()
	in, err := e.info(ctx, bad)
	if err != nil {
		return err
	}
	got := e.now()
	out.ID, out.Name, out.Version = in.ID, in.Name, in.ServerVersion
	out.KernelVersion, out.OS, out.Arch = in.KernelVersion, in.OSType, in.Architecture
	out.RootDir, out.LiveRestore = in.DockerRootDir, in.LiveRestoreEnabled
	for _, o := range in.SecurityOptions {
		out.Rootless = out.Rootless || strings.Contains(o, "name=rootless")
	}
	if out.SystemTime = bad.time("SystemTime", in.SystemTime); !out.SystemTime.IsZero() {
		out.ClockOffset = out.SystemTime.Sub(sent.Add(got.Sub(sent) / 2))
	}
	out.Swarm = membership(in, bad)
	return nil
}

func membership(in infoJSON, bad *garbled) fact.EngineSwarm {
	s := fact.EngineSwarm{
		NodeID:   fact.NodeID(in.Swarm.NodeID),
		NodeAddr: bad.addr("Swarm.NodeAddr", in.Swarm.NodeAddr),
		State:    in.Swarm.LocalNodeState,
		Error:    said.Mask(in.Swarm.Error),
		Manager:  in.Swarm.ControlAvailable,
	}
	s.NoLeader = s.Manager && (strings.Contains(s.Error, "does not have a leader") || strings.Contains(s.Error, "deadline exceeded"))
	if in.Swarm.Cluster.ID != "" {
		s.DataPathPort = portOr4789(in.Swarm.Cluster.DataPathPort)
	}
	for _, m := range in.Swarm.RemoteManagers {
		if a := bad.addrPort("Swarm.RemoteManagers", m.Addr); a.IsValid() {
			s.Managers = append(s.Managers, a)
		}
	}
	slices.SortFunc(s.Managers, netip.AddrPort.Compare)
	return s
}

// portOr4789 reads a data path port: 0 stands for the default (swarmkit).
func portOr4789(p uint16) uint16 { return cmp.Or(p, 4789) }
