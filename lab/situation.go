package lab

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

// Situation is a state of a Swarm in which nothing is wrong although something is unusual: a diagnosis must find no cause.
// What it adds carries the same prefix as with faults.
type Situation struct {
	ID  string
	Doc string
	// Kernel is as with faults.
	Kernel string
	Setup  func(ctx context.Context, l *Lab, d *Draw) error
	// Asks are the questions; no causes are wanted.
	Asks func(d *Draw) []Want
	// Over, where it is not nil, says whether the situation has passed: until then the questions are asked again and again.
	Over func(ctx context.Context, l *Lab) (bool, error)
	Undo func(ctx context.Context, l *Lab, d *Draw) error
}

// Situations lists all of them.
func Situations() []Situation {
	return []Situation{
		rollingUpdate(),
		drainedNode(),
		{
			ID:  "healthy.dnsrr-service",
			Doc: "a service in endpoint mode dnsrr, on every node",
			Setup: func(ctx context.Context, l *Lab, d *Draw) error {
				s := l.everywhere("api")
				s.EndpointSpec.Mode = swarm.ResolutionModeDNSRR
				return l.settledExtra(ctx, s)
			},
			Asks: asks("api"),
			Undo: healExtras,
		},
		{
			ID:  "healthy.global-service",
			Doc: "a global service: its tasks are named after nodes and not after slots",
			Setup: func(ctx context.Context, l *Lab, d *Draw) error {
				s := l.everywhere("api")
				s.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}}
				return l.settledExtra(ctx, s)
			},
			Asks: asks("api"),
			Undo: healExtras,
		},
		{
			ID: "healthy.dotted-name",
			// Managers refuse dots in the name itself (seen on 20.10 to 29: "must be valid as a DNS name component").
			Doc: "a service with an underscore in its name and dots in its alias, which looks like a task's name",
			Setup: func(ctx context.Context, l *Lab, d *Draw) error {
				s := l.everywhere("shop_api-2")
				s.TaskTemplate.Networks[0].Aliases = []string{"shop.api.1"}
				return l.settledExtra(ctx, s)
			},
			Asks: asks("shop_api-2"),
			Undo: healExtras,
		},
		{
			ID:  "healthy.host-published",
			Doc: "a service that publishes its port in host mode under another number",
			Setup: func(ctx context.Context, l *Lab, d *Draw) error {
				s := l.everywhere("api")
				s.EndpointSpec.Ports = []swarm.PortConfig{{Protocol: "tcp", TargetPort: 8080, PublishedPort: 18080,
					PublishMode: swarm.PortConfigPublishModeHost}}
				return l.settledExtra(ctx, s)
			},
			Asks: asks("api"),
			Undo: healExtras,
		},
		standaloneContainer(),
		twoNetworks(),
		outsideByName(),
		outsideByAddress(),
		meshDraining(),
		meshOperatorRules(),
		meshTwoPorts(),
		meshTwoProtocols(),
		meshDSR(),
		meshHostMode(),
		meshWithoutTask(),
	}
}

// everywhere is an added service with one task on every node.
func (l *Lab) everywhere(name string) swarm.ServiceSpec {
	return l.EchoService(extra+name, len(l.Nodes), []string{"app"}, "-http", ":8080")
}

// settledExtra creates a service and waits until it runs and is known everywhere.
func (l *Lab) settledExtra(ctx context.Context, s swarm.ServiceSpec) error {
	if err := l.CreateService(ctx, s); err != nil {
		return err
	}
	err := poll(ctx, 30*time.Second, s.Name+" to start", func() (bool, error) {
		tasks, err := l.Running(ctx, s.Name, "")
		return len(tasks) == len(l.Nodes), err
	})
	if err != nil {
		return err
	}
	return l.Settle(ctx, 30*time.Second)
}

// asks are the questions to an added service and from it.
func asks(name string) func(*Draw) []Want {
	return func(d *Draw) []Want {
		back := Want{On: d.Node, From: extra + name, To: fmt.Sprintf("%s:%d", d.PeerTask.Service, d.Port)}
		return []Want{d.askExtra(name), back}
	}
}

