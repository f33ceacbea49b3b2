package cli

import (
	"cmp"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"
)

// System is the world as it is, for a program of this name.
func System(program string) Env {
	// Without a home folder there is no Docker configuration, which is no error.
	home, _ := os.UserHomeDir()
	// Without a name of its own a host is called "this node".
	hostname, _ := os.Hostname()
	return Env{Stdout: os.Stdout, Stderr: os.Stderr, Width: terminalWidth, Getenv: os.Getenv, Home: home, Hostname: hostname, Now: time.Now, Look: Look,
		Plugin: strings.HasPrefix(filepath.Base(program), "docker-")}
}

func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 80
	}
	return cmp.Or(width, 80)
}

// withDocker ends the context when the docker client that started this plugin
// goes away or is asked to stop: it then closes the socket whose address it
// handed over (docker/cli, cli-plugins/socket, since 25.0). Where the output is
// a terminal, Ctrl-C comes by itself.
func withDocker(ctx context.Context, getenv func(string) string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	addr := getenv("DOCKER_CLI_PLUGIN_SOCKET")
	if addr == "" {
		return ctx, cancel
	}
	conn, err := net.Dial("unix", addr)
	if err != nil {
		return ctx, cancel
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	go func() {
		// Nothing is ever sent: reading ends when the connection does.
		_, _ = io.Copy(io.Discard, conn)
		cancel()
	}()
	return ctx, cancel
}
