package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// SSH reaches nodes with the system's ssh client, the operator's own keys and
// configuration. Nothing is installed: the program is copied to a temporary
// file that only the user can read, its hash is checked, it runs for as long as
// the connection lasts, and it is removed.
type SSH struct {
	// Target is what to log in to; {addr} stands for the node's address and
	// {host} for its host name, as in "ops@{addr}".
	Target string
	// Sudo runs the program with `sudo -n` on the node.
	Sudo bool
	// Client is the ssh client, "ssh" unless a test says otherwise, and Args are
	// further arguments for it.
	Client string
	Args   []string
	// Agent are further arguments for the agent that is started there, plain words.
	Agent []string
	// Program is the binary to run there: this one. Arch is what it was built
	// for, as `uname -m` says it.
	Program []byte
	Arch    string
	// Patience is how long logging in may take; 0: 10 s.
	Patience time.Duration
}

// Node logs in to a node and returns it. The error says what ssh said.
func (s *SSH) Node(ctx context.Context, host string, addr netip.Addr) (Node, error) {
	if err := unquoted(s.Agent); err != nil {
		return nil, fmt.Errorf("log in to %s: %w", host, err)
	}
	target, file, err := s.arrive(ctx, host, addr)
	if err != nil {
		return nil, err
	}
	conn, err := s.run(target, file)
	if err != nil {
		return nil, fmt.Errorf("run fairway on %s by ssh as %s: %w", host, target, err)
	}
	return dialOne(host, conn), nil
}

// arrive puts the program on a node and returns how to log in there and where the
// program is.
func (s *SSH) arrive(ctx context.Context, host string, addr netip.Addr) (target, file string, err error) {
	if target, err = s.target(host, addr); err != nil {
		return "", "", err
	}
	if file, err = s.copy(ctx, target); err != nil {
		return "", "", fmt.Errorf("log in to %s by ssh as %s: %w", host, target, err)
	}
	return target, file, nil
}

// target is what to log in to for a node.
func (s *SSH) target(host string, addr netip.Addr) (string, error) {
	target := strings.NewReplacer("{addr}", addr.String(), "{host}", host).Replace(s.Target)
	if target == "" || strings.HasPrefix(target, "-") || strings.ContainsAny(target, shellMeans) {
		return "", fmt.Errorf("log in to %s: %q is no ssh target: write user@{addr}", host, target)
	}
	return target, nil
}

// shellMeans are characters that mean something to a shell.
const shellMeans = " \t\n'\"`$;&|<>\\"

// upload is what the far shell does: it says what machine it is, stores what
// comes, and says under which name and with what hash; where nobody listens any
// more it keeps nothing. No name of ours is in it, so there is nothing to quote.
const upload = `set -eu; umask 077; f=$(mktemp "${TMPDIR:-/tmp}/fairway.XXXXXXXX"); trap 'rm -f "$f"' EXIT; trap 'exit 1' HUP INT TERM PIPE; cat >"$f"; chmod 700 "$f"; h=$(sha256sum "$f"); echo "$(uname -m) ${h%% *} $f"; trap - EXIT`

// copy puts the program on the node and returns its path there.
func (s *SSH) copy(ctx context.Context, target string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	cmd := s.command(ctx, target, upload)
	cmd.Stdin = bytes.NewReader(s.Program)
	var out, errs tail
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	words := strings.Fields(out.String())
	if err != nil && len(words) == 3 && !strings.ContainsAny(words[2], shellMeans) {
		s.forget(target, words[2]) // stopped after it was stored
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", s.patience())
	}
	if err != nil {
		return "", errs.because(err)
	}
	if len(words) != 3 || strings.ContainsAny(words[2], "'\"`$;&|<>\\") {
		return "", fmt.Errorf("copy the program there: it answers %q", out.String())
	}
	sum := sha256.Sum256(s.Program)
	switch {
	case words[0] != s.Arch:
		s.forget(target, words[2])
		return "", fmt.Errorf("that machine is %s and this program is for %s: run a fairway for %s there", words[0], s.Arch, words[0])
	case words[1] != hex.EncodeToString(sum[:]):
		s.forget(target, words[2])
		return "", errors.New("the copy of the program there is not the one that was sent")
	}
	return words[2], nil
}

// run starts the program as an agent on standard input and output. The shell
// removes the file however the program ends.
func (s *SSH) run(target, file string) (net.Conn, error) {
	// The connection outlives the look that made it, hence no context.
	cmd := s.command(context.Background(), target, s.script(file, strings.Join(append([]string{"agent --stdio"}, s.Agent...), " ")))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &pipe{Reader: out, in: in, cmd: cmd}
	cmd.Stderr = &c.errs
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return c, nil
}

