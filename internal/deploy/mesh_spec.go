package deploy

import (
	"fmt"
	"time"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
)

const (
	// serveService and takeService are there only while an image is on its way
	// through the routing mesh.
	serveService, takeService = "fairway-image", "fairway-image-take"
	// servePort is what the image is handed out on, inside its container.
	servePort = 5000
	// nobody is a user that owns nothing.
	nobody = "65534:65534"
	// again is how long Swarm waits before a node tries once more.
	again = 2 * time.Second
)

// serveSpec is the service that hands the image out: one task on the engine
// spoken to, which has the image, for life at most. It has no privilege, no mount
// and no secret.
func (p Plan) serveSpec(h *held, digest string, life time.Duration) swarm.ServiceSpec {
	c := p.container(h, p.Options.Image, "serve-image", "--listen", fmt.Sprintf(":%d", servePort), "--reference", p.Options.Image, "--digest", digest, "--for", life.String())
	c.User = nobody
	one := uint64(1)
	spec := p.temporary(serveService, c)
	spec.Mode = swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}}
	spec.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionNone}
	spec.TaskTemplate.Placement.Constraints = []string{"node.id==" + h.node}
	// No published port is named: the managers choose one that is free.
	spec.EndpointSpec = &swarm.EndpointSpec{Mode: swarm.ResolutionModeVIP,
		Ports: []swarm.PortConfig{{Protocol: "tcp", TargetPort: servePort, PublishMode: swarm.PortConfigPublishModeIngress}}}
	return spec
}

// takeSpec is the service that runs once on every node that lacks the image, not
// on except. The digest is in its reference: an engine takes these bytes and no
// others, whoever answers on that port. It may use the engine's socket, to give
// the image its name, and has no network of its own.
func (p Plan) takeSpec(h *held, digest string, port uint32, except []string) swarm.ServiceSpec {
	registry := fmt.Sprintf("127.0.0.1:%d/%s", port, repository)
	c := p.container(h, registry+":"+tagOf(p.Options.Image)+"@"+digest, "keep-image", "--from", registry+"@"+digest, "--reference", p.Options.Image)
	c.User = "0:0"
	c.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: engineSocket, Target: engineSocket, ReadOnly: true,
		BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate}}}
	delay, attempts := again, uint64(4*tries) // nobody is left to wait for more
	spec := p.temporary(takeService, c)
	spec.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}}
	spec.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionOnFailure, Delay: &delay, MaxAttempts: &attempts}
	spec.TaskTemplate.Networks = []swarm.NetworkAttachmentConfig{{Target: "host"}}
	for _, id := range except {
		spec.TaskTemplate.Placement.Constraints = append(spec.TaskTemplate.Placement.Constraints, "node.id!="+id)
	}
	return spec
}

// container is what both have in common: this program, and no privilege.
func (p Plan) container(h *held, image string, args ...string) *swarm.ContainerSpec {
	c := &swarm.ContainerSpec{Image: image, Labels: map[string]string{Label: LabelValue}, Command: []string{inImage}, Args: args,
		ReadOnly: true, CapabilityDrop: []string{"ALL"}}
	if h.noNewPrivileges {
		c.Privileges = &swarm.Privileges{NoNewPrivileges: true}
	}
	return c
}

func (p Plan) temporary(name string, c *swarm.ContainerSpec) swarm.ServiceSpec {
	placement := &swarm.Placement{}
	if p.Arch != "" {
		placement.Platforms = []swarm.Platform{{Architecture: p.Arch, OS: "linux"}}
	}
	return swarm.ServiceSpec{
		Annotations:  swarm.Annotations{Name: name, Labels: map[string]string{Label: LabelValue, LabelHash: p.Hash}},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: c, Placement: placement, Resources: &swarm.ResourceRequirements{Limits: &swarm.Limit{MemoryBytes: memory}}},
	}
}
