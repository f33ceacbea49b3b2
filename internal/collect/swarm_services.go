package collect

import (
	"cmp"
	"path"
	"strconv"

	"fairway/internal/fact"
	"fairway/internal/said"
)

// serviceJSON is what is read of a row of /services: no environment, no
// arguments, of configs and secrets the place only.
type serviceJSON struct {
	ID        string
	CreatedAt string
	UpdatedAt string
	Spec      struct {
		Name         string
		Labels       agentLabels
		TaskTemplate struct {
			ContainerSpec struct {
				Mounts      []struct{ Target string }
				Healthcheck struct{ Test []string }
				DNSConfig   struct{ Nameservers []string }
				Configs     []struct{ File struct{ Name string } }
			}
			Placement struct {
				Constraints []string
				MaxReplicas uint64
			}
			Networks []attachmentJSON
		}
		Mode     modeJSON
		Networks []attachmentJSON
		// EndpointSpec is what the operator asked for last; Endpoint.Spec below
		// may lag behind it.
		EndpointSpec struct {
			Mode  string
			Ports []portJSON
		}
	}
	Endpoint struct {
		Ports      []portJSON
		VirtualIPs []struct{ NetworkID, Addr string }
	}
	UpdateStatus struct{ State, Message string }
}

// agentLabels are the labels that fairway puts on its own service; of other
// labels nothing is kept, because people put secrets there.
type agentLabels struct {
	Port string `json:"fairway.port"`
	CA   string `json:"fairway.ca"`
}

type attachmentJSON struct {
	Target  string
	Aliases []string
}

type modeJSON struct {
	Replicated    *struct{ Replicas uint64 }
	Global        *struct{}
	ReplicatedJob *struct{}
	GlobalJob     *struct{}
}

type portJSON struct {
	Protocol      string
	TargetPort    uint16
	PublishedPort uint16
	PublishMode   string
}

func readServiceList(a *answer, list *[]fact.Service) error {
	return a.elements("the list of services", func() error {
		var in serviceJSON
		if err := a.value("service", &in); err != nil {
			return err
		}
		if in.ID == "" {
			a.bad.note("a service", "has no ID")
			return nil
		}
		*list = append(*list, service(in, a.bad))
		return nil
	})
}

func service(in serviceJSON, bad *garbled) fact.Service {
	t := in.Spec.TaskTemplate
	s := fact.Service{
		ID: fact.ServiceID(in.ID), Name: in.Spec.Name,
		EndpointMode: cmp.Or(in.Spec.EndpointSpec.Mode, "vip"),
		Constraints:  t.Placement.Constraints, MaxPerNode: t.Placement.MaxReplicas,
		Healthcheck:     len(t.ContainerSpec.Healthcheck.Test) > 0 && t.ContainerSpec.Healthcheck.Test[0] != "NONE",
		ResolvConfMount: mountsResolvConf(in),
		UpdateState:     in.UpdateStatus.State, UpdateMessage: said.Mask(in.UpdateStatus.Message),
		Created: bad.time("service CreatedAt", in.CreatedAt), Updated: bad.time("service UpdatedAt", in.UpdatedAt),
	}
	s.Mode, s.Replicas = in.Spec.Mode.read()
	if l := in.Spec.Labels; l.Port != "" {
		port, err := strconv.ParseUint(l.Port, 10, 16)
		if err != nil {
			bad.note("service label fairway.port", l.Port)
		}
		s.AgentPort, s.AgentCA = uint16(port), l.CA
	}
	// The managers' list has the assigned ports; before they assigned any, the
	// spec says what is asked for.
	if s.Ports = ports(in.Endpoint.Ports); s.Ports == nil {
		s.Ports = ports(in.Spec.EndpointSpec.Ports)
	}
	for _, v := range in.Endpoint.VirtualIPs {
		if p := bad.prefix("service VirtualIPs Addr", v.Addr); p.IsValid() {
			s.VIPs = append(s.VIPs, fact.VIP{Network: fact.NetworkID(v.NetworkID), Addr: p})
		}
	}
	attached := t.Networks
	if len(attached) == 0 {
		attached = in.Spec.Networks
	}
	for _, n := range attached {
		s.Attached = append(s.Attached, fact.Attachment{Network: fact.NetworkID(n.Target), Aliases: n.Aliases})
	}
	for _, d := range t.ContainerSpec.DNSConfig.Nameservers {
		if ip := bad.addr("service Nameservers", d); ip.IsValid() {
			s.DNS = append(s.DNS, ip)
		}
	}
	return s
}

// read returns the mode in Swarm's own words, and the replicas wanted. A
// service without any mode is a replicated one (Docker API, all versions).
func (m modeJSON) read() (mode string, replicas uint64) {
	switch {
	case m.Global != nil:
		return "global", 0
	case m.ReplicatedJob != nil:
		return "replicated-job", 0
	case m.GlobalJob != nil:
		return "global-job", 0
	case m.Replicated != nil:
		return "replicated", m.Replicated.Replicas
	}
	return "replicated", 0
}

// mountsResolvConf says whether a mount or a config covers /etc/resolv.conf. A
// config's relative name starts at the root.
func mountsResolvConf(in serviceJSON) bool {
	const file = "/etc/resolv.conf"
	c := in.Spec.TaskTemplate.ContainerSpec
	for _, m := range c.Mounts {
		if path.Clean(m.Target) == file {
			return true
		}
	}
	for _, f := range c.Configs {
		if path.Join("/", f.File.Name) == file {
			return true
		}
	}
	return false
}

// ports reads published ports. Releases up to at least 20.10 list a host-mode
// port once for IPv4 and once for IPv6; it is one port.
func ports(in []portJSON) []fact.Port {
	var out []fact.Port
	seen := map[fact.Port]bool{}
	for _, p := range in {
		f := fact.Port{Proto: cmp.Or(p.Protocol, "tcp"), Target: p.TargetPort, Published: p.PublishedPort,
			Mode: cmp.Or(p.PublishMode, "ingress")}
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}
