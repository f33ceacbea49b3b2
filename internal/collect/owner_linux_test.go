package collect

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"fairway/internal/fact"
)

// listener is the environment variable that makes this test's program listen on
// a port instead, for a test to find out who that was.
const listener = "FAIRWAY_TEST_LISTEN"

func TestListenForAnotherTest(t *testing.T) {
	port := os.Getenv(listener)
	if port == "" {
		return // it is no test of its own
	}
	l, err := net.Listen("tcp4", "0.0.0.0:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	os.Stdout.WriteString("ready\n")
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until the other test is done
}

// listen runs a process in a namespace that listens on a port.
func (b *bench) listen(t *testing.T, handle string, port int) int {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", b.real[handle], os.Args[0], "-test.run=^TestListenForAnotherTest$")
	cmd.Env = append(os.Environ(), listener+"="+strconv.Itoa(port))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the listener says %q, %v", line, err)
	}
	return cmd.Process.Pid
}

// TestOwners: only where /proc is proven to show the engine's processes, and
// only on the ports asked about.
func TestOwners(t *testing.T) {
	b := newBench(t)
	pid := b.listen(t, "default", 8080)
	b.listen(t, "default", 9090)
	inside := b.listen(t, sandbox, 8080)
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		t.Fatal(err)
	}
	name := string(comm[:len(comm)-1])
	for what, c := range map[string]struct {
		pid   int
		ports []uint16
		want  string
	}{
		"its container is here":     {inside, []uint16{8080}, name},
		"nobody asked":              {inside, nil, ""},
		"another port":              {inside, []uint16{443}, ""},
		"its container is not here": {os.Getpid(), []uint16{8080}, ""},
		"no process at all":         {0, []uint16{8080}, ""},
	} {
		req := b.request()
		req.Ports = c.ports
		for i := range req.Engine.Containers {
			req.Engine.Containers[i].Pid = c.pid
		}
		for _, s := range kernelOf(t, req).Host().Sockets {
			switch {
			case s.Local.Port() == 8080 && (s.Owner != c.want || (s.PID == pid) != (c.want != "")):
				t.Errorf("%s: %q, process %d; want %q, %d", what, s.Owner, s.PID, c.want, pid)
			case s.Local.Port() == 9090 && (s.Owner != "" || s.PID != 0):
				t.Errorf("%s: somebody else's port has an owner, %q", what, s.Owner)
			}
		}
	}
}

// TestOwnersOnTheHostsNetwork: the proof by control group is not taken from a
// process that is in none of the container's.
func TestOwnersOnTheHostsNetwork(t *testing.T) {
	k := &fact.Kernel{Namespaces: []fact.NetNS{{Name: "host", Role: fact.RoleHost, Inode: 1, Containers: []fact.ContainerID{"0123"}}}}
	req := KernelRequest{Engine: &fact.Engine{Containers: []fact.Container{{ID: "0123", Pid: os.Getpid(), NetworkMode: "host"}}}}
	if req.sameProcesses(k) {
		t.Error("this process is in no container of that ID")
	}
}
