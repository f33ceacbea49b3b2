package lab_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"fairway/lab"
)

// TestDeployThroughTheMesh has the image on n1 only, no registry and no ssh: the
// routing mesh brings it, where that works, and nothing of it stays.
func TestDeployThroughTheMesh(t *testing.T) {
	need(t)
	buildForInside(t)
	if lab.RunInUML(t, "ip_vs") {
		return
	}
	l := withFairway(t, lab.Options{Name: "deploymesh", Nodes: 4, Engines: []string{"26.1", "20.10", "29", "28.5"}, Bare: true, Out: os.Stderr})
	before := inventory(t, l)
	run(t, l, "n1", "deploy").expect(t, 1, "n2 image missing", "`fairway deploy --load mesh` brings it there through the Swarm itself")
	began := time.Now()
	run(t, l, "n1", "deploy", "--load", "mesh").expect(t, 0, "serving the image through the routing mesh, port ", "loaded the image on n2", "loaded the image on n3",
		"loaded the image on n4", "n1 running", "n2 running", "n3 running", "n4 running")
	t.Logf("image and agents on 4 nodes after %v", time.Since(began).Round(100*time.Millisecond))
	onlyAgents(t, l, before)
	run(t, l, "n1", "deploy", "--load", "mesh").expect(t, 0, "the image is on n2 already", "the image is on n3 already", "nothing to change")
	// The name that agents run is there without any registry, and the only one.
	run(t, l, "n1", "remove").expect(t, 0, "removed the service")
	run(t, l, "n1", "deploy").expect(t, 0, "n1 running", "n2 running", "n3 running")
	run(t, l, "n1", "remove").expect(t, 0, "removed the service")
	brokenMesh(t, l)
	interruptedMesh(t, l)
	asBefore(t, l, before)
}

// onlyAgents fails where anything but agents and their secrets came.
func onlyAgents(t *testing.T, l *lab.Lab, before []string) {
	t.Helper()
	for _, line := range inventory(t, l) {
		if strings.Contains(line, "service fairway-image") {
			t.Errorf("left: %s", line)
		}
	}
	for _, n := range l.Nodes {
		names, err := l.Exec(t.Context(), n.Name, "docker", "image", "ls", "--format", "{{.Repository}}")
		if err != nil || strings.Count(names, "fairway") != 1 || !strings.Contains(names, "127.0.0.1:1/fairway") {
			t.Errorf("images on %s: %s (%v)", n.Name, names, err)
		}
	}
}

// forget removes the image from nodes.
func forget(t *testing.T, l *lab.Lab, nodes ...string) {
	t.Helper()
	for _, n := range nodes {
		if _, err := l.Exec(t.Context(), n, "sh", "-ec", "docker image rm $(docker image ls --format '{{.Repository}}:{{.Tag}}' 127.0.0.1:1/fairway)"); err != nil {
			t.Fatal(err)
		}
	}
}

// brokenMesh lets no overlay packet into n3, which therefore reaches nothing
// through the mesh.
func brokenMesh(t *testing.T, l *lab.Lab) {
	t.Helper()
	forget(t, l, "n2", "n3")
	rule := []string{"iptables", "-I", "INPUT", "-p", "udp", "--dport", "4789", "-j", "DROP"}
	if _, err := l.Exec(t.Context(), "n3", rule...); err != nil {
		t.Fatal(err)
	}
	run(t, l, "n1", "deploy", "--load", "mesh", "--wait", "20s").expect(t, 1, "loaded the image on n2", "loading the image on n3: it d", "come through the routing mesh", "which may be what is broken",
		"n1 running", "n2 running", "n3 image missing", "`fairway deploy --load ssh` brings it there over SSH", "fairway image -o - | ssh 10.77.0.13 docker load")
	rule[1] = "-D"
	if _, err := l.Exec(t.Context(), "n3", rule...); err != nil {
		t.Fatal(err)
	}
	run(t, l, "n1", "deploy", "--load", "mesh").expect(t, 0, "the image is on n2 already", "loaded the image on n3", "n3 running")
	run(t, l, "n1", "remove").expect(t, 0, "removed the service")
}

// interruptedMesh stops it in the middle, kindly and not. The middle lasts: n3
// gets no packet of the mesh.
func interruptedMesh(t *testing.T, l *lab.Lab) {
	t.Helper()
	forget(t, l, "n2", "n3")
	rule := []string{"iptables", "-I", "INPUT", "-p", "udp", "--dport", "4789", "-j", "DROP"}
	if _, err := l.Exec(t.Context(), "n3", rule...); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []string{"INT", "KILL"} {
		if _, err := l.Exec(t.Context(), "n1", "sh", "-c", "HOME=/root /lab/fairway deploy --load mesh >/lab/mesh.out 2>&1 & p=$!; until grep -q serving /lab/mesh.out; do sleep 0.1; done; kill -"+signal+" $p; wait $p || true"); err != nil {
			t.Fatal(err)
		}
		left := strings.Contains(strings.Join(inventory(t, l), "\n"), "service fairway-image")
		if left != (signal == "KILL") {
			t.Errorf("after %s something is left: %v", signal, left)
		}
	}
	rule[1] = "-D"
	if _, err := l.Exec(t.Context(), "n3", rule...); err != nil {
		t.Fatal(err)
	}
	run(t, l, "n1", "remove").expect(t, 0, "removed the service fairway-image, which an earlier deployment has left")
}
