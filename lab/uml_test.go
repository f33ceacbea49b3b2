package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fairway/lab"
)

// umlUp starts a lab inside User Mode Linux that ends with the test; then nothing of it may be left.
func umlUp(t *testing.T, name string) *lab.UML {
	t.Helper()
	need(t)
	u, err := lab.UpInUML(t.Context(), options(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Off(context.Background()); err != nil {
			t.Error(err)
		}
		umlGone(t, name)
	})
	return u
}

func umlGone(t *testing.T, name string) {
	t.Helper()
	if left := lab.Left(name); len(left) > 0 {
		t.Errorf("down left %v", left)
	}
	if out, err := exec.Command("pgrep", "-f", "linux.uml .*/"+name+"$").Output(); err == nil {
		t.Errorf("down left the processes %s", out)
	}
}

// inNode runs a command in a node inside and returns what it wrote.
func inNode(t *testing.T, u *lab.UML, node, ns string, argv ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code, err := u.Run(t.Context(), lab.Inside{Node: node, Netns: ns, Argv: argv, Stdout: &out, Stderr: &errs})
	if err != nil || code != 0 {
		t.Fatalf("%s: %v: exit code %d, %v: %s", node, argv, code, err, errs.Bytes())
	}
	return out.String()
}

// TestLabUML asks every node's published port through the routing mesh of a kernel that has IPVS.
func TestLabUML(t *testing.T) {
	u := umlUp(t, "uml")
	for _, node := range []string{"n1", "n2", "n3"} {
		for i := range 3 {
			url := fmt.Sprintf("http://10.77.0.1%d:8080/", i+1)
			if got := inNode(t, u, node, "", "curl", "-sS", "-m", "5", url); !strings.HasPrefix(got, "ok ") {
				t.Errorf("%s asks %s: %q", node, url, got)
			}
		}
		table := inNode(t, u, node, "ingress_sbox", "ipvsadm", "-Sn")
		if n := strings.Count(table, "-a -f 25"); n != 3 || !strings.Contains(table, "-A -f 25") {
			t.Errorf("%s: %d destinations in the table of ingress_sbox, want 3:\n%s", node, n, table)
		}
		if left := inNode(t, u, node, "ingress_sbox", "conntrack", "-S"); left == "" {
			t.Errorf("%s: conntrack -S is silent", node)
		}
	}
}

// TestLabUMLRun checks what every caller of Run relies on.
func TestLabUMLRun(t *testing.T) {
	need(t)
	u, err := lab.BootUML(t.Context(), lab.UMLOptions{Name: "umlrun", Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	defer umlGone(t, "umlrun")
	defer u.Off(context.Background())
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	var out, errs bytes.Buffer
	code, err := u.Run(t.Context(), lab.Inside{Argv: []string{"sh", "-c", "cat; echo $WORD >&2; exit 7"}, Env: []string{"WORD=late"},
		Stdin: bytes.NewReader(big), Stdout: &out, Stderr: &errs})
	if err != nil || code != 7 || errs.String() != "late\n" || !bytes.Equal(out.Bytes(), big) {
		t.Errorf("exit code %d, %v, %d bytes, %q", code, err, out.Len(), errs.String())
	}
	if _, err := u.Run(t.Context(), lab.Inside{Argv: []string{"no-such-program"}}); err == nil {
		t.Error("a program that is not there: no error")
	}
	program := t.TempDir() + "/program"
	for _, word := range []string{"one", "another"} { // as when a test is built again
		if err := os.WriteFile(program, []byte("#!/bin/sh\necho "+word+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		if _, err := u.Run(t.Context(), lab.Inside{Argv: []string{program}, Stdout: &out}); err != nil || out.String() != word+"\n" {
			t.Errorf("program that says %q: %q, %v", word, out.String(), err)
		}
	}
	inside := "echo seen >" + u.Share() + "/file; echo lost >" + t.TempDir() + "/file"
	if code, err := u.Run(t.Context(), lab.Inside{Argv: []string{"sh", "-c", inside}}); code != 0 || err != nil {
		t.Errorf("write files: exit code %d, %v", code, err)
	}
	if b, err := os.ReadFile(u.Share() + "/file"); string(b) != "seen\n" {
		t.Errorf("shared file: %q, %v", b, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := u.Run(ctx, lab.Inside{Argv: []string{"sleep", "1000"}}); err == nil {
		t.Error("a command whose caller is gone: no error")
	}
	time.Sleep(2500 * time.Millisecond)
	if code, _ := u.Run(t.Context(), lab.Inside{Argv: []string{"pgrep", "-x", "sleep"}}); code != 1 {
		t.Errorf("it still runs (pgrep: %d)", code)
	}
}

// TestInsideUML runs itself inside when this machine's kernel lacks IPVS.
func TestInsideUML(t *testing.T) {
	if lab.RunInUML(t, "ip_vs") {
		return
	}
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		t.Error(err)
	}
}

// TestLabUMLKilled kills a booting User Mode Linux without a warning and checks that nothing of it survives what comes next.
func TestLabUMLKilled(t *testing.T) {
	need(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second} {
		cmd := exec.Command(self, "-test.run=^$")
		cmd.Env = append(os.Environ(), "LAB_TEST_UP_UML=umlkill")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		found := len(lab.Left("umlkill"))
		if err := lab.Down(t.Context(), "umlkill"); err != nil {
			t.Error(err)
		}
		umlGone(t, "umlkill")
		t.Logf("killed after %s: %d leftovers found and removed", after, found)
	}
}
