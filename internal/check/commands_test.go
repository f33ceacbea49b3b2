package check_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

func TestNamesInCommandsAreQuoted(t *testing.T) {
	s := facttest.Healthy()
	again(s, func(s *fact.Snapshot) {
		s.Wanted.ServiceNamed("api").Name = "api;reboot"
		s.Question.To = "api;reboot"
		past(s, 2, 1, 12*time.Second, "failed", "task: non-zero exit (3)")
		now(s, 2, 7*time.Second, "rejected", "ready", "No such image: x")
	})
	for _, c := range run(t, s).Causes {
		if text := c.Relief + c.Confirm; c.ID == "task-not-running" && (!strings.Contains(text, "'api;reboot'") || strings.Contains(text, " api;reboot")) {
			t.Errorf("relief %q, confirm %q", c.Relief, c.Confirm)
		}
	}
}

func TestMissingCommandHasNoRelief(t *testing.T) {
	s := facttest.Healthy()
	again(s, func(s *fact.Snapshot) {
		for i := 1; i <= 2; i++ {
			past(s, 2, i, time.Duration(5+5*i)*time.Second, "failed", `starting container failed: exec: "nginxx": executable file not found in $PATH`)
		}
		now(s, 2, 7*time.Second, "ready", "ready", "")
	})
	r := run(t, s)
	if len(r.Causes) == 0 || !strings.HasPrefix(r.Causes[0].Relief, "Nothing restores it but the fix") {
		t.Errorf("causes %+v", r.Causes)
	}
}

// evil is what names of other people end with: as a word of a command it must
// stand between single quotes.
const evil = "$(reboot)"

// renames are the names that somebody else gives: those of services, networks
// and nodes, and those of links.
var renames = map[string]*regexp.Regexp{
	"names": regexp.MustCompile(`^(tasks\.)?(api|web|app|n[0-9]|shell|front|back|db|cache|other|lost|idle)(\.|$)`),
	"links": regexp.MustCompile(`^()(eth[0-9]|vxlan0|br0|veth[0-9a-z]*|vx-[0-9a-z-]*)($)`),
}

// hostile runs a fault with names that a shell would take for commands: in no
// relief and no confirm do they stand where a shell would.
func hostile(t *testing.T, row *mutation) {
	t.Helper()
	for what, names := range renames {
		s := facttest.Healthy()
		row.mutate(s)
		rename(reflect.ValueOf(s).Elem(), names)
		r, err := check.Run(s, check.All(), time.Second)
		if err != nil {
			t.Errorf("hostile %s: %v", what, err)
			continue
		}
		if what == "names" && !slices.ContainsFunc(r.Causes, func(c check.Cause) bool { return c.ID == row.want.id }) {
			t.Errorf("with hostile %s: causes %s, want %s", what, ids(r.Causes), row.want.id)
		}
		for _, c := range slices.Concat(r.Causes, r.Elsewhere, r.Settling) {
			for _, text := range []string{c.Relief, c.Confirm, c.Fix} {
				if bad := unquoted(text); bad != "" {
					t.Errorf("%s, hostile %s: %q is not quoted in %q", c.ID, what, evil, bad)
				}
			}
		}
	}
}

// rename gives names their evil end, wherever they stand in a snapshot.
func rename(v reflect.Value, names *regexp.Regexp) {
	switch v.Kind() {
	case reflect.String:
		if m := names.FindStringSubmatchIndex(v.String()); m != nil && v.Type() != reflect.TypeFor[fact.NSRole]() {
			v.SetString(v.String()[:m[5]] + evil + v.String()[m[5]:])
		}
	case reflect.Pointer:
		if !v.IsNil() {
			rename(v.Elem(), names)
		}
	case reflect.Slice:
		for i := range v.Len() {
			rename(v.Index(i), names)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				rename(v.Field(i), names)
			}
		}
	}
}

var (
	// label says where or when a command is typed; nobody types it.
	label = regexp.MustCompile(`(^|[;,] )(on|when|then|after|between) [^:;\n]*?: `)
	// program is the first word of a command.
	program = regexp.MustCompile(`^(bridge|cat|conntrack|curl|dig|docker|dockerd|echo|ethtool|fairway|for|grep|ip|iptables|ipvsadm|journalctl|kill|ls|nc|nft|nsenter|nstat|ping|rm|sed|sh|socat|ss|sysctl|systemctl|tcpdump|timeout|umount)( |$)`)
	single  = regexp.MustCompile(`'[^']*'`)
)

// unquoted is the first command in which an evil name stands outside of single
// quotes; empty for none.
func unquoted(text string) string {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "   # ") // a remark
		command := label.ReplaceAllString(line, "$1")
		for part := range strings.SplitSeq(command, "; ") {
			if program.MatchString(part) && strings.Contains(single.ReplaceAllString(part, ""), evil) {
				return line
			}
		}
	}
	return ""
}

func TestUnquotedIsSeen(t *testing.T) {
	for text, bad := range map[string]bool{
		"docker service update --force api":                                          false,
		"docker service update --force api$(reboot)":                                 true,
		"docker service update --force 'api$(reboot)'":                               false,
		"on n1$(reboot): ip link set eth0 up":                                        false,
		"on n1: ip link set eth0$(reboot) up":                                        true,
		"first a line\non n1: ip link set eth0$(reboot) up":                          true,
		"on a manager: docker node rm n1$(reboot); when it is gone: docker node ls":  true,
		"on a manager: docker node ls; when n1$(reboot) is gone: docker node ls":     false,
		"let clients use tasks.api$(reboot); docker service scale api$(reboot)=0":    true,
		"let clients use tasks.api$(reboot); docker service scale 'api$(reboot)'=0":  false,
		"docker node rm --force 123   # n1$(reboot), or bring it back":               false,
		"api$(reboot) on n3 was not looked at: give its interface MTU 1300, too.":    false,
		"on n1: docker network inspect app | grep -A3 api$(reboot).1":                true,
		"on n1: docker network inspect -v 'app$(reboot)' --format '{{json .Peers}}'": false,
	} {
		if got := unquoted(text); (got != "") != bad {
			t.Errorf("%q: unquoted %q, want one: %t", text, got, bad)
		}
	}
}

// TestOneCommandALine: who copies a line of a relief runs one command on one
// node, and the next one whether or not the first succeeded.
func TestOneCommandALine(t *testing.T) {
	s := facttest.Healthy()
	loseVXLAN(s, 1, 3)
	want := ""
	for _, node := range []string{"n1", "n3"} {
		for _, chain := range []string{"INPUT", "OUTPUT"} {
			want += "on " + node + ": iptables -I " + chain + " -p udp --dport 4789 -j ACCEPT\n"
		}
	}
	if c := run(t, s).Causes[0]; c.Relief+"\n" != want {
		t.Errorf("relief:\n%s\nwant\n%s", c.Relief, want)
	}
}
