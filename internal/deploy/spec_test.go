package deploy

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden file anew")

var someKeys = generation{number: 3, ca: "cafe", secrets: []string{"idca", "idcert", "idkey"}}

func someOptions() Options {
	return Options{Image: "127.0.0.1:1/fairway:v1-0123456789ab", Hash: "0123456789abcdef", Arch: "amd64"}
}

func TestSpecIsTheGoldenOne(t *testing.T) {
	got, err := json.MarshalIndent(someOptions().spec(someKeys, true), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "service.json")
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("the service is another one (-want +got); if that is meant, justify every privilege below and run with -update:\n%s", diff)
	}
}

// needed says what each privilege is for; one that has no line here may not be
// in the service.
var needed = map[string]string{
	"CAP_DAC_READ_SEARCH": "internal/collect/textlog: logs of the group adm",
	"CAP_SYS_ADMIN":       "internal/netns: setns into the containers' namespaces",
	"CAP_NET_ADMIN":       "internal/collect/{nft,ipt,ipvs}: the rules of packet filters, virtual services",
	"CAP_NET_RAW":         "internal/probe: packet sockets that watch gossip and the data path",

	"/var/run/docker/netns": "internal/netns: handles of the namespaces",
	"/var/run/docker.sock":  "internal/collect: what the engine believes; the agent's transport lets GET of listed paths through only",
	"/var/log":              "internal/collect: journals and text logs of the engine and the kernel",
}

func TestEveryPrivilegeIsJustified(t *testing.T) {
	c := someOptions().spec(someKeys, true).TaskTemplate.ContainerSpec
	for _, name := range c.CapabilityAdd {
		if needed[name] == "" {
			t.Errorf("nothing needs %s", name)
		}
	}
	for _, m := range c.Mounts {
		if needed[m.Source] == "" || !m.ReadOnly || m.Source != m.Target {
			t.Errorf("mount %+v: it has no reason, is writable or is elsewhere", m)
		}
	}
	if len(c.CapabilityAdd)+len(c.Mounts) != len(needed) {
		t.Errorf("%d privileges are justified, %d are asked for", len(needed), len(c.CapabilityAdd)+len(c.Mounts))
	}
	if !slices.Equal(c.CapabilityDrop, []string{"ALL"}) || !c.ReadOnly || !c.Privileges.NoNewPrivileges {
		t.Errorf("drop %v, read-only %v, privileges %+v", c.CapabilityDrop, c.ReadOnly, c.Privileges)
	}
}

// TestTheTableNamesEveryPrivilege: the page for whoever must allow an agent has a
// row for each capability and no row for any other.
func TestTheTableNamesEveryPrivilege(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^\| capability (\w+) \|`).FindAllStringSubmatch(string(doc), -1) {
		listed = append(listed, "CAP_"+m[1])
	}
	most := Options{KernelRing: true}.granted()
	if slices.Sort(listed); !slices.Equal(listed, sorted(most)) {
		t.Errorf("the page lists %v, the service has %v at most", listed, most)
	}
}

func TestOldManagersGetNoPrivileges(t *testing.T) {
	if p := someOptions().spec(someKeys, false).TaskTemplate.ContainerSpec.Privileges; p != nil {
		t.Errorf("an API before 1.44 gets privileges %+v that it does not know", p)
	}
}

func TestFlagsReachTheAgent(t *testing.T) {
	o := someOptions()
	o.Port, o.NetnsDir = 9800, "/data/docker-exec/netns"
	s := o.spec(someKeys, true)
	args := strings.Join(s.TaskTemplate.ContainerSpec.Args, " ")
	if want := "agent --listen :9800 --netns-dir /data/docker-exec/netns --ca /run/secrets/fairway-ca --cert /run/secrets/fairway-cert --key /run/secrets/fairway-key"; args != want {
		t.Errorf("arguments:\n got %s\nwant %s", args, want)
	}
	if s.Labels[LabelPort] != "9800" || s.TaskTemplate.ContainerSpec.Mounts[0].Source != "/data/docker-exec/netns" {
		t.Errorf("labels %v, mounts %+v", s.Labels, s.TaskTemplate.ContainerSpec.Mounts)
	}
}

func TestLogsElsewhere(t *testing.T) {
	o := someOptions()
	o.VolatileJournal, o.EngineLog, o.KernelRing = true, "/data/log/dockerd.log", true
	c := o.spec(someKeys, true).TaskTemplate.ContainerSpec
	var mounted []string
	for _, m := range c.Mounts {
		mounted = append(mounted, m.Source)
	}
	if want := []string{NetnsDir, engineSocket, "/var/log", "/run/log/journal", "/data/log"}; !slices.Equal(mounted, want) {
		t.Errorf("mounted %v, want %v", mounted, want)
	}
	if args := strings.Join(c.Args, " "); !strings.Contains(args, "--engine-log /data/log/dockerd.log --kernel-ring") || !slices.Contains(c.CapabilityAdd, "CAP_SYSLOG") {
		t.Errorf("arguments %s, capabilities %v", args, c.CapabilityAdd)
	}
	o.EngineLog = "/var/log/docker/engine.log"
	if n := len(o.spec(someKeys, true).TaskTemplate.ContainerSpec.Mounts); n != 4 {
		t.Errorf("%d mounts, though /var/log holds the log", n)
	}
}

func TestDifferencesNameWhatChanged(t *testing.T) {
	base := someOptions()
	for _, c := range []struct {
		name   string
		change func(*Options, *generation)
		want   []string
	}{
		{"nothing", func(*Options, *generation) {}, nil},
		{"image", func(o *Options, _ *generation) { o.Image += "x" }, []string{"image"}},
		{"port", func(o *Options, _ *generation) { o.Port = 1 }, []string{"command", "labels"}},
		{"namespaces", func(o *Options, _ *generation) { o.NetnsDir = "/data/netns" }, []string{"command", "mounts"}},
		{"keys", func(_ *Options, g *generation) { g.number++ }, []string{"secrets", "labels"}},
		{"architecture", func(o *Options, _ *generation) { o.Arch = "" }, []string{"architectures"}},
	} {
		o, g := base, someKeys
		c.change(&o, &g)
		if got := differences(base.spec(someKeys, true), o.spec(g, true)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
