package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
)

// published is an added service that publishes ports of its port 8080, all in one mode.
func (l *Lab) published(s swarm.ServiceSpec, mode swarm.PortConfigPublishMode, ports ...swarm.PortConfig) swarm.ServiceSpec {
	s.EndpointSpec = &swarm.EndpointSpec{Mode: swarm.ResolutionModeVIP}
	for _, p := range ports {
		p.TargetPort, p.PublishMode = 8080, mode
		s.EndpointSpec.Ports = append(s.EndpointSpec.Ports, p)
	}
	return s
}

func tcp(port uint32) swarm.PortConfig {
	return swarm.PortConfig{Protocol: network.TCP, PublishedPort: port}
}

// asksPorts are the questions for published ports: :8080 or :53/udp.
func asksPorts(ports ...string) func(*Draw) []Want {
	return func(d *Draw) []Want {
		var all []Want
		for _, p := range ports {
			all = append(all, Want{On: d.Node, To: p})
		}
		return all
	}
}

// settledMesh creates a service of one task on every node and waits until two nodes answer for its port.
func (l *Lab) settledMesh(ctx context.Context, d *Draw, s swarm.ServiceSpec, port int) error {
	if err := l.settledExtra(ctx, s); err != nil {
		return err
	}
	if err := l.expectMesh(ctx, d.Peer, d.Node, port, true); err != nil {
		return err
	}
	return l.expectMesh(ctx, d.Node, d.Peer, port, true)
}

func meshTwoPorts() Situation {
	return Situation{
		ID:     "healthy.mesh-two-ports",
		Doc:    "a service publishes two ports through the routing mesh",
		Kernel: needsIPVS,
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			return l.settledMesh(ctx, d, l.published(l.everywhere("api"), swarm.PortConfigPublishModeIngress, tcp(18093), tcp(18094)), 18093)
		},
		Asks: asksPorts(":18093", ":18094", ":8080"),
		Undo: healExtras,
	}
}

func meshTwoProtocols() Situation {
	return Situation{
		ID:     "healthy.mesh-tcp-and-udp",
		Doc:    "a service publishes one number for TCP and for UDP",
		Kernel: needsIPVS,
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.everywhere("api")
			s.TaskTemplate.ContainerSpec.Command = append(s.TaskTemplate.ContainerSpec.Command, "-udp", ":8080")
			udp := swarm.PortConfig{Protocol: network.UDP, PublishedPort: 18095}
			return l.settledMesh(ctx, d, l.published(s, swarm.PortConfigPublishModeIngress, tcp(18095), udp), 18095)
		},
		Asks: asksPorts(":18095/tcp", ":18095/udp"),
		Undo: healExtras,
	}
}

func meshHostMode() Situation {
	return Situation{
		ID:     "healthy.mesh-host-mode",
		Doc:    "a service publishes its port in host mode, on every node",
		Kernel: needsIPVS,
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			return l.settledMesh(ctx, d, l.published(l.everywhere("api"), swarm.PortConfigPublishModeHost, tcp(18096)), 18096)
		},
		Asks: asksPorts(":18096"),
		Undo: healExtras,
	}
}

func meshWithoutTask() Situation {
	return Situation{
		ID:     "healthy.mesh-node-without-task",
		Doc:    "a service with one task publishes a port: all other nodes have none and answer for it",
		Kernel: needsIPVS,
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.startPublished(ctx, d, d.Peer, 18097); err != nil {
				return err
			}
			return l.Settle(ctx, 30*time.Second)
		},
		Asks: asksPorts(":18097"),
		Undo: healExtras,
	}
}

func meshOperatorRules() Situation {
	return Situation{
		ID:     "healthy.mesh-operator-rules",
		Doc:    "a node has rules of the operator in DOCKER-USER that let published ports pass",
		Kernel: needsIPVS,
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.keepTables(ctx, d, d.Node, "", "filter"); err != nil {
				return err
			}
			_, err := l.Exec(ctx, d.Node, "sh", "-ec", `i() { iptables -w -I DOCKER-USER "$@"; }
i -s 198.51.100.0/24 -j DROP
i -p tcp --dport 23 -j REJECT
i -p tcp -m multiport --dports 5432,6379 -j DROP
i -i eth0 -m conntrack --ctstate INVALID -j DROP
i -i eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
i -p icmp -m limit --limit 10/second -j RETURN`)
			return err
		},
		Asks: func(d *Draw) []Want { return []Want{d.askMesh(), d.ask()} },
		Undo: healTables,
	}
}

func meshDraining() Situation {
	return Situation{
		ID:     "healthy.mesh-draining-task",
		Doc:    "a task of a service is being stopped and gets no new connections: its weight is 0",
		Kernel: needsIPVS,
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.published(l.everywhere("api"), swarm.PortConfigPublishModeIngress, tcp(18092))
			grace := 3 * time.Minute
			s.TaskTemplate.ContainerSpec.StopGracePeriod = &grace
			s.TaskTemplate.ContainerSpec.StopSignal = "SIGURG" // which Go programs overhear
			if err := l.settledMesh(ctx, d, s, 18092); err != nil {
				return err
			}
			if err := l.UpdateService(ctx, s.Name, func(s *swarm.ServiceSpec) { *s.Mode.Replicated.Replicas-- }); err != nil {
				return err
			}
			for _, n := range l.Nodes {
				if err := l.expectWeight0(ctx, n.Name); err != nil {
					return err
				}
			}
			return nil
		},
		Asks: asksPorts(":18092"),
		Undo: healExtras,
	}
}

// expectWeight0 waits until a node's ingress sandbox gives one backend no new connections.
func (l *Lab) expectWeight0(ctx context.Context, node string) error {
	return poll(ctx, 20*time.Second, node+" to give one backend the weight 0", func() (bool, error) {
		out, err := l.InNS(ctx, node, sandbox, "ipvsadm", "-Sn")
		if err == nil && strings.Count(out, "-w 0") != 1 {
			err = errors.New(out)
		}
		return err == nil, err
	})
}

func meshDSR() Situation {
	return Situation{
		ID:     "healthy.mesh-dsr",
		Doc:    "two services on a network with direct server return",
		Kernel: needsIPVS,
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.CreateNetwork(ctx, extra+"net", map[string]string{"dsr": ""}); err != nil {
				return err
			}
			var last Task
			for _, name := range []string{"api", "web"} {
				s := l.EchoService(extra+name, 2, []string{extra + "net"}, "-http", ":8080")
				s.EndpointSpec.Mode = swarm.ResolutionModeVIP
				var err error
				if last, err = l.startExtra(ctx, s); err != nil {
					return err
				}
			}
			if err := l.Settle(ctx, 30*time.Second); err != nil {
				return err
			}
			ip, err := l.vip(ctx, extra+"api", extra+"net")
			if err != nil {
				return err
			}
			return l.expectConnect(ctx, last, netip.AddrPortFrom(ip, uint16(d.Port)), 15*time.Second, Opened)
		},
		Asks: func(d *Draw) []Want {
			return []Want{{On: d.Node, From: extra + "web", To: fmt.Sprintf("%sapi:%d", extra, d.Port)}}
		},
		Undo: healExtras,
	}
}
