package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"fairway/lab"
)

// onNode is where fairway and the loop run; offNode holds the tasks that cannot be reached from there.
const onNode, offNode = "n1", "n2"

// runbook is part U on one node: what fairway does there against the loop that the runbook has people type.
func (b *bench) runbook(ctx context.Context) error {
	return b.on(ctx, lab.Options{Nodes: 3, Bare: true}, b.services, b.healthy, b.fourOfTwelve, b.bigNode, b.fourOfMany, b.start)
}

// services makes one frontend on one node and twelve backends over three.
func (b *bench) services(ctx context.Context) error {
	if _, err := b.lab.CreateNetwork(ctx, "app", nil); err != nil {
		return err
	}
	if err := b.service(ctx, "front", onNode, 1); err != nil {
		return err
	}
	if err := b.service(ctx, "back", "", 12); err != nil {
		return err
	}
	if err := b.settle(ctx, "back", 12); err != nil {
		return err
	}
	return b.rest(ctx)
}

// settle waits until a service runs that many tasks and everybody resolves them.
func (b *bench) settle(ctx context.Context, service string, tasks int) error {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Minute)
	defer cancel()
	for {
		found, err := b.lab.Running(ctx, service, "")
		if err == nil && len(found) == tasks {
			return b.lab.Settle(ctx, 3*time.Minute)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d tasks of %s: %d run: %w", tasks, service, len(found), errors.Join(err, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// service creates a service with any number of tasks on a node.
func (b *bench) service(ctx context.Context, name, node string, tasks int) error {
	s := b.lab.EchoService(name, tasks, []string{"app"}, "-http", ":8080")
	s.TaskTemplate.Placement.MaxReplicas = 0
	if node != "" {
		s.TaskTemplate.Placement.Constraints = []string{"node.hostname==" + node}
	}
	return b.lab.CreateService(ctx, s)
}

// grow changes how many tasks a service has in steps: an engine that starts a hundred containers at once forgets its gossip.
func (b *bench) grow(ctx context.Context, service string, to ...uint64) error {
	for _, n := range to {
		b.say("growing to %d tasks of %s", n, service)
		err := b.lab.UpdateService(ctx, service, func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = &n })
		if err != nil {
			return err
		}
		if err := b.settle(ctx, service, int(n)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) healthy(ctx context.Context) error {
	return b.sweep(ctx, "B: 12 backends, healthy", 300*time.Millisecond, 0)
}

func (b *bench) fourOfTwelve(ctx context.Context) error {
	return b.sweep(ctx, "A: 4 of 12 black-holed", 2600*time.Millisecond, 4)
}

func (b *bench) fourOfMany(ctx context.Context) error {
	if err := b.lab.RemoveService(ctx, "fill"); err != nil {
		return err
	}
	if err := b.grow(ctx, "back", 50, 100, 150, 200); err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	return b.sweep(ctx, "C: 4 of 200 black-holed", 2800*time.Millisecond, 4)
}

// sweep compares fairway with the loop, in turn, while some backends are black-holed.
func (b *bench) sweep(ctx context.Context, title string, target time.Duration, broken int) error {
	front, err := b.lab.Running(ctx, "front", onNode)
	if err != nil || len(front) != 1 {
		return fmt.Errorf("find the frontend: %d tasks: %w", len(front), err)
	}
	ns, err := b.lab.TaskNS(ctx, front[0])
	if err != nil {
		return err
	}
	back, err := b.lab.Running(ctx, "back", "")
	if err != nil {
		return err
	}
	lost, restore, err := b.blackHole(ctx, back, broken)
	if err != nil {
		return err
	}
	b.say("%s, %d times each", title, b.runs)
	r := &row{Case: title, Target: target, Memory: mostMemory, By: "nslookup + nc -zw2"}
	for range b.runs {
		if err := b.pair(ctx, r, ns, back, lost); err != nil {
			return err
		}
	}
	b.out.Rows = append(b.out.Rows, r)
	return restore(ctx)
}

// pair runs fairway once and the loop once.
func (b *bench) pair(ctx context.Context, r *row, ns string, back, lost []lab.Task) error {
	c, out, err := b.took(ctx, onNode, "", "/lab/fairway", "diagnose", "-o", "json", "front", "back:8080")
	if err != nil {
		return err
	}
	r.Fairway.add(c)
	r.judge("fairway", judgeReport(out, c.Exit, lost, len(back)))
	c, out, err = b.took(ctx, onNode, ns, "sh", "/lab/loop.sh", "back", "8080")
	if err != nil {
		return err
	}
	r.Other.add(c)
	r.judge("the loop", judgeLoop(string(out), back, lost))
	return nil
}

// blackHole deletes the forwarding rows of some tasks of offNode on onNode, and proves that they are gone. The function
// it returns writes them back.
func (b *bench) blackHole(ctx context.Context, back []lab.Task, n int) ([]lab.Task, func(context.Context) error, error) {
	var lost []lab.Task
	var del, add []string
	rows, err := b.lab.FDB(ctx, onNode, "app")
	if err != nil {
		return nil, nil, err
	}
	for _, t := range back {
		if len(lost) == n || t.Node != offNode {
			continue
		}
		mac := overlayMAC(t.Addrs["app"])
		i := slices.IndexFunc(rows, func(r lab.FDBRow) bool { return r.MAC == mac })
		if i < 0 {
			return nil, nil, fmt.Errorf("%s has no FDB row for %s of %s", onNode, mac, t.Name)
		}
		lost = append(lost, t)
		del = append(del, fmt.Sprintf("bridge fdb del %s dev vxlan0 dst %s self", mac, rows[i].VTEP))
		add = append(add, fmt.Sprintf("bridge fdb replace %s dev vxlan0 dst %s self permanent", mac, rows[i].VTEP))
	}
	if len(lost) < n {
		return nil, nil, fmt.Errorf("%s runs %d backends: %d are needed", offNode, len(lost), n)
	}
	script := func(lines []string) func(context.Context) error {
		return func(ctx context.Context) error {
			if len(lines) == 0 {
				return nil
			}
			_, err := b.lab.InOverlay(ctx, onNode, "app", "sh", "-ec", strings.Join(lines, "\n"))
			return err
		}
	}
	return lost, script(add), script(del)(ctx)
}

// overlayMAC is the address that engines give an endpoint of an overlay: 02:42 and the IPv4 address.
func overlayMAC(a netip.Addr) string {
	four := a.As4()
	return fmt.Sprintf("02:42:%02x:%02x:%02x:%02x", four[0], four[1], four[2], four[3])
}

// bigNode compares a look at a node that has 22 containers with a script that reads the same.
func (b *bench) bigNode(ctx context.Context) error {
	have, err := b.containers(ctx, onNode)
	if err != nil {
		return err
	}
	fill := max(1, 22-have)
	if err := b.service(ctx, "fill", onNode, fill); err != nil {
		return err
	}
	if err := b.settle(ctx, "fill", fill); err != nil {
		return err
	}
	if have, err = b.containers(ctx, onNode); err != nil {
		return err
	}
	look := &row{Case: fmt.Sprintf("diagnose on a node of %d containers", have), Target: 150 * time.Millisecond, Memory: mostMemory, By: "one tool a table"}
	rules := &row{Case: "the same, script with iptables too", By: "as support.sh"}
	b.say("%s, %d times each", look.Case, b.runs)
	for range b.runs {
		if err := b.lookPair(ctx, look, rules); err != nil {
			return err
		}
	}
	b.out.Rows = append(b.out.Rows, look, rules)
	return nil
}

func (b *bench) lookPair(ctx context.Context, look, rules *row) error {
	c, out, err := b.took(ctx, onNode, "", "/lab/fairway", "diagnose", "-o", "json", "front", "back:8080")
	if err != nil {
		return err
	}
	look.Fairway.add(c)
	rules.Fairway.add(c)
	look.judge("fairway", judgeReport(out, c.Exit, nil, 12))
	if c, _, err = b.took(ctx, onNode, "", "sh", "/lab/support.sh"); err != nil {
		return err
	}
	look.Other.add(c)
	c, _, err = b.took(ctx, onNode, "", "sh", "/lab/support.sh", "rules")
	rules.Other.add(c)
	return err
}

func (b *bench) containers(ctx context.Context, node string) (int, error) {
	api, err := b.lab.API(node)
	if err != nil {
		return 0, err
	}
	all, err := api.ContainerList(ctx, client.ContainerListOptions{})
	return len(all.Items), err
}

// start measures how long the program takes to begin.
func (b *bench) start(ctx context.Context) error {
	r := &row{Case: "fairway version"}
	for range 2 * b.runs {
		c, _, err := b.took(ctx, onNode, "", "/lab/fairway", "version")
		if err != nil {
			return err
		}
		r.Fairway.add(c)
	}
	b.out.Rows = append(b.out.Rows, r)
	return nil
}
