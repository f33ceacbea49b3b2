package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// ingressUnusable makes the ingress network anew with the subnet of another one. The managers take it, and then fail to
// allocate it. Without any ingress network they refuse services with published ports instead (seen on 26.1).
func ingressUnusable() Fault {
	return Fault{
		ID:     "ingress-network-unusable",
		Doc:    "the ingress network was made anew with a subnet that is taken: the managers cannot allocate it, nor what publishes ports",
		Layer:  "C",
		Renews: true, // where the kernel has IPVS, api publishes on that network, too
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.unpublish(ctx, d); err != nil {
				return err
			}
			taken, err := l.subnetOf(ctx, d.Network)
			if err != nil {
				return err
			}
			if err := l.renewIngress(ctx, taken); err != nil {
				return err
			}
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080")
			s.EndpointSpec = &swarm.EndpointSpec{Mode: swarm.ResolutionModeVIP, Ports: []swarm.PortConfig{
				{Protocol: network.TCP, TargetPort: 8080, PublishedPort: 18083, PublishMode: swarm.PortConfigPublishModeIngress}}}
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			_, err = l.waitTask(ctx, s.Name, "stays new", func(t swarm.Task) bool {
				return t.Status.State == swarm.TaskStateNew && time.Since(t.CreatedAt) > 3*time.Second
			})
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.removeExtras(ctx); err != nil {
				return err
			}
			if now, err := l.subnetOf(ctx, "ingress"); err != nil || !now.IsValid() {
				if err := l.renewIngress(ctx, netip.Prefix{}); err != nil {
					return err
				}
			}
			return l.republish(ctx, d)
		},
		Want: func(l *Lab, d *Draw) Want {
			w := Want{On: d.Node, To: ":18083", Causes: []Cause{{ID: "ingress-network-unusable", Kind: "network", Name: "ingress"}}}
			if !l.IPVS {
				w.Causes = append(w.Causes, Cause{ID: "ipvs-kernel-missing", Kind: "service", Name: extra + "api"})
			}
			return w
		},
	}
}

// subnetOf is a network's range; not valid for one that was not allocated.
func (l *Lab) subnetOf(ctx context.Context, name string) (netip.Prefix, error) {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	res, err := api.NetworkInspect(ctx, name, client.NetworkInspectOptions{Scope: "swarm"})
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("inspect network %s: %w", name, err)
	}
	for _, c := range res.Network.IPAM.Config {
		return c.Subnet, nil
	}
	return netip.Prefix{}, nil
}

// renewIngress removes the ingress network, if it is there, and makes one with this subnet, or one from the pool. It waits until
// the managers have allocated it, where they can.
func (l *Lab) renewIngress(ctx context.Context, subnet netip.Prefix) error {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return err
	}
	if _, err := l.subnetOf(ctx, "ingress"); err == nil {
		if err := l.RemoveNetwork(ctx, "ingress"); err != nil {
			return err
		}
	}
	o := client.NetworkCreateOptions{Driver: "overlay", Ingress: true}
	if subnet.IsValid() {
		o.IPAM = &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: subnet}}}
	}
	if err := poll(ctx, 20*time.Second, "the ingress network to be made", func() (bool, error) {
		_, err := api.NetworkCreate(ctx, "ingress", o)
		return err == nil, err
	}); err != nil || subnet.IsValid() {
		return err
	}
	return poll(ctx, 20*time.Second, "the ingress network to get a subnet", func() (bool, error) {
		now, err := l.subnetOf(ctx, "ingress")
		return now.IsValid(), err
	})
}

// unpublish takes api's ports off the routing mesh and notes them: its network cannot be removed while they are there.
func (l *Lab) unpublish(ctx context.Context, d *Draw) error {
	s, err := l.service(ctx, "api")
	if err != nil {
		return err
	}
	b, err := json.Marshal(s.Spec.EndpointSpec.Ports)
	if err != nil {
		return err
	}
	if err := d.Note("ports", string(b)); err != nil || !l.IPVS {
		return err
	}
	if err := l.UpdateService(ctx, "api", func(s *swarm.ServiceSpec) { s.EndpointSpec.Ports = nil }); err != nil {
		return err
	}
	return l.Settle(ctx, 120*time.Second)
}

// republish undoes unpublish.
func (l *Lab) republish(ctx context.Context, d *Draw) error {
	if d.Notes["ports"] == "" || !l.IPVS {
		return l.Settle(ctx, 60*time.Second)
	}
	var ports []swarm.PortConfig
	if err := json.Unmarshal([]byte(d.Notes["ports"]), &ports); err != nil {
		return errors.Join(errors.New("read the ports of api that were noted"), err)
	}
	if err := l.UpdateService(ctx, "api", func(s *swarm.ServiceSpec) { s.EndpointSpec.Ports = ports }); err != nil {
		return err
	}
	return l.Settle(ctx, 120*time.Second)
}