// script runs the copy and removes it however that ends.
func (s *SSH) script(file, args string) string {
	sudo := ""
	if s.Sudo {
		sudo = "sudo -n "
	}
	return fmt.Sprintf("trap 'rm -f %s' EXIT HUP TERM; %s%s %s", file, sudo, file, args)
}

// Once runs the program on a node with other arguments than an agent's, until it
// ends. The error is the last line that it wrote to its standard error.
func (s *SSH) Once(ctx context.Context, host string, addr netip.Addr, args ...string) error {
	if bad := unquoted(args); bad != nil {
		return fmt.Errorf("run fairway on %s: %w", host, bad)
	}
	target, file, err := s.arrive(ctx, host, addr)
	if err != nil {
		return err
	}
	cmd := s.command(ctx, target, s.script(file, strings.Join(args, " ")))
	var errs tail
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			s.forget(target, file) // perhaps no shell there had begun
		}
		return fmt.Errorf("run fairway on %s by ssh as %s: %w", host, target, errs.because(err))
	}
	return nil
}

// unquoted refuses arguments that a shell would take for something else.
func unquoted(args []string) error {
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, shellMeans+"*?[]()!#~{}") {
			return fmt.Errorf("%q would have to be quoted", a)
		}
	}
	return nil
}

// Tells runs a program that a node has already, for a question that it answers by
// its exit code. false: no, or nobody knows: nothing is copied there, and whoever
// needs more logs in and hears why not.
func (s *SSH) Tells(ctx context.Context, host string, addr netip.Addr, args ...string) bool {
	target, err := s.target(host, addr)
	if err != nil || unquoted(args) != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, min(s.patience(), 10*time.Second))
	defer cancel()
	sudo := ""
	if s.Sudo {
		sudo = "sudo -n "
	}
	return s.command(ctx, target, sudo+strings.Join(args, " ")+" >/dev/null 2>&1").Run() == nil
}

// forget removes a copy that is not used.
func (s *SSH) forget(target, file string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = s.command(ctx, target, "rm -f "+file).Run() // nothing better can be done
}

func (s *SSH) patience() time.Duration {
	if s.Patience == 0 {
		return 10 * time.Second
	}
	return s.Patience
}

func (s *SSH) command(ctx context.Context, target, script string) *exec.Cmd {
	client := s.Client
	if client == "" {
		client = "ssh"
	}
	args := append([]string{"-o", "BatchMode=yes", "-o", fmt.Sprintf("ConnectTimeout=%d", int(s.patience().Seconds())), "-T"}, s.Args...)
	cmd := exec.CommandContext(ctx, client, append(args, "--", target, script)...)
	cmd.WaitDelay = time.Second
	return cmd
}

// tail keeps the last part of what a program writes.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - 4096; over > 0 {
		t.b = t.b[over:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}

// because adds what the program said last to how it ended.
func (t *tail) because(err error) error {
	lines := strings.Split(t.String(), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return errors.New(last)
	}
	return err
}

// pipe is an ssh session as a connection.
type pipe struct {
	io.Reader
	in   io.WriteCloser
	cmd  *exec.Cmd
	errs tail
	once sync.Once
}

func (p *pipe) Write(b []byte) (int, error) {
	n, err := p.in.Write(b)
	if err != nil {
		err = p.errs.because(err)
	}
	return n, err
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil && p.errs.String() != "" {
		err = p.errs.because(err)
	}
	return n, err
}

// Close ends the session: the agent ends at the end of its input, the shell
// removes the file.
func (p *pipe) Close() error {
	p.once.Do(func() {
		p.in.Close()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = p.cmd.Wait() // how it ended is of no interest any more
		}()
		select {
		case <-ended:
		case <-time.After(3 * time.Second):
			_ = p.cmd.Process.Kill()
			<-ended
		}
	})
	return nil
}

func (p *pipe) LocalAddr() net.Addr              { return sshAddr{} }
func (p *pipe) RemoteAddr() net.Addr             { return sshAddr{} }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

type sshAddr struct{}

func (sshAddr) Network() string { return "ssh" }
func (sshAddr) String() string  { return "ssh" }

// dialOne is Dial for a node that has just this one connection.
func dialOne(name string, conn net.Conn) Node {
	used := false
	r := Dial(name, func(context.Context) (net.Conn, error) {
		if used {
			return nil, errors.New("the connection to it has ended")
		}
		used = true
		return conn, nil
	}).(*remote)
	tr := r.http.Transport.(*http.Transport)
	tr.MaxConnsPerHost, tr.IdleConnTimeout, tr.Protocols = 1, 0, protocols(false, true)
	return &session{remote: r, conn: conn}
}

// session is a remote that ends its connection with itself.
type session struct {
	*remote
	conn net.Conn
}

func (s *session) Close() error {
	s.remote.Close()
	return s.conn.Close()
}
