package collect

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fairway/internal/fact"
)

// swarmLabels are the labels an engine puts on containers of services.
type swarmLabels struct {
	ServiceID   string `json:"com.docker.swarm.service.id"`
	ServiceName string `json:"com.docker.swarm.service.name"`
	TaskID      string `json:"com.docker.swarm.task.id"`
	TaskName    string `json:"com.docker.swarm.task.name"`
	Node        string `json:"com.docker.swarm.node.id"`
}

// listedJSON is what is read of one row of /containers/json.
type listedJSON struct {
	ID         string `json:"Id"`
	Names      []string
	State      string
	Created    int64
	Labels     swarmLabels
	HostConfig struct{ NetworkMode string }
}

// containerJSON is what is read of /containers/ID/json: no environment, no
// command, no health log.
type containerJSON struct {
	ID           string `json:"Id"`
	Name         string
	Created      string
	RestartCount int
	State        struct {
		Status    string
		Pid       int
		StartedAt string
		Health    struct {
			Status        string
			FailingStreak int
		}
	}
	ResolvConfPath  string
	HostConfig      struct{ NetworkMode string }
	Mounts          []struct{ Destination string }
	Config          struct{ Labels swarmLabels }
	NetworkSettings struct {
		SandboxKey string
		Ports      map[string][]struct{ HostPort string }
		Networks   map[string]endpointJSON
	}
}

type endpointJSON struct {
	NetworkID           string
	EndpointID          string
	IPAddress           string
	IPPrefixLen         int
	GlobalIPv6Address   string
	GlobalIPv6PrefixLen int
	MacAddress          string
	Gateway             string
	IPv6Gateway         string
	Aliases             []string
}

// containers lists the containers that have processes, and so a namespace, and
// inspects each. One that is gone before it could be inspected is left out: it is not
// there.
func (e *Engine) containers(ctx context.Context) ([]fact.Container, []fact.Gap) {
	var list []fact.Container
	gaps := e.look(fact.KindContainers, "list the engine's running containers", func(bad *garbled) error {
		return e.get(ctx, "/containers/json", func(r io.Reader) (err error) {
			return readContainers(newAnswer(r, bad), &list)
		})
	})
	found := make([][]fact.Gap, len(list))
	each(len(list), e.workers, func(i int) {
		found[i] = e.look(fact.KindContainers, "inspect container "+fact.OneLine(list[i].Name), func(bad *garbled) error {
			return e.inspect(ctx, &list[i], bad)
		})
	})
	list = slices.DeleteFunc(list, func(c fact.Container) bool { return c.ID == "" })
	slices.SortFunc(list, func(a, b fact.Container) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, append(gaps, few(slices.Concat(found...))...)
}

// few keeps a handful of gaps of a kind: the hundredth says nothing new.
func few(gaps []fact.Gap) []fact.Gap { return gaps[:min(len(gaps), 5)] }

func readContainers(a *answer, list *[]fact.Container) error {
	return a.elements("the list of containers", func() error {
		var in listedJSON
		if err := a.value("container", &in); err != nil {
			return err
		}
		if in.ID == "" {
			a.bad.note("a container", "has no ID")
			return nil
		}
		c := fact.Container{ID: fact.ContainerID(in.ID), State: in.State, NetworkMode: in.HostConfig.NetworkMode}
		if in.Created > 0 {
			c.Created = time.Unix(in.Created, 0).UTC()
		}
		if len(in.Names) > 0 {
			c.Name = strings.TrimPrefix(in.Names[0], "/")
		}
		label(&c, in.Labels)
		*list = append(*list, c)
		return nil
	})
}

// publishedPort reads a port such as "80/tcp" and where it is bound on the host.
func publishedPort(name, host string, bad *garbled) fact.Port {
	number, proto, _ := strings.Cut(name, "/")
	return fact.Port{Proto: proto, Target: bad.port(name, number), Published: bad.port(name+" HostPort", host), Mode: "host"}
}

func (g *garbled) port(what, s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		g.note(what, "is no port: "+s)
	}
	return uint16(n)
}

