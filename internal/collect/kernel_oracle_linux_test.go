package collect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fairway/internal/fact"
)

// Each pair below puts what a tool of the system prints and what we read into
// the same words.

func linksByTool(t *testing.T, ns string) (out []string) {
	for _, l := range rows(t, "ip", "-n", ns, "-j", "-d", "addr") {
		info, _ := l["linkinfo"].(map[string]any)
		var addrs []string
		for _, a := range l["addr_info"].([]any) {
			a := a.(map[string]any)
			addrs = append(addrs, fmt.Sprintf("%v/%v", a["local"], a["prefixlen"]))
		}
		slices.Sort(addrs)
		flags := fmt.Sprint(l["flags"])
		line := fmt.Sprintf("%v %v kind=%v mtu=%v up=%v carrier=%v addrs=%v", l["ifindex"], l["ifname"], word(info["info_kind"]), l["mtu"],
			strings.Contains(flags, "UP"), strings.Contains(flags, "LOWER_UP"), addrs)
		if v, ok := info["info_data"].(map[string]any); ok && info["info_kind"] == "vxlan" {
			_, elsewhere := l["link_netnsid"]
			line += fmt.Sprintf(" vxlan %v %v %v %v %v %v %v elsewhere=%v", v["id"], v["port"], v["learning"], v["proxy"] == true, v["l2miss"] == true, v["l3miss"] == true, v["ageing"], elsewhere)
		}
		if master, ok := l["master"]; ok {
			line += fmt.Sprint(" in ", master)
		}
		if info["info_kind"] == "veth" {
			line += fmt.Sprint(" peer ", l["link_index"])
		}
		out = append(out, line)
	}
	return out
}

func linksOf(ns *fact.NetNS) (out []string) {
	for _, l := range ns.Links {
		var addrs []string
		for _, a := range l.Addrs {
			addrs = append(addrs, a.String())
		}
		slices.Sort(addrs)
		line := fmt.Sprintf("%d %s kind=%s mtu=%d up=%v carrier=%v addrs=%v", l.Index, l.Name, l.Kind, l.MTU, l.Up, l.Carrier, addrs)
		if v := l.VXLAN; v != nil {
			line += fmt.Sprintf(" vxlan %d %d %v %v %v %v %d elsewhere=%v", v.ID, v.Port, v.Learning, v.Proxy, v.L2Miss, v.L3Miss, int(v.Ageing.Seconds()), v.MadeElsewhere)
		}
		if l.Master != 0 {
			line += " in " + ns.Link(l.Master).Name
		}
		if l.Kind == "veth" {
			line += fmt.Sprint(" peer ", l.PeerIndex)
		}
		out = append(out, line)
	}
	return out
}

// word is the value of a JSON field, "" when it is absent.
func word(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func neighboursByTool(t *testing.T, ns string) (out []string) {
	for _, n := range rows(t, "ip", "-n", ns, "-j", "neigh") {
		out = append(out, fmt.Sprintf("%v %v %v %v", n["dst"], word(n["lladdr"]), n["dev"], n["state"].([]any)[0]))
	}
	return out
}

func neighboursOf(ns *fact.NetNS) (out []string) {
	for _, n := range ns.Neighbours {
		mac, _ := n.MAC.MarshalText()
		out = append(out, fmt.Sprintf("%v %s %v %v", n.IP, mac, ns.Link(n.Link).Name, n.State))
	}
	return out
}

func fdbByTool(t *testing.T, ns string) (out []string) {
	if !strings.Contains(string(run(t, "ip", "-n", ns, "-d", "link")), "vxlan") {
		return nil
	}
	for _, e := range rows(t, "bridge", "-n", ns, "-j", "fdb") {
		mac, _ := fact.ParseMAC(e["mac"].(string))
		if e["dst"] == nil && mac[0]&1 == 1 {
			continue
		}
		out = append(out, fmt.Sprintf("%v %v dst=%v self=%v permanent=%v", e["mac"], e["ifname"], word(e["dst"]),
			strings.Contains(fmt.Sprint(e["flags"]), "self"), e["state"] == "permanent"))
	}
	return out
}

func fdbOf(ns *fact.NetNS) (out []string) {
	for _, e := range ns.FDB {
		dst, _ := e.Dst.MarshalText()
		out = append(out, fmt.Sprintf("%v %v dst=%s self=%v permanent=%v", e.MAC, ns.Link(e.Link).Name, dst, e.Self, e.Permanent))
	}
	return out
}

func routesByTool(t *testing.T, ns string) (out []string) {
	for _, family := range []string{"-4", "-6"} {
		for _, r := range rows(t, "ip", "-n", ns, "-j", "-N", family, "route", "show", "table", "all") {
			if word(r["table"]) == "255" {
				continue
			}
			ways, _ := r["nexthops"].([]any)
			if ways == nil {
				ways = []any{r}
			}
			for _, w := range ways {
				w := w.(map[string]any)
				out = append(out, fmt.Sprintf("%v via %v dev %v src %v", r["dst"], word(w["gateway"]), word(w["dev"]), word(r["prefsrc"])))
			}
		}
	}
	return out
}

func routeRows(ns *fact.NetNS) (out []string) {
	for _, r := range ns.Routes {
		dst, dev := "default", ""
		if r.Dst.IsValid() {
			if dst = r.Dst.String(); r.Dst.IsSingleIP() {
				dst = r.Dst.Addr().String()
			}
		}
		if l := ns.Link(r.Link); l != nil {
			dev = l.Name
		}
		gw, _ := r.Gateway.MarshalText()
		src, _ := r.Src.MarshalText()
		out = append(out, fmt.Sprintf("%s via %s dev %s src %s", dst, gw, dev, src))
	}
	return out
}

func socketsByTool(t *testing.T, ns string) (out []string) {
	for _, proto := range []string{"tcp", "udp"} {
		for line := range strings.Lines(string(run(t, "ss", "-N", ns, "-lnH", "--"+proto))) {
			f := strings.Fields(line) // state, receive queue, send queue, local, peer
			queues := f[1] + "/" + f[2]
			if proto == "udp" {
				queues = f[1]
			}
			out = append(out, proto+" "+strings.ReplaceAll(f[3], "*:", "[::]:")+" "+queues)
		}
	}
	return out
}

func socketsOf(ns *fact.NetNS) (out []string) {
	for _, s := range ns.Sockets {
		queues := fmt.Sprint(s.Queue)
		if s.BacklogKnown {
			queues += fmt.Sprint("/", s.Backlog)
		}
		out = append(out, s.Proto+" "+s.Local.String()+" "+queues)
	}
	return out
}
