package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"fairway/lab"
)

// agents is a Swarm of three nodes that agents look at, and one agent by itself.
func (b *bench) agents(ctx context.Context) error {
	return b.on(ctx, lab.Options{Nodes: 3}, b.deploy, b.idle,
		func(ctx context.Context) error {
			return b.everywhere(ctx, "3 nodes with agents, healthy", 400*time.Millisecond, b.runs)
		}, b.collect, b.crowd)
}

// large is a Swarm of twenty nodes. It must be found healthy ten times in a row.
func (b *bench) large(ctx context.Context) error {
	return b.on(ctx, lab.Options{Nodes: 20}, b.deploy, b.rest,
		func(ctx context.Context) error {
			return b.everywhere(ctx, "20 nodes with agents, healthy", time.Second, max(10, b.runs))
		})
}

// deploy starts a real sshd in every node, and an agent, as an operator does.
func (b *bench) deploy(ctx context.Context) error {
	if err := b.lab.StartSSH(ctx, onNode); err != nil {
		return err
	}
	b.say("deploying agents")
	cmd, err := b.lab.Command(ctx, onNode, "", "env", "HOME=/root", "/lab/fairway", "deploy", "--wait", "3m", "--load", "ssh", "--ssh", "root@{addr}")
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("deploy agents: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// everywhere compares fairway with the loop run on all nodes by ssh.
func (b *bench) everywhere(ctx context.Context, title string, target time.Duration, runs int) error {
	front, err := b.lab.Running(ctx, "web", "")
	if err != nil {
		return err
	}
	back, err := b.lab.Running(ctx, "api", "")
	if err != nil {
		return err
	}
	hosts := []string{"sh", "/lab/everywhere.sh", "web", "api", "8080"}
	for _, n := range b.lab.Nodes {
		hosts = append(hosts, n.Addr)
	}
	b.say("%s, %d times", title, runs)
	r := &row{Case: title, Target: target, By: "the loop on all, by ssh"}
	for i := range runs {
		c, out, err := b.took(ctx, onNode, "", "/lab/fairway", "diagnose", "-o", "json", "web", "api:8080")
		if err != nil {
			return err
		}
		r.Fairway.add(c)
		r.judge("fairway", judgeHealthy(out, c.Exit, len(front)*len(back)))
		if i >= b.runs {
			continue
		}
		if c, out, err = b.took(ctx, onNode, "", hosts...); err != nil {
			return err
		}
		r.Other.add(c)
		r.judge("the loop", judgeEverywhere(string(out), back, len(front)))
	}
	b.out.Rows = append(b.out.Rows, r)
	return nil
}

// collect keeps the whole Swarm of three nodes with its logs in a case, against what people run instead on each host: every
// network inspected, and what every namespace holds listed (moby/libnetwork's support.sh does that, and logs in by hand).
func (b *bench) collect(ctx context.Context) error {
	b.say("a case of 3 nodes, %d times", b.runs)
	r := &row{Case: "a case of 3 nodes, with logs", Target: 2 * time.Second, By: "networks and namespaces listed on one node"}
	for range b.runs {
		c, out, err := b.took(ctx, onNode, "", "/lab/fairway", "collect", "-o", "/lab/bench.fairway")
		if err != nil {
			return err
		}
		r.Fairway.add(c)
		r.judge("fairway", judgeSays(out, c.Exit, "Nothing is missing."))
		if c, out, err = b.took(ctx, onNode, "", "sh", "-c", byHand); err != nil {
			return err
		}
		r.Other.add(c)
		r.judge("by hand", judgeSays(out, c.Exit, "vxlan0"))
	}
	b.out.Rows = append(b.out.Rows, r)
	return nil
}

// judgeSays: it ended well, and said this.
func judgeSays(out []byte, exit int, want string) string {
	if exit != 0 || !bytes.Contains(out, []byte(want)) {
		return fmt.Sprintf("exit code %d, %d bytes, and it does not say %q", exit, len(out), want)
	}
	return ""
}

// byHand lists what support.sh does, on one node.
const byHand = `docker info; docker node ls; docker network ls; docker service ls
for n in $(docker network ls -q); do docker network inspect -v $n; done
for ns in /var/run/docker/netns/*; do for c in 'ip -d link' 'ip addr' 'ip route' 'ip neigh' 'bridge fdb' 'iptables-save -c'; do nsenter --net=$ns $c; done; done
journalctl -u docker -t dockerd --since -11min --no-pager 2>/dev/null || true`

// idle asks the agents for a diagnosis and then leaves them alone, as long as it takes the Swarm to count as steady.
func (b *bench) idle(ctx context.Context) error {
	if _, _, err := b.took(ctx, onNode, "", "/lab/fairway", "diagnose", "web", "api:8080"); err != nil {
		return err
	}
	before, err := b.agentCost(ctx, offNode)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := b.rest(ctx); err != nil {
		return err
	}
	after, err := b.agentCost(ctx, offNode)
	if err != nil {
		return err
	}
	b.out.Rows = append(b.out.Rows, &row{Case: "an agent, idle after a diagnosis", Memory: 15 << 20, Share: 0.001,
		Fairway: series{{Wall: time.Since(start), CPU: after.CPU - before.CPU, Peak: after.Peak}}})
	return nil
}

// agentCost is what a node's agent took since it started; Peak is its resident set now. Both are the kernel's, in
// /proc/PID/stat (in hundredths of a second) and /proc/PID/status.
func (b *bench) agentCost(ctx context.Context, node string) (cost, error) {
	api, err := b.lab.API(node)
	if err != nil {
		return cost{}, err
	}
	all, err := api.ContainerList(ctx, client.ContainerListOptions{Filters: make(client.Filters).Add("label", "fairway=agent")})
	if err != nil || len(all.Items) != 1 {
		return cost{}, fmt.Errorf("find the agent of %s: %d containers: %w", node, len(all.Items), err)
	}
	c, err := api.ContainerInspect(ctx, all.Items[0].ID, client.ContainerInspectOptions{})
	if err != nil {
		return cost{}, err
	}
	pid := strconv.Itoa(c.Container.State.Pid)
	out, err := b.lab.Exec(ctx, node, "cat", "/proc/"+pid+"/stat", "/proc/"+pid+"/status")
	if err != nil {
		return cost{}, err
	}
	return readCost(out)
}

var rss = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// readCost reads stat and status of a process, one after the other.
func readCost(text string) (cost, error) {
	_, rest, _ := strings.Cut(text, ") ") // the name may have blanks
	f := strings.Fields(rest)
	resident := rss.FindStringSubmatch(text)
	if len(f) < 13 || resident == nil {
		return cost{}, fmt.Errorf("read what a process took: unknown format %.40q", text)
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	kib, err3 := strconv.ParseInt(resident[1], 10, 64)
	return cost{CPU: time.Duration(user+system) * 10 * time.Millisecond, Peak: kib << 10}, errors.Join(err, err2, err3)
}

// ask asks the agent of another node for its whole snapshot over TLS.
const ask = `k=$(echo /root/.config/fairway/*); exec curl -sS --cacert "$k/ca.crt" --cert "$k/client.crt" --key "$k/client.key" \
	--connect-to "fairway-agent:9747:$1:9747" -d '{}' https://fairway-agent:9747/v1/look`

// crowd has an agent look at a node with 200 containers.
func (b *bench) crowd(ctx context.Context) error {
	const first = 50
	if err := b.service(ctx, "crowd", offNode, first); err != nil {
		return err
	}
	if err := b.settle(ctx, "crowd", first); err != nil {
		return err
	}
	have, err := b.containers(ctx, offNode)
	if err != nil {
		return err
	}
	if err := b.grow(ctx, "crowd", 100, 150, uint64(200-have+first)); err != nil {
		return err
	}
	if have, err = b.containers(ctx, offNode); err != nil {
		return err
	}
	n, err := b.lab.Node(offNode)
	if err != nil {
		return err
	}
	r := &row{Case: fmt.Sprintf("an agent's snapshot of %d containers", have), Target: 500 * time.Millisecond, By: "one tool a table"}
	b.say("%s, %d times", r.Case, b.runs)
	for range b.runs {
		before, err := b.agentCost(ctx, offNode)
		if err != nil {
			return err
		}
		c, out, err := b.took(ctx, onNode, "", "sh", "-c", ask, "ask", n.Addr)
		if err != nil {
			return err
		}
		after, err := b.agentCost(ctx, offNode)
		if err != nil {
			return err
		}
		r.Fairway.add(cost{Wall: c.Wall, CPU: after.CPU - before.CPU, Peak: after.Peak})
		r.judge("the agent", judgeLook(out, have))
	}
	b.say("the same by a script, once")
	c, _, err := b.took(ctx, offNode, "", "sh", "/lab/support.sh")
	r.Other.add(c)
	b.out.Rows = append(b.out.Rows, r)
	return err
}

// far has the test program of package fleet ask 500 agents that are 20 ms away, both ends in one process. The time is that
// of the questions, CPU and memory are those of both ends and of making them.
func (b *bench) far(ctx context.Context) error {
	r := &row{Case: "asking 500 nodes 20 ms away, both ends", Target: 1500 * time.Millisecond, Memory: 200 << 20}
	b.say("%s, %d times", r.Case, b.runs)
	for range b.runs {
		cmd := exec.CommandContext(ctx, b.fleet, "-test.run=^$", "-test.bench=Far", "-test.benchtime=1x")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("run %s: %w: %s", b.fleet, err, bytes.TrimSpace(out))
		}
		c := spent(cmd)
		if c.Wall, err = perOp(string(out)); err != nil {
			return err
		}
		r.Fairway.add(c)
	}
	b.out.Rows = append(b.out.Rows, r)
	return nil
}

// spent is what a program that has ended took of CPU and memory.
func spent(cmd *exec.Cmd) cost {
	c := cost{CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.Peak = int64(u.Maxrss) << 10
	}
	return c
}

var nsPerOp = regexp.MustCompile(`\s(\d+) ns/op`)

func perOp(text string) (time.Duration, error) {
	m := nsPerOp.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("find the time of a benchmark: no ns/op in %q", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return time.Duration(n), err
}
