package lab

import (
	"context"
	"time"
)

// hostStarvation puts another node's engine into a control group that gives it 2 ms of a processor a second.
func hostStarvation() Fault {
	return Fault{
		ID:      "host-starvation",
		Doc:     "another node's engine gets next to nothing of a processor: it answers gossip too late",
		Layer:   "K",
		TwoEnds: true,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			if err := l.victim(ctx, d); err != nil {
				return err
			}
			if err := l.noteRowCounts(ctx, d); err != nil {
				return err
			}
			if err := d.Note("limited", d.Peer); err != nil {
				return err
			}
			group := l.starvedGroup(d.Peer)
			script := "mkdir -p " + group + "; echo 1000000 >" + group + "/cpu.cfs_period_us; echo 2000 >" + group + "/cpu.cfs_quota_us; echo $(cat /run/docker.pid) >" + group + "/cgroup.procs"
			if _, err := l.Exec(ctx, d.Peer, "sh", "-ec", script); err != nil {
				return err
			}
			return l.expectSaid(ctx, d.Peer, "Refuting a suspect message|healthscore:[1-9]", 2, 3*time.Minute)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			if d.Notes["limited"] == "" {
				return nil
			}
			group := l.starvedGroup(d.Notes["limited"])
			script := "if [ -d " + group + " ]; then for p in $(cat " + group + "/cgroup.procs); do echo $p >" + group + "/../cgroup.procs; done; rmdir " + group + "; fi"
			if _, err := l.Exec(ctx, d.Notes["limited"], "sh", "-ec", script); err != nil {
				return err
			}
			if err := l.wholeAgain(ctx, d); err != nil {
				return err
			}
			return l.forgetSaid(ctx)
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.ask(Cause{ID: "host-starvation", Node: d.Peer, Kind: "node", Name: d.Peer})
		},
	}
}

// starvedGroup is the control group for an engine, of the first version of the hierarchy.
func (l *Lab) starvedGroup(node string) string {
	return "/sys/fs/cgroup/cpu/" + object(l.Name, node) + "-starved"
}
