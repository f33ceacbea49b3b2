package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
)

// Options say what is to run on the nodes.
type Options struct {
	// Image is the reference that every node runs.
	Image string
	// Hash is the SHA-256 of the binary in it, in hex; empty when the image is a
	// site's own and may hold another build.
	Hash string
	// Arch limits the service to nodes of one architecture, as images name it;
	// empty: the image is for all.
	Arch string
	// Port is what agents listen on; 0: Port.
	Port uint16
	// NetnsDir is the nodes' folder of namespace handles; empty: NetnsDir.
	NetnsDir string
	// VolatileJournal mounts the journal of hosts that keep none on disk; a host
	// without the folder rejects the agent.
	VolatileJournal bool
	// EngineLog is a text log of the engines elsewhere than below /var/log; its
	// folder is mounted, since a rotated log is another file. Empty: none.
	EngineLog string
	// KernelRing lets agents read the kernel's ring buffer, for hosts that write
	// kernel lines into no log.
	KernelRing bool
}

// NetnsDir is where engines keep the handles of namespaces unless they were
// started with another --exec-root.
const NetnsDir = "/var/run/docker/netns"

const (
	engineSocket    = "/var/run/docker.sock"
	logs            = "/var/log"
	volatileJournal = "/run/log/journal"
	// memory is several times what an agent needs on a node with 200 containers.
	memory = 128 << 20
	// retry is how long Swarm waits before it starts an agent again.
	retry = 5 * time.Second
)

func (o Options) port() uint16 {
	if o.Port == 0 {
		return Port
	}
	return o.Port
}

func (o Options) netnsDir() string {
	if o.NetnsDir == "" {
		return NetnsDir
	}
	return o.NetnsDir
}

// granted are the capabilities an agent keeps; docs/security.md names the code
// that needs each. CapabilityDrop is ALL.
func (o Options) granted() []string {
	caps := []string{
		"CAP_DAC_READ_SEARCH", // logs that only the group adm or the user syslog may read
		"CAP_NET_ADMIN",       // packet filters and IPVS: the kernel shows them to nobody else
		"CAP_NET_RAW",         // packet sockets that watch gossip and the data path
		"CAP_SYS_ADMIN",       // setns into the containers' namespaces
	}
	if o.KernelRing {
		caps = append(caps, "CAP_SYSLOG") // the ring buffer where kernel.dmesg_restrict is set
	}
	return caps
}

// mounts are all read-only, and none may be of a path that could be absent: an
// engine rejects a task for that.
func (o Options) mounts() []mount.Mount {
	bind := func(dir string, p mount.Propagation) mount.Mount {
		return mount.Mount{Type: mount.TypeBind, Source: dir, Target: dir, ReadOnly: true, BindOptions: &mount.BindOptions{Propagation: p}}
	}
	// rslave: handles that appear later are seen, too. Engines refuse it for what is
	// on no shared mount, so it is asked for only where it is needed.
	out := []mount.Mount{bind(o.netnsDir(), mount.PropagationRSlave), bind(engineSocket, mount.PropagationRPrivate), bind(logs, mount.PropagationRPrivate)}
	if o.VolatileJournal {
		out = append(out, bind(volatileJournal, mount.PropagationRPrivate))
	}
	if dir := path.Dir(o.EngineLog); o.EngineLog != "" && dir != logs && !strings.HasPrefix(dir, logs+"/") {
		out = append(out, bind(dir, mount.PropagationRPrivate))
	}
	return out
}

func (o Options) args() []string {
	args := []string{"agent", "--listen", ":" + strconv.Itoa(int(o.port())), "--netns-dir", o.netnsDir()}
	if o.EngineLog != "" {
		args = append(args, "--engine-log", o.EngineLog)
	}
	if o.KernelRing {
		args = append(args, "--kernel-ring")
	}
	for _, part := range parts {
		args = append(args, "--"+part, "/run/secrets/"+secretPrefix+part)
	}
	return args
}

// generation is one set of keys as Swarm holds it.
type generation struct {
	number int
	// ca is the CA's fingerprint.
	ca string
	// secrets are their IDs in the order of parts.
	secrets []string
}

// parts are the secrets of an agent; each is also the name of its flag.
var parts = []string{"ca", "cert", "key"}

const secretPrefix = "fairway-"

