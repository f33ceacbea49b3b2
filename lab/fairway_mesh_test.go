package lab_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"fairway/lab"
)

// hops are faults of a published port's way and of a virtual IP's, from the
// asked host to the task: at least one for each hop.
var hops = []string{
	"ingress-input-dropped",          // the host, before anything is led away
	"ingress-chain-missing.jump",     // DOCKER-INGRESS
	"ingress-dnat-wrong-target",      // its target
	"ingress-forward-dropped",        // FORWARD
	"ingress-sbox-missing",           // the sandbox and its legs
	"ingress-mark-or-lb-missing",     // the mark
	"ipvs-dest-missing-ingress",      // IPVS
	"ipvs-snat-missing-ingress",      // SNAT
	"ingress-redirect-missing",       // the task's own rules
	"lb-vip-not-programmed",          // a virtual IP on a user network
	"healthy.mesh-node-without-task", // and nothing at all
	"healthy.mesh-operator-rules",
}

// TestFairwayMesh breaks the routing mesh and virtual IPs at every hop of one
// real Swarm, in User Mode Linux where the machine has no IPVS. Each time
// fairway, asked on another node, must find the Swarm healthy before, then that
// cause first and alone on the right node, then the Swarm healthy again.
func TestFairwayMesh(t *testing.T) {
	need(t)
	program, err := buildFairway()
	if err != nil {
		t.Fatalf("build fairway: %v", err)
	}
	results, start := t.TempDir(), time.Now()
	err = lab.Matrix(t.Context(), lab.MatrixOptions{Name: "mesh", Engines: []string{"26.1"}, Faults: hops, Seed: 1,
		Fairway: program, Results: results, Out: os.Stderr, Way: lab.Agents, Kernel: lab.KernelAuto})
	if err != nil {
		t.Errorf("%v", err)
		tables, _ := filepath.Glob(filepath.Join(results, "*", "matrix.md"))
		for _, name := range tables {
			b, _ := os.ReadFile(name)
			t.Logf("%s", b)
		}
	}
	t.Logf("%d hops in %.0f s", len(hops), time.Since(start).Seconds())
}
