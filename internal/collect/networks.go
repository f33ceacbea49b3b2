package collect

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// networks lists the engine's networks and asks verbosely for every overlay.
// Bridges come with their plain definition; other drivers are left out.
func (e *Engine) networks(ctx context.Context) ([]fact.EngineNetwork, []fact.Gap) {
	var list []fact.EngineNetwork
	gaps := e.look(fact.KindNetworks, "list the engine's networks", func(bad *garbled) error {
		return e.get(ctx, "/networks", func(r io.Reader) error {
			return readNetworks(newAnswer(r, bad), func(n fact.Network) {
				if n.Driver == "overlay" || n.Driver == "bridge" {
					list = append(list, fact.EngineNetwork{Network: n})
				}
			})
		})
	})
	found := make([][]fact.Gap, len(list))
	each(len(list), e.workers, func(i int) {
		if list[i].Driver != "overlay" {
			return
		}
		found[i] = e.look(fact.KindNetworks, "inspect network "+fact.OneLine(list[i].Name), func(bad *garbled) error {
			return e.verbose(ctx, &list[i], bad)
		})
	})
	slices.SortFunc(list, func(a, b fact.EngineNetwork) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, append(gaps, few(slices.Concat(found...))...)
}

// networksOf inspects the networks of containers one by one, by their full IDs:
// where listing them waits for a leader that does not answer, this does not
// (26.1, seen). The gap is then no longer about these networks.
func (e *Engine) networksOf(ctx context.Context, cs []fact.Container, listing []fact.Gap) ([]fact.EngineNetwork, []fact.Gap) {
	var list []fact.EngineNetwork
	for _, c := range cs {
		for _, ep := range c.Endpoints {
			if ep.Network != "" && !slices.ContainsFunc(list, func(n fact.EngineNetwork) bool { return n.ID == ep.Network }) {
				list = append(list, fact.EngineNetwork{Network: fact.Network{ID: ep.Network, Name: ep.NetworkName}})
			}
		}
	}
	if len(list) == 0 || listing[0].Class != fact.ClassTimeout {
		return nil, listing
	}
	found := make([][]fact.Gap, len(list))
	each(len(list), e.workers, func(i int) {
		found[i] = e.look(fact.KindNetworks, "inspect network "+fact.OneLine(list[i].Name), func(bad *garbled) error {
			return e.verbose(ctx, &list[i], bad)
		})
	})
	if len(slices.Concat(found...)) > 0 {
		return nil, listing
	}
	for i := range listing {
		listing[i].Kind = fact.KindInfo
		listing[i].Reason += "; the networks of its containers were inspected one by one"
	}
	list = slices.DeleteFunc(list, func(n fact.EngineNetwork) bool { return n.Driver != "overlay" && n.Driver != "bridge" })
	slices.SortFunc(list, func(a, b fact.EngineNetwork) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, listing
}

// verbose completes a listed network. Not found is what a worker says of a
// network that it has no part in.
func (e *Engine) verbose(ctx context.Context, n *fact.EngineNetwork, bad *garbled) error {
	err := e.get(ctx, "/networks/"+url.PathEscape(string(n.ID))+"?verbose=true", func(r io.Reader) error {
		return readVerbose(newAnswer(r, bad), n)
	})
	if status(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// networkJSON is what is read of a network's definition, listed or inspected.
type networkJSON struct {
	ID         string `json:"Id"`
	Name       string
	Created    string
	Scope      string
	Driver     string
	EnableIPv6 bool
	Internal   bool
	Attachable bool
	Ingress    bool
	IPAM       struct {
		Config []struct{ Subnet, Gateway string }
	}
	Options struct {
		VNIs string `json:"com.docker.network.driver.overlay.vxlanid_list"`
		// Encrypted is nil when the option is absent; its text is "" as a rule.
		Encrypted *string `json:"encrypted"`
		DSR       *string `json:"dsr"`
		MTU       string  `json:"com.docker.network.driver.mtu"`
		// Masquerade is "true" or "false", of bridges only.
		Masquerade string `json:"com.docker.network.bridge.enable_ip_masquerade"`
	}
}

// field returns where a member of a verbose answer belongs, or nil.
func (n *networkJSON) field(key string) any {
	switch key {
	case "Id":
		return &n.ID
	case "Name":
		return &n.Name
	case "Created":
		return &n.Created
	case "Scope":
		return &n.Scope
	case "Driver":
		return &n.Driver
	case "EnableIPv6":
		return &n.EnableIPv6
	case "Internal":
		return &n.Internal
	case "Attachable":
		return &n.Attachable
	case "Ingress":
		return &n.Ingress
	case "IPAM":
		return &n.IPAM
	case "Options":
		return &n.Options
	}
	return nil
}

func readNetworks(a *answer, take func(fact.Network)) error {
	seen := map[string]bool{}
	return a.elements("the list of networks", func() error {
		var in networkJSON
		if err := a.value("network", &in); err != nil {
			return err
		}
		if in.ID == "" {
			a.bad.note("a network", "has no ID")
			return nil
		}
		// A manager may know a network both from the Swarm and for itself.
		if !seen[in.ID] {
			seen[in.ID] = true
			take(definition(in, a.bad))
		}
		return nil
	})
}

func definition(in networkJSON, bad *garbled) fact.Network {
	n := fact.Network{
		ID: fact.NetworkID(in.ID), Name: in.Name, Driver: in.Driver, Scope: in.Scope,
		Ingress: in.Ingress, Attachable: in.Attachable, Internal: in.Internal, IPv6: in.EnableIPv6,
		Encrypted: in.Options.Encrypted != nil, DSR: in.Options.DSR != nil, NoMasquerade: in.Options.Masquerade == "false",
		Created: bad.time("Created", in.Created),
	}
	for _, c := range in.IPAM.Config {
		if p := bad.prefix("IPAM Subnet", c.Subnet); p.IsValid() {
			n.Subnets = append(n.Subnets, fact.Subnet{Prefix: p, Gateway: bad.gateway(c.Gateway)})
		}
	}
	for v := range strings.SplitSeq(in.Options.VNIs, ",") {
		if v = strings.TrimSpace(v); v == "" {
			continue
		}
		id, err := strconv.ParseUint(v, 10, 24)
		if err != nil {
			bad.note("Options vxlanid_list", "holds no VXLAN identifier: "+strconv.Quote(fact.OneLine(v)))
			continue
		}
		n.VNIs = append(n.VNIs, uint32(id))
	}
	if in.Options.MTU != "" {
		var err error
		if n.MTU, err = strconv.Atoi(in.Options.MTU); err != nil {
			bad.note("Options com.docker.network.driver.mtu", "is no number: "+strconv.Quote(fact.OneLine(in.Options.MTU)))
		}
	}
	return n
}