func secretName(part string, generation int) string {
	return fmt.Sprintf("%s%s-%d", secretPrefix, part, generation)
}

// spec is the whole service. newPrivileges is false where the managers' API
// knows no such setting (before 1.44).
func (o Options) spec(g generation, noNewPrivileges bool) swarm.ServiceSpec {
	grace, delay := 3*time.Second, retry
	container := &swarm.ContainerSpec{
		Image: o.Image, Labels: map[string]string{Label: LabelValue}, Command: []string{inImage}, Args: o.args(),
		User: "0:0", ReadOnly: true, StopGracePeriod: &grace, Mounts: o.mounts(),
		CapabilityDrop: []string{"ALL"}, CapabilityAdd: o.granted(),
	}
	if noNewPrivileges {
		container.Privileges = &swarm.Privileges{NoNewPrivileges: true}
	}
	for i, part := range parts {
		container.Secrets = append(container.Secrets, &swarm.SecretReference{
			SecretID: g.secrets[i], SecretName: secretName(part, g.number),
			File: &swarm.SecretReferenceFileTarget{Name: secretPrefix + part, UID: "0", GID: "0", Mode: 0o400}})
	}
	placement := &swarm.Placement{}
	if o.Arch != "" {
		placement.Platforms = []swarm.Platform{{Architecture: o.Arch, OS: "linux"}}
	}
	return swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: Service, Labels: o.labels(g)},
		Mode:        swarm.ServiceMode{Global: &swarm.GlobalService{}},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: container, Placement: placement,
			Resources:     &swarm.ResourceRequirements{Limits: &swarm.Limit{MemoryBytes: memory}},
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &delay},
			Networks:      []swarm.NetworkAttachmentConfig{{Target: "host"}},
		},
		// All at once: an agent carries nobody's traffic.
		UpdateConfig: &swarm.UpdateConfig{Parallelism: 0, FailureAction: swarm.UpdateFailureActionContinue, Order: swarm.UpdateOrderStopFirst},
	}
}

func (o Options) labels(g generation) map[string]string {
	l := map[string]string{Label: LabelValue, LabelCA: g.ca, LabelPort: strconv.Itoa(int(o.port())), LabelGeneration: strconv.Itoa(g.number)}
	if o.Hash != "" {
		l[LabelHash] = o.Hash
	}
	return l
}

// differences names what of a service is not as wanted: empty when it is. Fields
// that an engine fills in by itself are not compared.
func differences(got, want swarm.ServiceSpec) []string {
	if got.TaskTemplate.ContainerSpec == nil || got.Mode.Global == nil {
		return []string{"kind of service"}
	}
	g, w := got.TaskTemplate.ContainerSpec, want.TaskTemplate.ContainerSpec
	var out []string
	for _, c := range []struct {
		what string
		a, b any
	}{
		{"image", g.Image, w.Image},
		{"command", [][]string{g.Command, g.Args}, [][]string{w.Command, w.Args}},
		{"user", g.User, w.User},
		{"read-only root", g.ReadOnly, w.ReadOnly},
		{"no new privileges", g.Privileges != nil && g.Privileges.NoNewPrivileges, w.Privileges != nil},
		{"capabilities", [][]string{sorted(g.CapabilityAdd), g.CapabilityDrop}, [][]string{sorted(w.CapabilityAdd), w.CapabilityDrop}},
		{"mounts", g.Mounts, w.Mounts},
		{"secrets", g.Secrets, w.Secrets},
		{"memory limit", limit(got), limit(want)},
		{"architectures", platforms(got), platforms(want)},
		{"network", len(got.TaskTemplate.Networks), len(want.TaskTemplate.Networks)},
		{"labels", got.Labels, want.Labels},
	} {
		if !sameJSON(c.a, c.b) {
			out = append(out, c.what)
		}
	}
	return out
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.SortFunc(s, strings.Compare)
	return s
}

func limit(s swarm.ServiceSpec) int64 {
	if r := s.TaskTemplate.Resources; r != nil && r.Limits != nil {
		return r.Limits.MemoryBytes
	}
	return 0
}

func platforms(s swarm.ServiceSpec) []swarm.Platform {
	if p := s.TaskTemplate.Placement; p != nil && len(p.Platforms) > 0 {
		return p.Platforms
	}
	return nil
}

func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
