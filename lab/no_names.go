package lab

import (
	"fmt"
	"net"
)

// answerNoNames is a node's name server, the one that its resolv.conf names: it knows nobody (RFC 1035 §4.1.1: an answer,
// recursion available, NXDOMAIN). Without one, each name that a fault takes away would be logged as an upstream that is down.
func answerNoNames() error {
	at, err := ownAddr()
	if err != nil {
		return err
	}
	// On the address itself: from any other one an answer would not be believed.
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(at), Port: 53})
	if err != nil {
		return fmt.Errorf("start the node's name server: %w", err)
	}
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFromUDP(b)
			if err != nil {
				return
			}
			if n < 12 {
				continue
			}
			b[2], b[3] = 0x81|b[2]&1, 0x83
			b[6], b[7], b[8], b[9], b[10], b[11] = 0, 0, 0, 0, 0, 0
			_, _ = c.WriteToUDP(b[:question(b[:n])], from)
		}
	}()
	return nil
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

// question is how long a message is up to the end of its first question.
func question(b []byte) int {
	i := 12
	for i < len(b) && b[i] != 0 {
		i += int(b[i]) + 1
	}
	return min(i+5, len(b))
}
