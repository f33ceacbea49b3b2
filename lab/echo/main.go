// Program echo is the workload of the lab: it answers over HTTP, TCP and UDP and can be told to misbehave the way real
// applications do. Standard library only, because the lab builds it from its embedded source on whatever machine it runs.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// list collects a flag that may be repeated or hold a comma list.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(v string) error {
	*l = append(*l, strings.Split(v, ",")...)
	return nil
}

// config is what the flags say.
type config struct {
	http, tcp, udp list
	bindNetwork    string
	backlog, exit  int
	noAccept       bool
	check          string
}

func main() {
	var c config
	flag.Var(&c.http, "http", "serve HTTP on `address:port`; repeatable")
	flag.Var(&c.tcp, "tcp", "serve a TCP echo on `address:port`; repeatable")
	flag.Var(&c.udp, "udp", "serve a UDP echo on `address:port`; repeatable")
	flag.StringVar(&c.bindNetwork, "bind-network", "", "bind to the task's own address in this `CIDR` only")
	flag.IntVar(&c.backlog, "backlog", 0, "listen(2) backlog `N`; 0 is the kernel's limit")
	flag.BoolVar(&c.noAccept, "no-accept", false, "listen and never accept")
	flag.IntVar(&c.exit, "exit", -1, "exit at once with `CODE`")
	flag.StringVar(&c.check, "check", "", "ask `URL` once, exit 0 if it answers 200: a health check")
	flag.Parse()
	os.Exit(run(c))
}

func run(c config) int {
	switch {
	case c.exit >= 0:
		return c.exit
	case c.check != "":
		return check(c.check)
	}
	// The first process of a container ignores signals it does not ask for; without this every stop takes 10 s.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if err := c.serve(); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		return 1
	}
	<-stop
	return 0
}

func check(url string) int {
	cl := http.Client{Timeout: 2 * time.Second}
	r, err := cl.Get(url)
	if err != nil {
		return 1
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}

func (c config) serve() error {
	for _, a := range c.http {
		if err := c.stream(a, func(l net.Listener) { _ = http.Serve(l, http.HandlerFunc(answer)) }); err != nil {
			return err
		}
	}
	for _, a := range c.tcp {
		if err := c.stream(a, echoTCP); err != nil {
			return err
		}
	}
	for _, a := range c.udp {
		if err := c.datagrams(a); err != nil {
			return err
		}
	}
	return nil
}

// stream listens on one address and, unless told not to accept, hands the listener to serve.
func (c config) stream(addr string, serve func(net.Listener)) error {
	addr, err := c.bind(addr)
	if err != nil {
		return err
	}
	if c.backlog > 0 || c.noAccept {
		return c.raw(addr, serve)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	go serve(l)
	return nil
}

// raw listens by syscall, because net.Listen always takes the kernel's limit as backlog.
func (c config) raw(addr string, serve func(net.Listener)) error {
	at, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	sa := &syscall.SockaddrInet4{Port: at.Port}
	copy(sa.Addr[:], at.IP.To4())
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err := syscall.Bind(fd, sa); err != nil {
		return fmt.Errorf("bind %s: %w", addr, err)
	}
	if err := syscall.Listen(fd, c.backlog); err != nil {
		return fmt.Errorf("listen %s: %w", addr, err)
	}
	if c.noAccept {
		return nil
	}
	l, err := net.FileListener(os.NewFile(uintptr(fd), addr))
	if err != nil {
		return err
	}
	go serve(l)
	return nil
}

func (c config) datagrams(addr string) error {
	addr, err := c.bind(addr)
	if err != nil {
		return err
	}
	p, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	go echoUDP(p)
	return nil
}

// bind puts the task's own address in the asked-for network in front of the port.
func (c config) bind(addr string) (string, error) {
	if c.bindNetwork == "" {
		return addr, nil
	}
	want, err := netip.ParsePrefix(c.bindNetwork)
	if err != nil {
		return "", fmt.Errorf("-bind-network: %w", err)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	have, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, a := range have {
		if p, err := netip.ParsePrefix(a.String()); err == nil && want.Contains(p.Addr()) {
			return net.JoinHostPort(p.Addr().String(), port), nil
		}
	}
	return "", fmt.Errorf("-bind-network: no own address in %s", want)
}

func answer(w http.ResponseWriter, r *http.Request) {
	host, _ := os.Hostname()
	fmt.Fprintf(w, "ok %s\n%s %s from %s\n", host, r.Method, r.URL.Path, r.RemoteAddr)
	_, _ = io.Copy(w, r.Body)
}

func echoTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

func echoUDP(p net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = p.WriteTo(buf[:n], from)
	}
}
