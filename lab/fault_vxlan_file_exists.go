package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

func vxlanFileExists() Fault {
	return Fault{
		ID:    "vxlan-file-exists",
		Doc:   "a VXLAN device of an earlier life is left in a node's own namespace: no task of its network can start there",
		Layer: "X",
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			id, err := l.CreateNetwork(ctx, extra+"net", nil)
			if err != nil {
				return err
			}
			vni, err := l.vni(ctx, id)
			if err != nil {
				return err
			}
			// Named as the engine names its devices before it moves them away.
			orphan := fmt.Sprintf("vx-%06x-%s", vni, id[:5])
			if err := d.Note("orphan", orphan); err != nil {
				return err
			}
			if err := d.Note("leaks", fmt.Sprintf("/run/docker/netns/1-%s /run/docker/netns/lb_%s", id[:10], id[:9])); err != nil {
				return err
			}
			line := fmt.Sprintf("ip link add %s type vxlan id %d dstport 4789 proxy l2miss l3miss", orphan, vni)
			if _, err := l.Exec(ctx, d.Node, "sh", "-ec", line); err != nil {
				return err
			}
			if _, err := l.startExtra(ctx, l.extraService("web", d.Peer, []string{extra + "net"}, "-http", ":8080")); err != nil {
				return err
			}
			s := l.extraService("api", d.Node, []string{extra + "net"}, "-http", ":8080")
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			_, err = l.waitTask(ctx, s.Name, "is rejected for the device", func(t swarm.Task) bool {
				return t.Status.State == swarm.TaskStateRejected && strings.Contains(t.Status.Err, "file exists")
			})
			return err
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["orphan"] != "" {
				if _, err := l.Exec(ctx, d.Node, "sh", "-c", "ip link del "+d.Notes["orphan"]+" 2>/dev/null || true"); err != nil {
					return err
				}
			}
			if err := l.removeExtras(ctx); err != nil || d.Notes["leaks"] == "" {
				return err
			}
			// The engine forgets the namespaces of what it could not build (seen on 20.10 to 29).
			_, err := l.Exec(ctx, d.Node, "sh", "-c", fmt.Sprintf("for f in %s; do umount $f; rm -f $f; done 2>/dev/null || true", d.Notes["leaks"]))
			return err
		},
		Want: func(_ *Lab, d *Draw) Want {
			w := d.askExtra("api", Cause{ID: "vxlan-file-exists", Node: d.Node, Network: extra + "net", Kind: "link", Name: d.Notes["orphan"]})
			w.From = extra + "web"
			return w
		},
	}
}

// vni is the number of a network's only subnet; the managers allocate it a little after the network's creation.
func (l *Lab) vni(ctx context.Context, id string) (vni int, err error) {
	const option = "com.docker.network.driver.overlay.vxlanid_list"
	err = poll(ctx, 10*time.Second, "the number of network "+id, func() (bool, error) {
		api, _, err := l.Manager(ctx)
		if err != nil {
			return false, err
		}
		res, err := api.NetworkInspect(ctx, id, client.NetworkInspectOptions{Scope: "swarm"})
		if err != nil {
			return false, err
		}
		_, err = fmt.Sscan(res.Network.Options[option], &vni)
		return err == nil, err
	})
	return vni, err
}
