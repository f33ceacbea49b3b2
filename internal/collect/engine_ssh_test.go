package collect

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSSH puts a program named ssh first in the path, which joins its input
// and output to a socket as `ssh HOST docker system dial-stdio` does.
func TestSSH(t *testing.T) {
	sock := strings.TrimPrefix(serve(t, recorded(t, manager)), "unix://")
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s/args\nFAIRWAY_TEST_SOCKET=%s exec %s -test.run='^TestSSHProgram$'\n", bin, sock, os.Args[0])
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	e, err := Dial(t.Context(), Where{Host: "ssh://me@far:2222"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if b, gaps := e.Believed(t.Context()); b == nil || b.Name != "n1" || gaps != nil {
		t.Errorf("believed %v, gaps %v", b, gaps)
	}
	if e.Local() {
		t.Error("an engine over ssh is called local")
	}
	args, err := os.ReadFile(filepath.Join(bin, "args"))
	if err != nil {
		t.Fatal(err)
	}
	logins := strings.Split(strings.TrimSpace(string(args)), "\n")
	if len(logins) > connectionsSSH || !strings.Contains(logins[0], "-l me -p 2222") || !strings.HasSuffix(logins[0], "far docker system dial-stdio") {
		t.Errorf("logins: %q", logins)
	}
}

// TestSSHProgram is the program that TestSSH calls ssh.
func TestSSHProgram(t *testing.T) {
	sock := os.Getenv("FAIRWAY_TEST_SOCKET")
	if sock == "" {
		return // not called as ssh: there is nothing to test
	}
	c, err := net.Dial("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		io.Copy(c, os.Stdin)
		c.(*net.UnixConn).CloseWrite()
	}()
	io.Copy(os.Stdout, c)
}

// TestSSHRefused: what ssh printed is in the message. It takes its time, as a
// login does: it has read the request by then.
func TestSSHRefused(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\nhead -c1 >/dev/null\necho 'Permission denied (publickey).' >&2\nexit 255\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	_, err := Dial(t.Context(), Where{Host: "ssh://me@far"})
	if err == nil || !strings.Contains(err.Error(), "Permission denied (publickey)") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	t.Log(err)
}
