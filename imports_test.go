package fairway_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows is the one direction of flow (ARCHITECTURE.md): what each package may
// import of ours. No arrow points back.
var arrows = map[string][]string{
	"internal/fact":     {},
	"internal/facttest": {"internal/fact"},
	"internal/expect":   {"internal/fact"},
	"internal/check":    {"internal/fact", "internal/expect"},
	"internal/netns":    {},
	"internal/collect": {"internal/fact", "internal/netns", "internal/collect/ipvs", "internal/collect/ipt", "internal/collect/nft",
		"internal/collect/journal", "internal/collect/textlog", "internal/said"},
	// What the engines' and kernels' log lines mean.
	"internal/said": {"internal/fact"},
	// One snapshot with its evidence, as a file.
	"internal/casefile": {"internal/fact"},
	// Cases that the lab recorded, for tests.
	"internal/corpus":          {},
	"internal/collect/journal": {},
	"internal/collect/textlog": {},
	// Decoders of the kernel's answers, each with its fuzz target.
	"internal/collect/ipvs": {"internal/fact"},
	"internal/collect/xt":   {"internal/fact"},
	"internal/collect/ipt":  {"internal/fact", "internal/netns", "internal/collect/xt"},
	"internal/collect/nft":  {"internal/fact", "internal/collect/xt"},
	"internal/probe":        {"internal/fact"},
	"internal/fleet":        {"internal/fact"},
	"internal/deploy":       {"internal/fact", "internal/fleet"},
	"internal/render":       {"internal/fact", "internal/check"},
	"internal/cli": {"internal/fact", "internal/expect", "internal/check", "internal/netns", "internal/collect",
		"internal/probe", "internal/render", "internal/fleet", "internal/deploy", "internal/casefile"},
	"cmd/fairway":     {"internal/cli"},
	"cmd/fairway-lab": {"lab"},
	"lab":             {},
	"lab/echo":        {},
}

// pure packages may not touch the world.
var forbidden = map[string][]string{
	"internal/fact":   {"os", "net", "log", "log/slog", "os/exec", "net/http", "syscall"},
	"internal/expect": {"os", "net", "log", "log/slog", "os/exec", "net/http", "syscall"},
	"internal/check":  {"os", "net", "log", "log/slog", "os/exec", "net/http", "syscall"},
	"internal/render": {"net", "log", "log/slog", "os/exec", "net/http", "syscall"},
	// Nothing that runs on the diagnosed host executes a program.
	"internal/collect":         {"os/exec"},
	"internal/collect/ipvs":    {"os/exec"},
	"internal/collect/journal": {"os/exec"},
	"internal/collect/textlog": {"os/exec"},
	"internal/said":            {"os", "net", "log", "log/slog", "os/exec", "net/http", "syscall"},
	"internal/casefile":        {"net", "os/exec", "net/http"},
	"internal/collect/xt":      {"os/exec"},
	"internal/collect/ipt":     {"os/exec"},
	"internal/collect/nft":     {"os/exec"},
	"internal/probe":           {"os/exec"},
	"internal/netns":           {"os/exec"},
}

// vague names say nothing of what a package knows.
var vague = []string{"util", "utils", "common", "model", "models", "types", "manager", "helper", "helpers"}

type listed struct {
	ImportPath string
	Imports    []string
	Doc        string
}

// list asks the go command for our packages, as Linux sees them.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Doc", "./...")
	cmd.Env = append(cmd.Environ(), "GOOS=linux")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestArrows(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, "fairway/")
		if name == "fairway" {
			continue
		}
		may, known := arrows[name]
		if !known {
			t.Errorf("package %s has no place in ARCHITECTURE.md and in this test", name)
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, "fairway/"); ok && !slices.Contains(may, own) {
				t.Errorf("%s imports %s: that arrow points the wrong way", name, own)
			}
			if slices.Contains(forbidden[name], imp) {
				t.Errorf("%s imports %s: it must not touch the world", name, imp)
			}
		}
		last := name[strings.LastIndex(name, "/")+1:]
		if slices.Contains(vague, last) {
			t.Errorf("package name %s says nothing", name)
		}
	}
}

func TestEveryPackageOpensWithASentence(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath != "fairway" && len(strings.Fields(p.Doc)) < 5 {
			t.Errorf("%s: package doc %q is not a sentence that a stranger understands", p.ImportPath, p.Doc)
		}
	}
}
