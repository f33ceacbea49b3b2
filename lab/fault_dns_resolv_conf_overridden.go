package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moby/moby/api/types/mount"
)

// foreignServer is a name server that nobody has: TEST-NET-1, RFC 5737.
const foreignServer = "nameserver 192.0.2.1\n"

func dnsResolvConfOverridden() Fault {
	return Fault{
		ID:    "dns-resolv-conf-overridden",
		Doc:   "a service mounts its own resolv.conf, or its entrypoint rewrites it, and asks another server than the engine's",
		Layer: "D",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("web", d.Node, []string{d.Network}, "-http", ":8080")
			mounted := Pick(d, []bool{true, false})
			if mounted {
				s.TaskTemplate.ContainerSpec.Mounts = []mount.Mount{{Type: mount.TypeBind, ReadOnly: true,
					Source: "/lab/" + resolvConfFile, Target: "/etc/resolv.conf"}}
			}
			if err := os.WriteFile(filepath.Join(l.Dir, resolvConfFile), []byte(foreignServer), 0o644); err != nil {
				return err
			}
			t, err := l.startExtra(ctx, s)
			if err != nil {
				return err
			}
			if err := d.noteTask(t); err != nil {
				return err
			}
			file := fmt.Sprintf("/proc/%d/root/etc/resolv.conf", t.PID)
			if !mounted {
				if _, err := l.Exec(ctx, d.Node, "sh", "-c", "cat /lab/"+resolvConfFile+" >"+file); err != nil {
					return err
				}
			}
			text, err := l.Exec(ctx, d.Node, "cat", file)
			if err == nil && text != foreignServer {
				err = fmt.Errorf("resolv.conf of %s is %q", t.Name, text)
			}
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.removeExtras(ctx); err != nil {
				return err
			}
			return os.RemoveAll(filepath.Join(l.Dir, resolvConfFile))
		},
		Want: func(_ *Lab, d *Draw) Want {
			w := d.ask(Cause{ID: "dns-resolv-conf-overridden", Node: d.Node, Kind: "task", Name: d.Notes["task"]})
			w.From = extra + "web"
			return w
		},
	}
}

// resolvConfFile lies in the state folder, which every node sees as /lab.
const resolvConfFile = "x-resolv.conf"
