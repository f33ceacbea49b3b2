// Package lab makes real Docker Swarms on one machine, in seconds: every node is a dockerd in its own network, mount, uts
// and pid namespaces on an overlay of a Debian root, joined by veth to a bridge in a namespace of its own. It breaks them
// in known ways and heals them again, so that a diagnosis can be compared with the truth.
//
// It touches nothing outside the namespaces, the state folder and the cgroups that it made, and it needs no registry.
package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

// Node is one engine of a lab.
type Node struct {
	Name    string // host name: n1, n2, …
	Addr    string // address on the underlay, which is also its VTEP
	Engine  string // as asked for: 20.10, 26.1, 28.5, 29, host
	Manager bool
	PID     int // first process of the node's pid namespace, seen from the machine
}

// Lab is one running Swarm. What is exported is kept in the state folder, so that another process can [Open] it.
type Lab struct {
	Name    string
	Dir     string // state folder; every node sees it as /lab
	Nodes   []Node
	IPVS    bool // the kernel has IPVS: services use VIPs and the routing mesh
	Routed  bool // a router is between the nodes
	Created time.Time

	mu      sync.Mutex
	clients map[string]*client.Client
}

// Open finds the running lab of that name.
func Open(name string) (*Lab, error) {
	dir, err := stateDir(name)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "lab.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open lab %s: no such lab is running here: start it with: fairway-lab --name %s up", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("open lab %s: %w", name, err)
	}
	l := &Lab{}
	if err := json.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("open lab %s: %w", name, err)
	}
	return l, nil
}

// save writes what another process needs to know; it is renamed into place so that nobody reads half of it.
func (l *Lab) save() error { return writeJSON(filepath.Join(l.Dir, "lab.json"), l) }

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Node returns the node of that name.
func (l *Lab) Node(name string) (Node, error) {
	for _, n := range l.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return Node{}, fmt.Errorf("lab %s: no node %q; it has n1 to n%d", l.Name, name, len(l.Nodes))
}

// Socket is the path of a node's engine socket on the machine; inside every node it is /lab/NODE.sock.
func (l *Lab) Socket(node string) string { return filepath.Join(l.Dir, node+".sock") }

// Log is the path of a node's engine log on the machine; inside every node it is /lab/NODE.log.
func (l *Lab) Log(node string) string { return filepath.Join(l.Dir, node+".log") }

// API returns a client of the node's engine. It is kept, so that many calls share one connection.
func (l *Lab) API(node string) (*client.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.clients[node]; c != nil {
		return c, nil
	}
	c, err := client.New(client.WithHost("unix://" + l.Socket(node)))
	if err != nil {
		return nil, fmt.Errorf("engine of %s: %w", node, err)
	}
	if l.clients == nil {
		l.clients = map[string]*client.Client{}
	}
	l.clients[node] = c
	return c, nil
}

// Close ends the connections to the engines; the lab goes on running.
func (l *Lab) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.clients {
		_ = c.Close()
	}
	l.clients = nil
}

// checkName keeps names usable in a namespace, a cgroup and a folder; no dash, so that no lab's names begin with another's.
func checkName(name string) error {
	if !regexp.MustCompile(`^[a-z0-9_]{1,24}$`).MatchString(name) {
		return fmt.Errorf("lab name %q: 1 to 24 of a-z, 0-9 and _ are allowed", name)
	}
	return nil
}

// stateDir is where a lab of that name keeps everything; its file system must be able to carry an overlay's upper folder.
func stateDir(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	base := os.Getenv("FAIRWAY_LAB_STATE")
	if base == "" {
		base = "/var/tmp/fairway-lab"
	}
	return filepath.Join(base, name), nil
}

// cacheDir is where root file systems and built programs are kept between labs.
func cacheDir() (string, error) {
	dir := os.Getenv("FAIRWAY_LAB_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a cache folder: %w (set FAIRWAY_LAB_CACHE)", err)
		}
		dir = filepath.Join(base, "fairway-lab")
	}
	return dir, os.MkdirAll(dir, 0o755)
}
