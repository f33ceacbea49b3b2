package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"fairway/lab"
)

// said is what fairway told an operator.
type said struct {
	out, err string
	code     int
}

// run runs the program on a node as an operator would, and fails where it hangs.
func run(t *testing.T, l *lab.Lab, node string, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd, err := l.Command(ctx, node, "", append([]string{"env", "HOME=/root", "/lab/fairway"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit code tells
	if ctx.Err() != nil {
		t.Fatalf("fairway %v hangs: %s%s", args, out.String(), errs.String())
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// expect compares an exit code and looks for words in what was said.
func (s said) expect(t *testing.T, code int, words ...string) {
	t.Helper()
	all := s.out + s.err
	missing := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.Contains(squeeze(all), squeeze(w)) })
	if s.code != code || len(missing) > 0 || strings.Contains(all, "panic") {
		t.Fatalf("exit %d, want %d; it does not say %q:\n%s", s.code, code, missing, all)
	}
}

// squeeze makes padding irrelevant.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// inventory is what the engines hold, without the states that change by
// themselves.
func inventory(t *testing.T, l *lab.Lab) []string {
	t.Helper()
	var out []string
	for _, n := range l.Nodes {
		api, err := l.API(n.Name)
		if err != nil {
			t.Fatal(err)
		}
		containers, err := api.ContainerList(t.Context(), client.ContainerListOptions{All: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range containers.Items {
			out = append(out, n.Name+" container "+c.Names[0])
		}
	}
	api, _, err := l.Manager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	services, err := api.ServiceList(t.Context(), client.ServiceListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range services.Items {
		out = append(out, "service "+s.Spec.Name)
	}
	secrets, err := api.SecretList(t.Context(), client.SecretListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets.Items {
		out = append(out, "secret "+s.Spec.Name)
	}
	configs, err := api.ConfigList(t.Context(), client.ConfigListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configs.Items {
		out = append(out, "config "+c.Spec.Name)
	}
	slices.Sort(out)
	return out
}

// asBefore waits until the engines hold what they held: workers remove their
// containers a moment after the managers have forgotten them.
func asBefore(t *testing.T, l *lab.Lab, before []string) {
	t.Helper()
	diff := ""
	for range 100 {
		if diff = cmp.Diff(before, inventory(t, l)); diff == "" {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Errorf("something was left behind:\n%s", diff)
}

// loadImage puts fairway's image into a node's engine by its API.
func loadImage(t *testing.T, l *lab.Lab, nodes ...string) {
	t.Helper()
	run(t, l, "n1", "image", "-o", "/lab/image.tar").expect(t, 0, "127.0.0.1:1/fairway:")
	content, err := os.ReadFile(filepath.Join(l.Dir, "image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		api, err := l.API(n)
		if err != nil {
			t.Fatal(err)
		}
		res, err := api.ImageLoad(t.Context(), bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		_, err = b.ReadFrom(res)
		res.Close()
		if err != nil || !strings.Contains(b.String(), "Loaded image: 127.0.0.1:1/fairway:") {
			t.Fatalf("load on %s: %v, %s", n, err, b.String())
		}
	}
}

// TestDeploy is what may happen to agents on one real Swarm of four engines of
// different age; n4 is a worker.
func TestDeploy(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "deploy", Nodes: 4, Managers: 3, Engines: []string{"26.1", "20.10", "28.5", "29"}, Bare: true, Out: os.Stderr})
	before := inventory(t, l)
	steps := []struct {
		name string
		run  func(*testing.T, *lab.Lab)
	}{
		{"a worker cannot", deployOnAWorker},
		{"the image is missing", deployWithoutImage},
		{"twice", deployTwice},
		{"the key is elsewhere", deployWithoutKey},
		{"a port is taken", deployPortTaken},
		{"drained and paused", deployDrained},
		{"a node is down", deployNodeDown},
	}
	for _, s := range steps {
		if !t.Run(s.name, func(t *testing.T) { s.run(t, l) }) {
			return // the later ones build on it
		}
	}
	run(t, l, "n1", "remove").expect(t, 0, "no agents are deployed, nothing to remove")
	asBefore(t, l, before)
}

func deployOnAWorker(t *testing.T, l *lab.Lab) {
	run(t, l, "n4", "deploy").expect(t, 1, "n4 is a worker", "run it on a manager")
	run(t, l, "n4", "remove").expect(t, 1, "n4 is a worker", "run it on a manager")
}

func deployWithoutImage(t *testing.T, l *lab.Lab) {
	run(t, l, "n1", "deploy").expect(t, 1, "loaded the image on n1", "n1 running", "n2 image missing", "`fairway deploy --load mesh` brings it there through the Swarm itself, `fairway deploy --load ssh` over SSH; or by hand, and so on for each: fairway image -o - | ssh 10.77.0.12 docker load",
		"no agent answers on 3 of 4 nodes: n2, n3, n4")
	loadImage(t, l, "n2", "n3", "n4")
	run(t, l, "n1", "deploy").expect(t, 0, "already there", "n1 running", "n2 running", "n3 running", "n4 running")
}

func deployTwice(t *testing.T, l *lab.Lab) {
	ids := containers(t, l)
	run(t, l, "n1", "deploy").expect(t, 0, "already there, nothing to change", "n4 running")
	if again := containers(t, l); !slices.Equal(ids, again) {
		t.Errorf("agents were restarted: %v, then %v", ids, again)
	}
	run(t, l, "n1", "deploy", "--port", "9800").expect(t, 0, "changed the service fairway-agent: command, labels", "n4 running")
	run(t, l, "n1", "deploy").expect(t, 0, "changed the service fairway-agent: command, labels", "n4 running")
}

// containers lists the agents' containers that run.
func containers(t *testing.T, l *lab.Lab) []string {
	t.Helper()
	var out []string
	for _, n := range l.Nodes {
		api, err := l.API(n.Name)
		if err != nil {
			t.Fatal(err)
		}
		res, err := api.ContainerList(t.Context(), client.ContainerListOptions{Filters: make(client.Filters).Add("label", "fairway=agent")})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range res.Items {
			out = append(out, n.Name+" "+c.ID)
		}
	}
	return out
}

func deployWithoutKey(t *testing.T, l *lab.Lab) {
	run(t, l, "n2", "deploy").expect(t, 1, "their key is not in /root/.config/fairway/", "`fairway deploy --rotate`")
	run(t, l, "n1", "deploy", "--rotate").expect(t, 0, "making new keys", "about 10s", "n4 running")
	if all := strings.Join(inventory(t, l), " "); strings.Contains(all, "-1 ") || !strings.Contains(all, "secret fairway-key-2") {
		t.Errorf("secrets of an earlier generation are left: %s", all)
	}
}

func deployPortTaken(t *testing.T, l *lab.Lab) {
	run(t, l, "n1", "remove").expect(t, 0, "removed the service", "removed 3 secrets", "removed the key")
	pid, err := l.Exec(t.Context(), "n3", "sh", "-c", "nc -l -k -s 10.77.0.13 -p 9747 >/dev/null 2>&1 </dev/null & echo $!")
	if err != nil {
		t.Fatal(err)
	}
	a := run(t, l, "n1", "deploy")
	if _, err := l.Exec(t.Context(), "n3", "kill", strings.TrimSpace(pid)); err != nil {
		t.Fatal(err)
	}
	a.expect(t, 1, "n3 fails: listen on 10.77.0.13:9747: ", "address already in use", "--port", "n1 running", "n4 running", "1 of 4 nodes: n3")
	run(t, l, "n1", "deploy").expect(t, 0, "n3 running")
	run(t, l, "n1", "remove").expect(t, 0, "removed the service")
}

func deployDrained(t *testing.T, l *lab.Lab) {
	set := func(node string, a swarm.NodeAvailability) {
		t.Helper()
		if err := l.SetAvailability(t.Context(), node, a); err != nil {
			t.Fatal(err)
		}
	}
	set("n2", swarm.NodeAvailabilityDrain)
	set("n3", swarm.NodeAvailabilityPause)
	run(t, l, "n1", "deploy").expect(t, 0, "n1 running", "n2 drained: global services do not run there", "n3 paused: global services do not start there",
		"docker node update --availability active n2", "n4 running")
	set("n2", swarm.NodeAvailabilityActive)
	set("n3", swarm.NodeAvailabilityActive)
	run(t, l, "n1", "deploy").expect(t, 0, "n2 running", "n3 running")
}

func deployNodeDown(t *testing.T, l *lab.Lab) {
	if err := l.StopEngine(t.Context(), "n4"); err != nil {
		t.Fatal(err)
	}
	var a said
	for range 30 {
		if a = run(t, l, "n1", "deploy", "--wait", "1s"); strings.Contains(a.out, "n4  down") {
			break
		}
		time.Sleep(time.Second)
	}
	a.expect(t, 0, "n4 down: the managers say down", "n3 running")
	run(t, l, "n1", "remove").expect(t, 0, "removed the service", "n4: down", "an agent there ends when the node is back")
	if err := l.StartEngine(t.Context(), "n4"); err != nil {
		t.Fatal(fmt.Errorf("start n4 again: %w", err))
	}
}

// TestDeployLoadsBySSH has the image and the binary on n1 only, and a real sshd in
// every node: a fault on another node is pinned there, a port that is closed is
// named, and nothing stays.
func TestDeployLoadsBySSH(t *testing.T) {
	l := withFairway(t, lab.Options{Name: "deployssh", Nodes: 3, Engines: []string{"26.1", "20.10", "29"}, Out: os.Stderr})
	if err := l.StartSSH(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	before := inventory(t, l)
	run(t, l, "n1", "deploy", "--load", "ssh", "--ssh", "nobody@{addr}").expect(t, 1, "loaded the image on n1",
		"loading the image on n2: log in to n2 by ssh as nobody@10.77.0.12: ", "n1 running", "n2 image missing", "n3 image missing")
	run(t, l, "n1", "deploy", "--load", "ssh", "--ssh", "root@{addr}").expect(t, 0, "loaded the image on n2", "loaded the image on n3",
		"n2 running", "n3 running")
	closedPort(t, l)
	d, err := l.Break(t.Context(), "fdb-missing", lab.DrawOptions{Seed: 1, Node: "n2"})
	if err != nil {
		t.Fatal(err)
	}
	a := fairwayWith(t, l, "n1", []string{"HOME=/root"}, question...)
	if a.code != 3 || len(a.Causes) != 1 || a.Causes[0].ID != "fdb-missing" || a.Causes[0].Node != d.Node {
		t.Errorf("exit %d, causes %+v, gaps %+v; want fdb-missing on %s", a.code, a.Causes, a.Gaps, d.Node)
	}
	if _, err := l.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, l, "n1", "remove").expect(t, 0, "removed the service", "removed 3 secrets", "removed the key")
	// Their engines still have it, and say so; the second time the managers do.
	for range 2 {
		run(t, l, "n1", "deploy", "--load", "ssh", "--ssh", "root@{addr}").expect(t, 0, "the image is on n2 already", "the image is on n3 already", "n3 running")
	}
	run(t, l, "n1", "remove").expect(t, 0, "removed the service")
	asBefore(t, l, before)
	for _, n := range l.Nodes {
		if left, err := l.Exec(t.Context(), n.Name, "sh", "-c", "ls /tmp | grep fairway || true"); err != nil || left != "" {
			t.Errorf("left on %s: %s (%v)", n.Name, left, err)
		}
	}
}

func closedPort(t *testing.T, l *lab.Lab) {
	t.Helper()
	rule := []string{"iptables", "-I", "INPUT", "-p", "tcp", "--dport", "9747", "-j", "DROP"}
	if _, err := l.Exec(t.Context(), "n3", rule...); err != nil {
		t.Fatal(err)
	}
	run(t, l, "n1", "deploy").expect(t, 1, "n2 running", "n3 running, but it does not answer", "see that TCP port 9747 of n3 is open from here", "1 of 3 nodes: n3")
	rule[1] = "-D"
	if _, err := l.Exec(t.Context(), "n3", rule...); err != nil {
		t.Fatal(err)
	}
}
