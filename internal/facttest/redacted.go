package facttest

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"fairway/internal/fact"
)

// Redacted complains of whatever is wrong with a redacted copy of a snapshot: an
// original that can be read in it, values that were equal and are not, or were
// not and are, a subnet that holds another address, a number that changed. It
// knows nothing of how aliases are found.
func Redacted(original, redacted *fact.Snapshot) []string {
	p := &pairs{there: map[string]string{}, back: map[string]string{}, now: map[netip.Addr]netip.Addr{}}
	p.both(reflect.ValueOf(original).Elem(), reflect.ValueOf(redacted).Elem(), "")
	p.relations()
	b, err := json.Marshal(redacted)
	if err != nil {
		return []string{err.Error()}
	}
	text := string(b)
	for name, alias := range p.there {
		if name != alias && readable(text, name) {
			p.complain("%q can still be read in it", name)
		}
	}
	return p.wrong
}

// pairs are values of a snapshot beside those of its redacted copy.
type pairs struct {
	there, back map[string]string
	now         map[netip.Addr]netip.Addr
	subnets     [][2]netip.Prefix
	wrong       []string
}

func (p *pairs) complain(format string, args ...any) {
	if len(p.wrong) < 20 {
		p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
	}
}

// same notes that a stands for b, everywhere and for it alone.
func (p *pairs) same(kind, a, b string) {
	for _, x := range []struct {
		known    map[string]string
		from, to string
	}{{p.there, a, b}, {p.back, b, a}} {
		if was, ok := x.known[x.from]; ok && was != x.to {
			p.complain("%s: %q is %q and %q", kind, x.from, was, x.to)
		}
		x.known[x.from] = x.to
	}
}

// both walks through two snapshots at once.
func (p *pairs) both(a, b reflect.Value, field string) {
	switch x := a.Interface().(type) {
	case netip.Addr:
		p.addrs(x, b.Interface().(netip.Addr))
		return
	case netip.AddrPort:
		y := b.Interface().(netip.AddrPort)
		p.addrs(x.Addr(), y.Addr())
		if x.Port() != y.Port() {
			p.complain("%s: port %d became %d", field, x.Port(), y.Port())
		}
		return
	case netip.Prefix:
		p.prefixes(x, b.Interface().(netip.Prefix), field)
		return
	case fact.MAC:
		if !x.IsZero() || !b.Interface().(fact.MAC).IsZero() {
			p.same("MAC address", x.String(), b.Interface().(fact.MAC).String())
		}
		return
	case time.Time:
		if y := b.Interface().(time.Time); !x.Equal(y) {
			p.complain("%s: %s became %s", field, x, y)
		}
		return
	}
	p.plain(a, b, field)
}

func (p *pairs) plain(a, b reflect.Value, field string) {
	switch a.Kind() {
	case reflect.String:
		p.words(a, b, field)
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			p.complain("%s: came or went", field)
		} else if !a.IsNil() {
			p.both(a.Elem(), b.Elem(), field)
		}
	case reflect.Slice:
		if a.Len() != b.Len() {
			p.complain("%s: %d became %d", field, a.Len(), b.Len())
			return
		}
		for i := range a.Len() {
			p.both(a.Index(i), b.Index(i), field)
		}
	case reflect.Struct:
		for i := range a.NumField() {
			p.both(a.Field(i), b.Field(i), a.Type().Name()+"."+a.Type().Field(i).Name)
		}
	default:
		if !a.Equal(b) {
			p.complain("%s: %v became %v", field, a, b)
		}
	}
}

// identities are the fields of type string that hold one name or ID, and nothing
// else.
var identities = map[string]bool{"Node.Name": true, "SwarmNode.Hostname": true, "Service.Name": true, "Task.Service": true, "Network.Name": true,
	"Container.Name": true, "Container.ServiceName": true, "Container.TaskName": true, "ContainerEndpoint.NetworkName": true, "BelievedService.Name": true,
	"BelievedTask.Name": true, "Endpoint.Name": true, "Endpoint.Key": true, "Peer.Name": true, "NetNS.Name": true, "Source.Node": true, "Gap.Node": true,
	"DNSProbe.Name": true, "Engine.ID": true, "Wanted.ClusterID": true, "Attachment.Aliases": true, "ContainerEndpoint.Aliases": true,
	"ResolvConf.Search": true, "HTTPQuestion.Host": true}

func (p *pairs) words(a, b reflect.Value, field string) {
	switch named := a.Type() != reflect.TypeFor[string](); {
	case a.String() == "" && b.String() == "":
	case named && strings.HasSuffix(a.Type().Name(), "ID"), identities[field]:
		p.same(field, a.String(), b.String())
	case named && a.String() != b.String():
		p.complain("%s: %q became %q", field, a, b)
	}
}

func (p *pairs) addrs(a, b netip.Addr) {
	if a.IsValid() != b.IsValid() {
		p.complain("address %s became %s", a, b)
		return
	}
	if !a.IsValid() {
		return
	}
	p.same("address", a.String(), b.String())
	p.now[a] = b
	if a.IsPrivate() != b.IsPrivate() || a.IsLoopback() != b.IsLoopback() || a.IsMulticast() != b.IsMulticast() || a.IsUnspecified() != b.IsUnspecified() ||
		a.IsLinkLocalUnicast() != b.IsLinkLocalUnicast() || a.Is4() != b.Is4() || a.Is4In6() != b.Is4In6() {
		p.complain("address %s became %s, which is of another class", a, b)
	}
}

func (p *pairs) prefixes(a, b netip.Prefix, field string) {
	if a.IsValid() != b.IsValid() || a.Bits() != b.Bits() || a.IsValid() && (a == a.Masked()) != (b == b.Masked()) {
		p.complain("%s: prefix %s became %s", field, a, b)
		return
	}
	if a.IsValid() {
		p.subnets = append(p.subnets, [2]netip.Prefix{a, b})
		if a != a.Masked() || a.IsSingleIP() {
			p.addrs(a.Addr(), b.Addr())
		}
	}
}

// relations looks at what must hold between addresses.
func (p *pairs) relations() {
	done := map[[2]netip.Prefix]bool{}
	for _, s := range p.subnets {
		if done[s] {
			continue
		}
		done[s] = true
		for a, b := range p.now {
			if s[0].Contains(a) != s[1].Contains(b) {
				p.complain("%s is in %s: %t; %s in %s: %t", a, s[0], s[0].Contains(a), b, s[1], s[1].Contains(b))
			}
		}
	}
	for a, b := range p.now {
		was := fact.OverlayMAC(a).String()
		if now, ok := p.there[was]; ok && a.Is4() && now != fact.OverlayMAC(b).String() {
			p.complain("%s is of %s; %s is not of %s", was, a, now, b)
		}
	}
}

// readable says whether a name stands somewhere in a text, and not as a part of a
// word. Names of less than four letters stand anywhere.
func readable(text, name string) bool {
	for at := 0; len(name) >= 4; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(name)
		if !wordAt(text, from-1) && !wordAt(text, to) {
			return true
		}
		at = from + 1
	}
	return false
}

func wordAt(s string, i int) bool {
	return i >= 0 && i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z')
}
