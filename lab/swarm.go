package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// poll asks until ok says yes, and tells what it waited for when it gives up.
func poll(ctx context.Context, limit time.Duration, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		done, err := ok()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return fmt.Errorf("wait for %s: %w", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// waitEngine waits until a node's engine answers; its log says why if it does not.
func (l *Lab) waitEngine(ctx context.Context, node string) error {
	api, err := l.API(node)
	if err != nil {
		return err
	}
	err = poll(ctx, 60*time.Second*l.patience(), "the engine of "+node, func() (bool, error) {
		if n, err := l.Node(node); err != nil || !alive(n.PID) {
			return true, nil // told apart below
		}
		_, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
		return err == nil, err
	})
	if n, _ := l.Node(node); err == nil && !alive(n.PID) {
		err = fmt.Errorf("start node %s: it died", node)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s%s", err, tail(l.Dir+"/"+node+".boot"), tail(l.Log(node)))
	}
	return nil
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// tail is the end of a log, for an error message.
func tail(path string) string {
	b, _ := os.ReadFile(path)
	lines := strings.SplitAfter(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], "")
}

// join makes one swarm of all engines: managers one after the other, because each changes the quorum, then all workers.
func (l *Lab) join(ctx context.Context, o Options) error {
	api, err := l.API(l.Nodes[0].Name)
	if err != nil {
		return err
	}
	dataPath, err := l.dataPath(ctx, o)
	if err != nil {
		return err
	}
	_, err = api.SwarmInit(ctx, client.SwarmInitOptions{ListenAddr: "0.0.0.0:2377", AdvertiseAddr: l.Nodes[0].Addr,
		DataPathPort: o.DataPathPort, DataPathAddr: dataPath[l.Nodes[0].Name]})
	if err != nil {
		return fmt.Errorf("start the swarm on n1: %w", err)
	}
	sw, err := api.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return fmt.Errorf("read join tokens: %w", err)
	}
	var workers errgroup.Group
	for _, n := range l.Nodes[1:] {
		if n.Manager {
			if err := l.joinNode(ctx, n, dataPath[n.Name], sw.Swarm.JoinTokens.Manager); err != nil {
				return err
			}
			continue
		}
		workers.Go(func() error { return l.joinNode(ctx, n, dataPath[n.Name], sw.Swarm.JoinTokens.Worker) })
	}
	return workers.Wait()
}

// dataPath gives every node a second address, where the lab wants overlay packets to have one of their own: 10.88.… beside
// 10.77.…, on the same link.
func (l *Lab) dataPath(ctx context.Context, o Options) (map[string]string, error) {
	addrs := map[string]string{}
	if !o.DataPathAddrs {
		return addrs, nil
	}
	for _, n := range l.Nodes {
		addrs[n.Name] = strings.Replace(n.Addr, "10.77.", "10.88.", 1)
		if _, err := l.Exec(ctx, n.Name, "ip", "addr", "add", addrs[n.Name]+"/24", "dev", "eth0"); err != nil {
			return nil, err
		}
	}
	return addrs, nil
}

func (l *Lab) joinNode(ctx context.Context, n Node, dataPath, token string) error {
	api, err := l.API(n.Name)
	if err != nil {
		return err
	}
	_, err = api.SwarmJoin(ctx, client.SwarmJoinOptions{ListenAddr: "0.0.0.0:2377", AdvertiseAddr: n.Addr, DataPathAddr: dataPath,
		RemoteAddrs: []string{l.Nodes[0].Addr + ":2377"}, JoinToken: token})
	if err != nil {
		return fmt.Errorf("join %s to the swarm: %w", n.Name, err)
	}
	return nil
}

// Manager returns a client of the first manager that answers, and its node.
func (l *Lab) Manager(ctx context.Context) (*client.Client, string, error) {
	var last error
	for _, n := range l.Nodes {
		if !n.Manager {
			continue
		}
		api, err := l.API(n.Name)
		if err != nil {
			return nil, "", err
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, last = api.Ping(short, client.PingOptions{})
		cancel()
		if last == nil {
			return api, n.Name, nil
		}
	}
	return nil, "", fmt.Errorf("lab %s: no manager answers: %w", l.Name, last)
}

// swarmNode finds a node in the managers' list.
func (l *Lab) swarmNode(ctx context.Context, node string) (*client.Client, swarm.Node, error) {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return nil, swarm.Node{}, err
	}
	res, err := api.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return nil, swarm.Node{}, fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range res.Items {
		if n.Description.Hostname == node {
			return api, n, nil
		}
	}
	return nil, swarm.Node{}, fmt.Errorf("node %s is not in the swarm", node)
}

// SetAvailability drains, pauses or activates a node.
func (l *Lab) SetAvailability(ctx context.Context, node string, a swarm.NodeAvailability) error {
	api, n, err := l.swarmNode(ctx, node)
	if err != nil {
		return err
	}
	n.Spec.Availability = a
	if _, err = api.NodeUpdate(ctx, n.ID, client.NodeUpdateOptions{Version: n.Version, Spec: n.Spec}); err != nil {
		return fmt.Errorf("set %s to %s: %w", node, a, err)
	}
	return nil
}