func askUsual(d *Draw) []Want { return []Want{d.ask()} }

func rollingUpdate() Situation {
	over := func(ctx context.Context, l *Lab) (bool, error) {
		s, err := l.service(ctx, "api")
		return err == nil && s.UpdateStatus != nil && s.UpdateStatus.State == swarm.UpdateStateCompleted, err
	}
	return Situation{
		ID:  "healthy.rolling-update",
		Doc: "the tasks of api are being replaced, one after the other",
		Setup: func(ctx context.Context, l *Lab, _ *Draw) error {
			return l.UpdateService(ctx, "api", func(s *swarm.ServiceSpec) {
				s.UpdateConfig = &swarm.UpdateConfig{Parallelism: 1, Delay: 2 * time.Second}
				s.TaskTemplate.ForceUpdate++
			})
		},
		Asks: askUsual,
		Over: over,
		Undo: func(ctx context.Context, l *Lab, _ *Draw) error {
			// A second update in the middle of the first left api with two of three tasks for over a minute (20.10 to 29).
			err := poll(ctx, 2*time.Minute, "the update of api to end", func() (bool, error) { return over(ctx, l) })
			if err != nil {
				return err
			}
			err = l.UpdateService(ctx, "api", func(s *swarm.ServiceSpec) { s.UpdateConfig = nil })
			if err != nil {
				return err
			}
			return l.Settle(ctx, time.Minute)
		},
	}
}

func drainedNode() Situation {
	scale := func(ctx context.Context, l *Lab, n int) error {
		for _, service := range []string{"api", "web"} {
			err := l.UpdateService(ctx, service, func(s *swarm.ServiceSpec) {
				replicas := uint64(n)
				s.Mode.Replicated.Replicas = &replicas
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return Situation{
		ID:  "healthy.drained-node",
		Doc: "a node is drained, and services have no more tasks than the others take",
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			// Not both at once: the scheduler then loses a task now and then, which stays pending without a reason (26.1).
			if err := scale(ctx, l, len(l.Nodes)-1); err != nil {
				return err
			}
			if err := l.Converge(ctx, time.Minute); err != nil {
				return err
			}
			return l.SetAvailability(ctx, d.Peer, swarm.NodeAvailabilityDrain)
		},
		Asks: askUsual,
		Over: func(ctx context.Context, l *Lab) (bool, error) {
			return l.Converge(ctx, 10*time.Millisecond) == nil, nil
		},
		Undo: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.SetAvailability(ctx, d.Peer, swarm.NodeAvailabilityActive); err != nil {
				return err
			}
			if err := scale(ctx, l, len(l.Nodes)); err != nil {
				return err
			}
			return l.Settle(ctx, time.Minute)
		},
	}
}

func standaloneContainer() Situation {
	return Situation{
		ID:  "healthy.standalone-container",
		Doc: "a container that belongs to no service asks over an attachable overlay",
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			return l.runContainer(ctx, d.Node, extra+"client", d.Network, "-http", ":8080")
		},
		Asks: func(d *Draw) []Want {
			w := d.ask()
			w.From = extra + "client"
			return []Want{w, d.ask()}
		},
		Undo: healExtras,
	}
}

func twoNetworks() Situation {
	return Situation{
		ID:  "healthy.two-networks",
		Doc: "a service is on two overlays, and one of them has no task on most nodes",
		Setup: func(ctx context.Context, l *Lab, d *Draw) error {
			if _, err := l.CreateNetwork(ctx, extra+"net", nil); err != nil {
				return err
			}
			t, err := l.startExtra(ctx, l.extraService("api", d.Peer, []string{d.Network, extra + "net"}, "-http", ":8080"))
			if err != nil {
				return err
			}
			if err := l.Settle(ctx, 30*time.Second); err != nil {
				return err
			}
			to := netip.AddrPortFrom(t.Addrs[d.Network], uint16(d.Port))
			return l.expectConnect(ctx, d.Task, to, 8*time.Second, Opened)
		},
		Asks: func(d *Draw) []Want { return []Want{d.askExtra("api")} },
		Undo: healExtras,
	}
}
