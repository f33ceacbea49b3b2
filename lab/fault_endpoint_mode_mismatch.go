package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

func endpointModeMismatch() Fault {
	return Fault{
		ID: "endpoint-mode-mismatch",
		Doc: "an update of a service from vip to dnsrr stopped half-way: one task still carries the virtual address, which the " +
			"managers gave back",
		Layer: "O",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Node, []string{d.Network}, "-http", ":8080")
			two := uint64(2)
			s.Mode.Replicated.Replicas, s.TaskTemplate.Placement.MaxReplicas = &two, 0
			s.EndpointSpec.Mode = swarm.ResolutionModeVIP
			s.UpdateConfig = &swarm.UpdateConfig{Parallelism: 1, Delay: time.Minute, Monitor: 2 * time.Minute,
				FailureAction: swarm.UpdateFailureActionPause, Order: swarm.UpdateOrderStartFirst}
			at := time.Duration(0)
			s.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &at}
			if _, err := l.startExtra(ctx, s); err != nil {
				return err
			}
			old, err := l.expectNames(ctx, d.Task, s.Name, 1)
			if err != nil {
				return err
			}
			if err := l.stopHalfWay(ctx, d.Node, s.Name); err != nil {
				return err
			}
			return l.expectHalfMode(ctx, d, s.Name, old[0])
		},
		Heal: healExtras,
		Want: func(_ *Lab, d *Draw) Want {
			return d.askExtra("api", Cause{ID: "endpoint-mode-mismatch", Kind: "service", Name: extra + "api"})
		},
	}
}

// stopHalfWay updates a service to dnsrr and ends the first new task, which pauses the update; the task is replaced.
func (l *Lab) stopHalfWay(ctx context.Context, node, service string) error {
	before, err := l.Running(ctx, service, "")
	if err != nil {
		return err
	}
	if err := l.UpdateService(ctx, service, func(s *swarm.ServiceSpec) { s.EndpointSpec.Mode = swarm.ResolutionModeDNSRR }); err != nil {
		return err
	}
	var fresh Task
	err = poll(ctx, 30*time.Second, "a new task of "+service, func() (bool, error) {
		now, err := l.Running(ctx, service, "")
		i := slices.IndexFunc(now, func(t Task) bool {
			return !slices.ContainsFunc(before, func(b Task) bool { return b.ID == t.ID })
		})
		if i >= 0 {
			fresh = now[i]
		}
		return i >= 0, err
	})
	if err != nil {
		return err
	}
	api, err := l.API(node)
	if err != nil {
		return err
	}
	if _, err := api.ContainerKill(ctx, fresh.Container, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return fmt.Errorf("end task %s: %w", fresh.Name, err)
	}
	return poll(ctx, 30*time.Second, "the update of "+service+" to pause", func() (bool, error) {
		s, err := l.service(ctx, service)
		if err != nil || s.UpdateStatus == nil || s.UpdateStatus.State != swarm.UpdateStatePaused {
			return false, err
		}
		now, err := l.Running(ctx, service, "")
		return len(now) == len(before), err
	})
}

// expectHalfMode proves that the name leads to the old virtual address and to one task beside it.
func (l *Lab) expectHalfMode(ctx context.Context, d *Draw, service string, old netip.Addr) error {
	found, err := l.expectNames(ctx, d.Task, service, 2)
	if err == nil && !slices.Contains(found, old) {
		err = fmt.Errorf("%s resolves to %v without its old address %s", service, found, old)
	}
	return err
}
