package lab

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// answerNoNames is a node's name server, the one that its resolv.conf names: it knows the place outside and no services.
// Without one, each name that a fault takes away would be logged as an upstream that is down.
func answerNoNames() error {
	at, err := ownAddr()
	if err != nil {
		return err
	}
	// On the address itself: from any other one an answer would not be believed.
	return answerNames(at)
}

// answerNames starts a name server on an address.
func answerNames(at string) error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(at), Port: 53})
	if err != nil {
		return fmt.Errorf("start the name server of %s: %w", at, err)
	}
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFromUDP(b)
			if err != nil {
				return
			}
			if a := answerName(b[:n]); a != nil {
				_, _ = c.WriteToUDP(a, from)
			}
		}
	}()
	return nil
}

// answerName answers one question, recursion available: one address for a name that it knows and no record of other types
// (RFC 2308 §2.2), NXDOMAIN for all other names (RFC 1035 §4.1.1). Nothing for what is no question.
func answerName(question []byte) []byte {
	q := new(dns.Msg)
	if q.Unpack(question) != nil || q.Response || len(q.Question) != 1 {
		return nil
	}
	a := new(dns.Msg).SetReply(q)
	a.RecursionAvailable = true
	asked := q.Question[0]
	switch ip := addrOutside(asked.Name); {
	case !ip.IsValid():
		a.Rcode = dns.RcodeNameError
	case asked.Qtype == dns.TypeA:
		head := dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}
		a.Answer = []dns.RR{&dns.A{Hdr: head, A: ip.AsSlice()}}
	}
	b, err := a.Pack()
	if err != nil {
		return nil
	}
	return b
}

// addrOutside is the address of [OutsideName], and of a name that spells one, as 10-0-1-210.outside.test; of no other name.
func addrOutside(name string) netip.Addr {
	if strings.EqualFold(name, dns.Fqdn(OutsideName)) {
		return Outside.Addr()
	}
	label, ok := strings.CutSuffix(strings.ToLower(name), ".outside.test.")
	ip, err := netip.ParseAddr(strings.ReplaceAll(label, "-", "."))
	if !ok || err != nil || !ip.Is4() {
		return netip.Addr{}
	}
	return ip
}

// spelled is the name that spells an address.
func spelled(ip netip.Addr) string {
	return strings.ReplaceAll(ip.String(), ".", "-") + ".outside.test"
}

// ownAddr is the node's address. Engines before 27 replace a name server on the loopback by public ones.
func ownAddr() (string, error) {
	eth, err := net.InterfaceByName("eth0")
	if err != nil {
		return "", fmt.Errorf("find the node's address: %w", err)
	}
	addrs, err := eth.Addrs()
	if err != nil {
		return "", fmt.Errorf("find the node's address: %w", err)
	}
	for _, a := range addrs {
		if p, ok := a.(*net.IPNet); ok && p.IP.To4() != nil {
			return p.IP.String(), nil
		}
	}
	return "", fmt.Errorf("find the node's address: eth0 has none")
}
