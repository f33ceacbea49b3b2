package collect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWritesRules reads a /proc of the test's own: dockerd's command line decides,
// else the daemon.json below its root.
func TestWritesRules(t *testing.T) {
	for name, row := range map[string]struct {
		args, file, config, want string
	}{
		"nothing said":              {"dockerd -H fd://", "", "", "yes"},
		"flag":                      {"dockerd --iptables=false", "", "", "no"},
		"flag alone":                {"dockerd --iptables --debug", "", "", "yes"},
		"file says no":              {"dockerd", "/etc/docker/daemon.json", `{"iptables": false, "hosts": ["secret"]}`, "no"},
		"file says yes":             {"dockerd", "/etc/docker/daemon.json", `{"iptables": true}`, "yes"},
		"file says nothing":         {"dockerd", "/etc/docker/daemon.json", `{"mtu": 1400}`, "yes"},
		"file is no JSON":           {"dockerd", "/etc/docker/daemon.json", `{"iptables": fal`, ""},
		"file of another name":      {"dockerd --config-file /etc/d.json", "/etc/d.json", `{"iptables": false}`, "no"},
		"another program":           {"containerd --iptables=false", "", "", ""},
		"a value that is no answer": {"dockerd --iptables=perhaps", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			proc := t.TempDir()
			process := filepath.Join(proc, "77")
			args := strings.Fields(row.args)
			write(t, filepath.Join(process, "cmdline"), strings.Join(args, "\x00")+"\x00")
			write(t, filepath.Join(process, "comm"), args[0]+"\n")
			write(t, filepath.Join(process, "ns/net"), "")
			if row.file != "" {
				write(t, filepath.Join(process, "root", row.file), row.config)
			}
			if got := writesRules(proc, inode(filepath.Join(process, "ns/net"))); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if got := writesRules(proc, 1); got != "" {
				t.Errorf("of another network namespace: %q", got)
			}
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
