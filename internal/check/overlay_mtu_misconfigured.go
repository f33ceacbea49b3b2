package check

import (
	"fmt"
	"strings"

	"fairway/internal/expect"
	"fairway/internal/fact"
)

// OverlayMTUMisconfigured finds overlays made for packets larger than the
// underlay carries, and links that do not have their overlay's MTU.
var OverlayMTUMisconfigured = &Check{
	ID:    "overlay-mtu-misconfigured",
	Title: "the overlay's MTU does not fit",
	Doc: Doc{
		Symptom: "Connections open and small messages pass; large answers, TLS handshakes and query results hang. Only on one network, or only with one container.",
		Cause: "The option com.docker.network.driver.mtu of an overlay means the MTU of the network below it; the engine takes 50 off for VXLAN (76 and rounded down for an encrypted one) and gives the rest to every link. " +
			"Either the option promises more than the underlay's interface carries, or somebody changed the MTU of one link, or of all on one node.",
		ByHand: "`docker network inspect NETWORK` (Options), `ip link` of the underlay's interface, `ip link` in the overlay's namespace and in the container's: 1450 without the option, 1424 if encrypted.",
		Relief: "Give the links the right MTU by hand; it is in force at once.",
		Fix:    "Make the network anew with the underlay's MTU as com.docker.network.driver.mtu, move the services to it, and keep network managers away from the engine's links.",
	},
	Needs:   []fact.Kind{fact.KindNetworks, fact.KindLinks},
	Because: []string{"underlay-mtu-blackhole"},
	Claims:  noConnect,
	Run:     overlayMTU,
}

func overlayMTU(in *In) []Finding {
	var out []Finding
	tooLarge := map[fact.NetworkID]*Finding{}
	all := in.overlays(fact.KindLinks)
	holes := mtuBlackhole(in.quiet())
	for _, o := range all {
		want := in.memberMTU(all, &o)
		if members := in.members(&o); oneMTU(members) && members[0].Link.MTU != want {
			out = append(out, in.oddMember(&o, all, members, want))
		} else {
			for _, m := range members {
				if m.Link.MTU != want && !m.told(out, o.Node.Name) {
					f := in.wrongMTU(&o, m.Subject, m.NS, want, m.Link)
					in.belowHole(&f, holes)
					out = append(out, f)
				}
			}
		}
		if nic := in.underlayLink(&o); nic != nil && o.Net.MTU > nic.MTU {
			in.addTooLarge(tooLarge, &o, nic)
		}
	}
	for _, o := range all {
		if f := tooLarge[o.Net.ID]; f != nil {
			delete(tooLarge, o.Net.ID)
			out = append(out, *f)
		}
	}
	return out
}

// underlayLink is the interface that carries the overlay; where the option says
// nothing there is nothing to compare it with.
func (in *In) underlayLink(o *overlay) *fact.Link {
	host := o.Node.Kernel.Host()
	if o.Net.MTU == 0 || host == nil || !in.Can(o.Node, host.Name, fact.KindLinks) {
		return nil
	}
	l := host.LinkWith(expect.VTEP(in.Snapshot, o.Node.ID))
	if l == nil {
		in.Blind("%s: the interface that carries the overlay was not found", o.Node.Name)
	}
	return l
}

func (in *In) wrongMTU(o *overlay, s Subject, ns *fact.NetNS, want int, l *fact.Link) Finding {
	f := Finding{
		Certainty: Proof, Structural: true, Node: o.Node.Name, Network: o.Net.ID, Subject: s,
		Message:  fmt.Sprintf("%s of %s on %s has MTU %d, but every link of %s should have %d", l.Name, s.Name, o.Node.Name, l.MTU, o.Net.Name, want),
		Evidence: []Evidence{{Where: fmt.Sprintf("%s: %s in %s", o.Node.Name, l.Name, ns.Name), Want: fmt.Sprint("mtu ", want), Got: fmt.Sprint("mtu ", l.MTU)}},
		Confirm:  fmt.Sprintf("on %s: %sip link show %s", o.Node.Name, Enter(ns.Name), quoted(l.Name)),
		Relief:   fmt.Sprintf("on %s: %sip link set %s mtu %d", o.Node.Name, Enter(ns.Name), quoted(l.Name), want),
	}
	if s.Kind != "link" && l.MTU < want {
		f.Certainty = Strong
		f.Message += "; by itself that only makes its large packets smaller, unless others send it larger ones, which get lost"
		f.Relief += "   # unless somebody lowered it because the path carries no more"
	}
	if s.Kind == "link" {
		f.Message = fmt.Sprintf("%s of %s on %s has MTU %d instead of %d", l.Name, o.Net.Name, o.Node.Name, l.MTU, want)
	}
	return f
}

// addTooLarge collects the nodes whose underlay is too narrow for a network.
func (in *In) addTooLarge(all map[fact.NetworkID]*Finding, o *overlay, nic *fact.Link) {
	f := all[o.Net.ID]
	if f == nil {
		f = &Finding{Certainty: Proof, Structural: true, Network: o.Net.ID, Subject: in.NetworkSubject(o.Net.ID),
			Message: fmt.Sprintf("%s is made for an underlay of MTU %d, but %s of %s carries %d", o.Net.Name, o.Net.MTU, nic.Name, o.Node.Name, nic.MTU),
			Confirm: fmt.Sprintf("docker network inspect -f '{{.Options}}' %s; on %s: ip link show %s", quoted(o.Net.Name), o.Node.Name, quoted(nic.Name))}
		all[o.Net.ID] = f
	}
	f.Evidence = append(f.Evidence, Evidence{Where: fmt.Sprintf("%s: %s below %s", o.Node.Name, nic.Name, o.Net.Name),
		Want: fmt.Sprintf("mtu %d or more", o.Net.MTU), Got: fmt.Sprint("mtu ", nic.MTU)})
	fits := o.Net.Network
	fits.MTU = nic.MTU
	for _, p := range in.ports(o.Node, o.Net, o.NS) {
		if p.Inner != nil {
			f.Relief = strings.TrimPrefix(fmt.Sprintf("%s\non %s: %sip link set %s mtu %d", f.Relief, o.Node.Name, Enter(p.Sandbox.Name), quoted(p.Inner.Name), expect.OverlayMTU(&fits)), "\n")
		}
	}
}
