package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fairway/internal/collect"
	"fairway/internal/deploy"
	"fairway/internal/fleet"
)

// agentMemory is where the garbage collector tries hard to stay below. A
// deployed agent may have 128 MiB.
const agentMemory = 96 << 20

type agentFlags struct {
	listen, netnsDir, ca, cert, key string
	stdio                           bool
	logs                            logPlaces
}

// logPlaces say where a host's logs are, beside the usual places.
type logPlaces struct {
	// engine is a text log of the engine; empty: none.
	engine string
	// ring: the kernel's ring buffer is read as well.
	ring bool
}

func (p *logPlaces) add(fs *pflag.FlagSet) {
	fs.StringVar(&p.engine, "engine-log", "", "the engine's own log is the text file at this absolute `path`; the journal, /var/log/docker.log, daemon.log, syslog and messages are found without")
}

func (p *logPlaces) validate() error {
	if p.engine != "" && (!filepath.IsAbs(p.engine) || filepath.Clean(p.engine) != p.engine) {
		return usagef("--engine-log %q is no absolute path without detours", p.engine)
	}
	return nil
}

func (c *command) agent() *cobra.Command {
	f := agentFlags{}
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Answer a diagnosis that runs on another node",
		Long: `Agent answers a diagnosis that runs on another node: it reads this node's engine
and kernel, sends probes from its containers and counts packets, as asked. It
changes nothing, runs no program and reads no file that is named to it.

Only who has a certificate of the same deployment can speak to it. It is what
` + "`fairway deploy`" + ` puts on every node, and what diagnose starts by ssh.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.ran = cmd
			return c.runAgent(cmd.Context(), f)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.listen, "listen", ":"+strconv.Itoa(deploy.Port), "listen on this `[address]:port`; without an address, on the one that Swarm knows of this node")
	fs.StringVar(&f.netnsDir, "netns-dir", "", "`folder` of the engine's network namespaces")
	fs.StringVar(&f.ca, "ca", "/run/secrets/fairway-ca", "`file` with the certificate authority of the deployment")
	fs.StringVar(&f.cert, "cert", "/run/secrets/fairway-cert", "`file` with the agent's certificate")
	fs.StringVar(&f.key, "key", "/run/secrets/fairway-key", "`file` with its key")
	f.logs.add(fs)
	fs.BoolVar(&f.logs.ring, "kernel-ring", false, "read the kernel's ring buffer where no log has kernel lines")
	fs.BoolVar(&f.stdio, "stdio", false, "speak on standard input and output instead, to whoever started it")
	return cmd
}

func (c *command) runAgent(ctx context.Context, f agentFlags) error {
	if err := cmp.Or(f.validate(), c.engine.validate()); err != nil {
		return err
	}
	debug.SetMemoryLimit(agentMemory)
	level := slog.LevelInfo
	if f.stdio {
		level = slog.LevelWarn // the other end shows what is said here as trouble
	}
	log := agentLog(c.env.Stderr, level, c.env.Now)
	a := newAgent(collect.Where{Host: c.engine.host, Context: c.engine.context, Getenv: c.engine.environment(c.env.Getenv),
		Home: c.env.Home, Now: c.env.Now}, f.netnsDir, f.logs, log)
	defer a.Close()
	limits := fleet.Limits{Note: func(e fleet.Event) {
		log.Warn(e.What, "from", e.From, "error", e.Err)
	}}
	var err error
	if f.stdio {
		err = serveStdio(ctx, os.Stdin, c.env.Stdout, a, limits)
	} else {
		err = c.serveTLS(ctx, f, a, limits, log)
	}
	if err != nil {
		return toolError{err}
	}
	return nil
}

func (f *agentFlags) validate() error {
	host, port, err := net.SplitHostPort(f.listen)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		return usagef("--listen %q is no [address]:port", f.listen)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil {
		return usagef("--listen %q: %q is no IP address", f.listen, host)
	}
	if f.netnsDir != "" && !filepath.IsAbs(f.netnsDir) {
		return usagef("--netns-dir %q is no absolute path", f.netnsDir)
	}
	return f.logs.validate()
}

func (c *command) serveTLS(ctx context.Context, f agentFlags, a *agent, limits fleet.Limits, log *slog.Logger) error {
	config, err := f.papers(c.env.Now)
	if err != nil {
		return err
	}
	addr, err := f.address(ctx, a, log)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, errors.Unwrap(err))
	}
	log.Info("listening", "address", l.Addr().String(), "version", Version())
	err = fleet.Serve(ctx, fleet.Listen(l, config, limits.Note), a, limits)
	log.Info("stopped")
	return err
}

// papers reads the certificates.
func (f *agentFlags) papers(now func() time.Time) (*tls.Config, error) {
	var content [3][]byte
	for i, name := range []string{f.ca, f.cert, f.key} {
		b, err := readSmall(name)
		if err != nil {
			return nil, fmt.Errorf("read the agent's certificates: %w; `fairway deploy` puts them there", err)
		}
		content[i] = b
	}
	config, err := fleet.ServerTLS(content[0], content[1], content[2], now)
	if err != nil {
		return nil, fmt.Errorf("%s, %s, %s: %w", f.ca, f.cert, f.key, err)
	}
	return config, nil
}

// readSmall reads a file of at most 64 KiB.
func readSmall(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, 64<<10))
}

// address is where to listen. Which address is this node's own only its engine
// can say, so an engine that is not there yet is waited for.
func (f *agentFlags) address(ctx context.Context, a *agent, log *slog.Logger) (string, error) {
	host, port, err := net.SplitHostPort(f.listen)
	if err != nil || host != "" {
		return f.listen, err
	}
	for {
		own, err := a.own(ctx)
		if err == nil {
			return net.JoinHostPort(own.String(), port), nil
		}
		log.Warn("waiting for the engine", "error", err)
		if !rest(ctx, engineAgain) {
			return "", fmt.Errorf("learn this node's address: %w", err)
		}
	}
}

// engineAgain is how long an agent waits before it asks for its engine again.
const engineAgain = 3 * time.Second
