package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// CreateNetwork makes an attachable overlay; options are the driver's.
func (l *Lab) CreateNetwork(ctx context.Context, name string, options map[string]string) (string, error) {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return "", err
	}
	res, err := api.NetworkCreate(ctx, name, client.NetworkCreateOptions{
		Driver: "overlay", Attachable: true, Options: options})
	if err != nil {
		return "", fmt.Errorf("create network %s: %w", name, err)
	}
	return res.ID, nil
}

// RemoveNetwork removes a network; it waits for the last endpoint to go.
func (l *Lab) RemoveNetwork(ctx context.Context, name string) error {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return err
	}
	return poll(ctx, 30*time.Second, "network "+name+" to go", func() (bool, error) {
		_, err := api.NetworkRemove(ctx, name, client.NetworkRemoveOptions{})
		return err == nil, err
	})
}

// NetworkID is the swarm-wide identity of a network.
func (l *Lab) NetworkID(ctx context.Context, name string) (string, error) {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return "", err
	}
	res, err := api.NetworkInspect(ctx, name, client.NetworkInspectOptions{Scope: "swarm"})
	if err != nil {
		return "", fmt.Errorf("inspect network %s: %w", name, err)
	}
	return res.Network.ID, nil
}

// EchoService is a service of the workload's image: args are echo's flags. Without IPVS a VIP cannot work, so there it is
// in endpoint mode dnsrr.
func (l *Lab) EchoService(name string, replicas int, networks []string, args ...string) swarm.ServiceSpec {
	n := uint64(replicas)
	s := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: name},
		Mode:        swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &n}},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{Image: echoImage, Command: append([]string{"/echo"}, args...)},
			Placement:     &swarm.Placement{MaxReplicas: 1},
		},
		EndpointSpec: &swarm.EndpointSpec{Mode: swarm.ResolutionModeVIP},
	}
	for _, n := range networks {
		s.TaskTemplate.Networks = append(s.TaskTemplate.Networks, swarm.NetworkAttachmentConfig{Target: n})
	}
	if !l.IPVS {
		s.EndpointSpec.Mode = swarm.ResolutionModeDNSRR
	}
	return s
}

// Publish adds a published TCP port: through the routing mesh where the kernel has IPVS, else on each task's own host.
func (l *Lab) Publish(s *swarm.ServiceSpec, port uint32) {
	mode := swarm.PortConfigPublishModeIngress
	if !l.IPVS {
		mode = swarm.PortConfigPublishModeHost
	}
	s.EndpointSpec.Ports = append(s.EndpointSpec.Ports,
		swarm.PortConfig{Protocol: network.TCP, TargetPort: port, PublishedPort: port, PublishMode: mode})
}

// CreateService creates a service; it does not wait, see [Lab.Converge].
func (l *Lab) CreateService(ctx context.Context, spec swarm.ServiceSpec) error {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return err
	}
	if _, err = api.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: spec}); err != nil {
		return fmt.Errorf("create service %s: %w", spec.Name, err)
	}
	return nil
}

// UpdateService changes a service's spec; it does not wait.
func (l *Lab) UpdateService(ctx context.Context, name string, change func(*swarm.ServiceSpec)) error {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return err
	}
	res, err := api.ServiceInspect(ctx, name, client.ServiceInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect service %s: %w", name, err)
	}
	spec := res.Service.Spec
	change(&spec)
	_, err = api.ServiceUpdate(ctx, res.Service.ID, client.ServiceUpdateOptions{Version: res.Service.Version, Spec: spec})
	if err != nil {
		return fmt.Errorf("update service %s: %w", name, err)
	}
	return nil
}

// ForceUpdate replaces every task of a service; it does not wait.
func (l *Lab) ForceUpdate(ctx context.Context, name string) error {
	return l.UpdateService(ctx, name, func(s *swarm.ServiceSpec) { s.TaskTemplate.ForceUpdate++ })
}

// RemoveService removes a service; it does not wait.
func (l *Lab) RemoveService(ctx context.Context, name string) error {
	api, _, err := l.Manager(ctx)
	if err != nil {
		return err
	}
	if _, err = api.ServiceRemove(ctx, name, client.ServiceRemoveOptions{}); err != nil {
		return fmt.Errorf("remove service %s: %w", name, err)
	}
	return nil
}

// topology creates what every lab starts with: overlay app, service web that asks and service api that answers, one task
// of each on every node.
func (l *Lab) topology(ctx context.Context) error {
	if _, err := l.CreateNetwork(ctx, "app", nil); err != nil {
		return err
	}
	web := l.EchoService("web", len(l.Nodes), []string{"app"}, "-http", ":8080")
	api := l.EchoService("api", len(l.Nodes), []string{"app"}, "-http", ":8080")
	l.Publish(&api, 8080)
	if err := l.CreateService(ctx, api); err != nil {
		return err
	}
	return l.CreateService(ctx, web)
}