// sortedPorts leaves out repetitions: a port is bound for IPv4 and for IPv6.
func sortedPorts(list []fact.Port) []fact.Port {
	slices.SortFunc(list, func(a, b fact.Port) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Published, b.Published))
	})
	return slices.Compact(list)
}

// inspect completes a listed container; its ID is emptied when it is gone.
func (e *Engine) inspect(ctx context.Context, c *fact.Container, bad *garbled) error {
	err := e.get(ctx, "/containers/"+url.PathEscape(string(c.ID))+"/json", func(r io.Reader) error {
		return readContainer(newAnswer(r, bad), c)
	})
	if status(err) == http.StatusNotFound {
		c.ID = ""
		return nil
	}
	return err
}

func readContainer(a *answer, c *fact.Container) error {
	var in containerJSON
	if err := a.value("container", &in); err != nil {
		return err
	}
	c.State, c.Pid, c.Health = in.State.Status, in.State.Pid, in.State.Health.Status
	c.HealthFailures = in.State.Health.FailingStreak
	if c.Health == "none" {
		c.Health = ""
	}
	c.SandboxKey, c.ResolvConfPath = in.NetworkSettings.SandboxKey, in.ResolvConfPath
	c.NetworkMode = in.HostConfig.NetworkMode
	for _, m := range in.Mounts {
		c.ResolvConfMount = c.ResolvConfMount || m.Destination == "/etc/resolv.conf"
	}
	if t := a.bad.time("Created", in.Created); !t.IsZero() {
		c.Created = t
	}
	c.Started = a.bad.time("State.StartedAt", in.State.StartedAt)
	if in.Name != "" {
		c.Name = strings.TrimPrefix(in.Name, "/")
	}
	c.Restarts = in.RestartCount
	label(c, in.Config.Labels)
	c.Ports = nil
	for name, bound := range in.NetworkSettings.Ports {
		for _, b := range bound {
			c.Ports = append(c.Ports, publishedPort(name, b.HostPort, a.bad))
		}
	}
	c.Ports = sortedPorts(c.Ports)
	c.Endpoints = nil
	for name, ep := range in.NetworkSettings.Networks {
		c.Endpoints = append(c.Endpoints, containerEndpoint(name, ep, a.bad))
	}
	slices.SortFunc(c.Endpoints, func(a, b fact.ContainerEndpoint) int {
		return strings.Compare(a.NetworkName, b.NetworkName)
	})
	return nil
}

func label(c *fact.Container, l swarmLabels) {
	c.ServiceID, c.ServiceName = fact.ServiceID(l.ServiceID), l.ServiceName
	c.TaskID, c.TaskName = fact.TaskID(l.TaskID), l.TaskName
	c.Node = fact.NodeID(l.Node)
}

// containerEndpoint prefers the IPv4 address, which is what overlays have.
func containerEndpoint(name string, in endpointJSON, bad *garbled) fact.ContainerEndpoint {
	ep := fact.ContainerEndpoint{
		Network: fact.NetworkID(in.NetworkID), NetworkName: name, Endpoint: fact.EndpointID(in.EndpointID),
		MAC: bad.mac(name+" MacAddress", in.MacAddress), Aliases: in.Aliases,
	}
	ip, length, gw := in.IPAddress, in.IPPrefixLen, in.Gateway
	if unset(ip) {
		ip, length, gw = in.GlobalIPv6Address, in.GlobalIPv6PrefixLen, in.IPv6Gateway
	}
	if a := bad.addr(name+" IPAddress", ip); a.IsValid() {
		if ep.Addr = netip.PrefixFrom(a, length); !ep.Addr.IsValid() {
			bad.note(name+" IPPrefixLen", "does not fit the address")
		}
	}
	ep.Gateway = bad.addr(name+" Gateway", gw)
	return ep
}
