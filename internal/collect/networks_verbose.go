package collect

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// readVerbose reads GET /networks/ID?verbose=true, which API clients up to
// moby/moby/client 0.6.2 refuse as a whole for a VIP of "<nil>".
//
// Containers, Peers and Services are null or absent, by version, where this
// node has no part in the network; so what decides is whether an endpoint is
// there.
func readVerbose(a *answer, n *fact.EngineNetwork) error {
	var def networkJSON
	err := a.members("the network", func(key string) error {
		switch key {
		case "Containers":
			return readEndpoints(a, n)
		case "Peers":
			return readPeers(a, n)
		case "Services":
			return readServices(a, n)
		}
		if at := def.field(key); at != nil {
			return a.value(key, at)
		}
		return a.skip()
	})
	n.Instantiated = len(n.Endpoints) > 0
	if def.ID != "" {
		n.Network = definition(def, a.bad)
	}
	sortVerbose(n)
	return err
}

func sortVerbose(n *fact.EngineNetwork) {
	slices.SortFunc(n.Endpoints, func(a, b fact.Endpoint) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(n.Peers, func(a, b fact.Peer) int {
		return cmp.Or(a.IP.Compare(b.IP), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(n.Services, func(a, b fact.BelievedService) int { return strings.Compare(a.Name, b.Name) })
	for i := range n.Services {
		slices.SortFunc(n.Services[i].Tasks, func(a, b fact.BelievedTask) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.Endpoint), string(b.Endpoint)))
		})
	}
}

func readEndpoints(a *answer, n *fact.EngineNetwork) error {
	return a.members("Containers", func(key string) error {
		var in struct{ Name, EndpointID, MacAddress, IPv4Address, IPv6Address string }
		if err := a.value("Containers", &in); err != nil {
			return err
		}
		ip := in.IPv4Address
		if unset(ip) {
			ip = in.IPv6Address
		}
		n.Endpoints = append(n.Endpoints, fact.Endpoint{
			Key: key, Name: in.Name, ID: fact.EndpointID(in.EndpointID),
			MAC: a.bad.mac("Containers MacAddress", in.MacAddress), Addr: a.bad.prefix("Containers IPv4Address", ip),
		})
		return nil
	})
}

func readPeers(a *answer, n *fact.EngineNetwork) error {
	return a.elements("Peers", func() error {
		var in struct{ Name, IP string }
		if err := a.value("Peers", &in); err != nil {
			return err
		}
		n.Peers = append(n.Peers, fact.Peer{Name: in.Name, IP: a.bad.addr("Peers IP", in.IP)})
		return nil
	})
}

func readServices(a *answer, n *fact.EngineNetwork) error {
	return a.members("Services", func(name string) error {
		s := fact.BelievedService{Name: name}
		err := readService(a, &s)
		n.Services = append(n.Services, s)
		return err
	})
}

func readService(a *answer, s *fact.BelievedService) error {
	var vip string
	return a.members("Services", func(key string) error {
		switch key {
		case "VIP":
			err := a.value("Services VIP", &vip)
			s.VIP = a.bad.addr("Services VIP", vip)
			return err
		case "LocalLBIndex":
			return a.value("Services LocalLBIndex", &s.FWMark)
		case "Tasks":
			return readTasksOf(a, s)
		}
		return a.skip()
	})
}

func readTasksOf(a *answer, s *fact.BelievedService) error {
	return a.elements("Services Tasks", func() error {
		var in struct {
			Name, EndpointID, EndpointIP string
			Info                         struct {
				HostIP string `json:"Host IP"`
			}
		}
		if err := a.value("Services Tasks", &in); err != nil {
			return err
		}
		s.Tasks = append(s.Tasks, fact.BelievedTask{
			Name: in.Name, Endpoint: fact.EndpointID(in.EndpointID),
			IP: a.bad.addr("Services EndpointIP", in.EndpointIP), HostIP: a.bad.addr("Services Host IP", in.Info.HostIP),
		})
		return nil
	})
}

// gateway reads a gateway, which releases before 1.9 wrote with a length.
func (g *garbled) gateway(s string) netip.Addr {
	if host, _, ok := strings.Cut(s, "/"); ok {
		s = host
	}
	return g.addr("IPAM Gateway", s)
}
