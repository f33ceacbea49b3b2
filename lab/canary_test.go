package lab_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/moby/moby/api/types/container"

	"fairway/lab"
)

// TestNothingSecretInACase plants secrets wherever a Swarm holds any, takes a case
// by agents and by ssh, and looks for each of them in everything that fairway
// wrote, kept, said and sent. The machine's kernel may lack ESP: keys of encrypted
// networks are in the engines' logs then.
func TestNothingSecretInACase(t *testing.T) {
	nothingSecret(t, "canary")
}

// TestNothingSecretOfEncryption is the same where kernels hold keys.
func TestNothingSecretOfEncryption(t *testing.T) {
	need(t)
	buildForInside(t)
	if lab.RunInUML(t, "ip_vs", "esp4", "xfrm_user") {
		return
	}
	nothingSecret(t, "canaryesp")
}

func nothingSecret(t *testing.T, name string) {
	o := options(name)
	o.EngineArgs = []string{"--debug"}
	if engine := o.Engines[0]; engine != "20.10" { // which knows no such flag
		o.EngineArgs = append(o.EngineArgs, "--http-proxy=http://proxyuser:"+planted("proxy")+"@10.77.0.250:3128", "--no-proxy=127.0.0.0/8")
	}
	l := withFairway(t, o)
	c := &canaries{t: t, l: l, list: map[string]string{"proxy of the engines": planted("proxy")}}
	c.lock()
	c.plantServices()
	c.plantFiles()
	c.gather()
	for _, way := range []struct {
		name string
		args []string
	}{
		{"alone", nil},
		{"ssh", []string{"--ssh", "root@{addr}", "--all-nodes"}},
		{"agents", []string{"--with-agents", "--all-nodes"}},
	} {
		t.Run(way.name, func(t *testing.T) { c.taken(t, way.name, way.args) })
	}
	t.Run("redacted", c.redacted)
	c.gather() // what came to be meanwhile
	t.Logf("%d secrets; as they are, %d stand in the engines' logs", len(c.list), c.inLogs())
	for _, form := range []string{"md", "text", "json", "junit"} {
		c.run(t, "report as "+form, []string{"diagnose", "--case", "/lab/out/agents.fairway", "-o", form, "web", "api:8080"})
	}
	t.Run("traffic", func(t *testing.T) {
		if all := c.files(t, "wire"); !strings.Contains(all, `"Kernel"`) || !strings.Contains(all, "time=") {
			t.Errorf("%d bytes of agents' answers hold no facts: the test sees nothing", len(all))
		} else {
			c.search(t, "what agents sent over ssh", all)
		}
	})
}

// canaries are secrets by where they were planted.
type canaries struct {
	t    *testing.T
	l    *lab.Lab
	list map[string]string
	// logs are the engines', as they wrote them.
	logs string
}

// planted is a secret that nothing else resembles.
func planted(what string) string { return "cAnArY" + hex.EncodeToString([]byte(what)) + "x9Q" }

func (c *canaries) plant(where string) string {
	p := planted(where)
	c.list[where] = p
	return p
}

// on runs a shell script on a node.
func (c *canaries) on(node, script string) string {
	c.t.Helper()
	out, err := c.l.Exec(c.t.Context(), node, "sh", "-c", script)
	if err != nil {
		c.t.Fatalf("on %s: %s: %v", node, script, err)
	}
	return out
}

// lock has the managers ask for a key when they start.
func (c *canaries) lock() {
	c.on("n1", "docker swarm update --autolock=true >/dev/null")
	c.list["unlock key"] = strings.TrimSpace(c.on("n1", "docker swarm unlock-key -q"))
	for _, role := range []string{"worker", "manager"} {
		token := strings.TrimSpace(c.on("n1", "docker swarm join-token -q "+role))
		c.list["join token of a "+role] = token
		c.list["secret of the join token of a "+role] = token[strings.LastIndexByte(token, '-')+1:]
	}
}

// plantServices creates services, containers and networks with secrets in all their
// options, some of which fail to start, and names the secret in the error.
func (c *canaries) plantServices() {
	t := c.t
	image := strings.TrimSpace(c.on("n1", `docker service inspect -f '{{.Spec.TaskTemplate.ContainerSpec.Image}}' api`))
	auth := base64.StdEncoding.EncodeToString([]byte("user:" + c.plant("registry auth")))
	c.list["registry auth, encoded"] = auth
	c.on("n1", fmt.Sprintf(`mkdir -p /root/.docker; printf '%%s' '{"auths":{"registry.invalid":{"auth":"%s"},"https://index.docker.io/v1/":{"auth":"%s"}}}' >/root/.docker/config.json`, auth, auth))
	c.on("n1", "printf %s "+c.plant("secret")+" | docker secret create x-secret - >/dev/null")
	c.on("n1", "printf %s "+c.plant("config")+" | docker config create x-config - >/dev/null")
	c.on("n1", "docker node update --label-add token="+c.plant("node label")+" n2 >/dev/null")
	c.on("n1", "docker network create -d overlay --attachable --opt encrypted --label api-token="+c.plant("network label")+" x-secret-net >/dev/null")
	service := "docker service create --detach --quiet --endpoint-mode dnsrr --network x-secret-net --with-registry-auth"
	c.on("n1", service+strings.Join([]string{" --name x-full --mode global --secret x-secret --config x-config",
		"-e DB_PASSWORD=" + c.plant("service environment"), "-l deploy-token=" + c.plant("service label"), "--container-label access_token=" + c.plant("container label"),
		"--log-driver json-file --log-opt tag=" + c.plant("log option"), "--hostname h" + strings.ToLower(hex.EncodeToString([]byte("n"))),
		"--health-cmd '" + c.plant("health command") + "' --health-interval 1s --health-retries 1000",
		image, "/echo -tcp :9000 with " + c.plant("argument") + " --password=" + c.plant("another argument")}, " "))
	c.on("n1", service+" --name x-noprogram --restart-max-attempts 2 "+image+" DB_PASSWORD="+c.plant("program that is none"))
	c.on("n1", service+` --name x-mount --restart-max-attempts 2 --mount 'type=volume,source=x-share,target=/mnt,volume-driver=local,volume-opt=type=cifs,`+
		`volume-opt=device=//10.77.0.11/x,"volume-opt=o=addr=10.77.0.11,username=u,password=`+c.plant("mount option")+`"' `+image+" /echo -tcp :9000")
	c.on("n2", "docker run -d --name x-alone --network x-secret-net -e API_KEY="+c.plant("container environment")+" -l secret="+c.plant("label of a container")+
		" --entrypoint /echo "+strings.Split(image, "@")[0]+" -tcp :9000 "+c.plant("argument of a container")+" >/dev/null")
	c.on("n1", `for i in $(seq 100); do [ "$(docker service ps -q -f desired-state=running x-full | wc -l)" -ge 3 ] && docker service ps x-noprogram --format '{{.CurrentState}}' | grep -qE 'Rejected|Failed' && docker service ps x-mount --format '{{.CurrentState}}' | grep -qE 'Rejected|Failed' && exit 0; sleep 0.3; done; exit 1`)
	c.plantHealth()
	t.Log(c.on("n1", "docker service ps --no-trunc --format '{{.Name}} {{.CurrentState}} {{.Error}}' x-full x-noprogram x-mount"))
	_, _ = c.l.Exec(t.Context(), "n3", "docker", "pull", "-q", "registry.invalid/x:"+strings.ToLower(c.plant("tag")))
	if _, err := c.l.Exec(t.Context(), "n1", "docker", "swarm", "update", "--cert-expiry", "2161h"); err != nil {
		t.Log(err)
	}
}

// plantHealth starts a service whose health check prints a secret: what the
// workload says of a flag that it does not know.
func (c *canaries) plantHealth() {
	s := c.l.EchoService("x-health", 1, nil, "-tcp", ":9000")
	s.TaskTemplate.ContainerSpec.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/echo", "-" + c.plant("health check")}, Interval: time.Second, Retries: 1000}
	s.TaskTemplate.Placement.Constraints = []string{"node.hostname==n2"}
	if err := c.l.CreateService(c.t.Context(), s); err != nil {
		c.t.Fatal(err)
	}
	c.on("n2", `for i in $(seq 100); do docker inspect -f '{{json .State.Health}}' $(docker ps -q -f name=x-health) | grep -q `+planted("health check")+` && exit 0; sleep 0.2; done; exit 1`)
}

// plantFiles makes the agents' own keys, sshd, and the way by which what agents send is
// written down.
func (c *canaries) plantFiles() {
	if err := c.l.LoadAgents(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	if err := c.l.StartSSH(c.t.Context(), "n1"); err != nil {
		c.t.Fatal(err)
	}
	c.on("n1", `mkdir -p /lab/bin /lab/wire /lab/out && printf '#!/bin/sh\n/usr/bin/ssh "$@" | tee /lab/wire/$$\n' >/lab/bin/ssh && chmod +x /lab/bin/ssh`)
}

// The forms in which engines print keys: NetworkDB's list of bytes, and what kernel
// state they could not set or are about to.
var (
	keyLists = regexp.MustCompile(`Keys:\[((?:\[[0-9 ]+\] ?)+)\]`)
	keyBytes = regexp.MustCompile(`\[([0-9 ]+)\]`)
	keyTexts = regexp.MustCompile(`[Kk]ey: ?(?:0x)?([0-9a-f]{16,})`)
	keyState = regexp.MustCompile(`(?:auth-trunc|enc|aead|auth) \S+ 0x([0-9a-f]{16,})`)
	pemLines = regexp.MustCompile(`(?m)^[A-Za-z0-9+/=]{40,}$`)
)

// gather reads the real keys of the Swarm.
func (c *canaries) gather() {
	c.logs = ""
	for _, n := range c.l.Nodes {
		log, err := os.ReadFile(c.l.Log(n.Name))
		if err != nil {
			c.t.Fatal(err)
		}
		c.logs += string(log)
		state := c.on(n.Name, "ip xfrm state 2>/dev/null || true")
		for i, m := range keyState.FindAllStringSubmatch(state, -1) {
			c.list[fmt.Sprintf("key %d in the kernel of %s", i, n.Name)] = m[1]
		}
		keys := c.on(n.Name, "cat /var/lib/docker/swarm/certificates/*.key /root/.config/fairway/*/*.key /root/.config/fairway/* /root/.ssh/id_ed25519 2>/dev/null || true")
		if i := strings.Index(keys, "PRIVATE KEY"); i >= 0 {
			for i, m := range pemLines.FindAllString(keys, -1) {
				c.list[fmt.Sprintf("line %d of the keys of %s", i, n.Name)] = m
			}
		}
	}
	for i, m := range keyTexts.FindAllStringSubmatch(c.logs, -1) {
		c.list[fmt.Sprintf("key %d in the logs", i)] = m[1]
	}
	for _, m := range keyLists.FindAllStringSubmatch(c.logs, -1) {
		for _, k := range keyBytes.FindAllStringSubmatch(m[1], -1) {
			c.list["gossip key "+k[1]] = string(bytesOf(k[1]))
		}
	}
	if c.t.Context().Err() == nil && !keyLists.MatchString(c.logs) {
		c.t.Error("no engine printed its gossip keys: the test sees nothing")
	}
}

// inLogs counts the secrets that engines logged: what masks has something to do.
func (c *canaries) inLogs() (n int) {
	for _, secret := range c.list {
		if strings.Contains(c.logs, secret) {
			n++
		}
	}
	return n
}

func bytesOf(list string) (out []byte) {
	for _, f := range strings.Fields(list) {
		n, _ := strconv.Atoi(f)
		out = append(out, byte(n))
	}
	return out
}

// taken takes a case in one way and searches all that came of it.
func (c *canaries) taken(t *testing.T, name string, args []string) {
	c.run(t, name, append([]string{"collect", "--since", "2h", "-o", "/lab/out/" + name + ".fairway"}, args...))
	c.run(t, name+" saved", append([]string{"diagnose", "--since", "2h", "--save", "/lab/out/" + name + "-saved.fairway", "-o", "json", "web", "api:8080"}, args...))
	for _, part := range []string{"", "-saved"} {
		path := filepath.Join(c.l.Dir, "out", name+part+".fairway")
		all := unpacked(t, path)
		if !bytes.Contains(all, []byte("x-full")) || !bytes.Contains(all, []byte("level=debug")) {
			t.Errorf("%s: %d bytes without the services or the logs: the test sees nothing", path, len(all))
		}
		c.search(t, filepath.Base(path), string(all))
	}
}

// unpacked is a case without its compression.
func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	press, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer press.Close()
	all, err := io.ReadAll(press)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// redacted takes a case that names nobody, and looks for names, addresses and IDs.
func (c *canaries) redacted(t *testing.T) {
	path := filepath.Join(c.l.Dir, "out", "redacted.fairway")
	c.run(t, "redacted", []string{"collect", "--since", "2h", "--redact", "-o", "/lab/out/redacted.fairway", "--ssh", "root@{addr}", "--all-nodes"})
	all := string(unpacked(t, path))
	originals := strings.Fields(c.on("n1", `docker node ls -q; docker service ls -q --no-trunc; docker network ls -q --no-trunc; docker ps -q --no-trunc; docker info -f '{{.ID}} {{.Swarm.Cluster.ID}}'
		ip -o link | grep -o 'link/ether [^ ]*' | cut -d' ' -f2`))
	originals = append(originals, "x-full", "x-noprogram", "x-mount", "x-health", "x-alone", "x-secret-net", "10.77.0.11", "10.77.0.12", "10.77.0.13", "02:42:0a:4d:00:0b")
	for _, o := range originals {
		if at := strings.Index(all, o); at >= 0 {
			t.Errorf("the redacted case tells %s: …%s…", o, all[max(0, at-150):at+len(o)+20])
		}
	}
	info, err := os.Stat(path + ".aliases.json")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("who is who: %v, %v", info, err)
	}
}

// run runs fairway on n1 and searches what it says.
func (c *canaries) run(t *testing.T, what string, args []string) {
	t.Helper()
	cmd, err := c.l.Command(t.Context(), "n1", "", append([]string{"env", "HOME=/root", "PATH=/lab/bin:/usr/sbin:/usr/bin:/sbin:/bin", "/lab/fairway"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code == 1 || code == 2 {
		t.Fatalf("%v: exit %d\n%s", args, code, out)
	}
	c.search(t, what+": what it said", string(out))
}

// files is all that is in a folder of the lab.
func (c *canaries) files(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(c.l.Dir, dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

// search looks for every secret in every form, in one pass: there are thousands.
func (c *canaries) search(t *testing.T, where, text string) {
	t.Helper()
	type needle struct{ what, form, text string }
	heads := map[[8]byte][]needle{}
	for what, secret := range c.list {
		for form, s := range forms(secret) {
			heads[[8]byte([]byte(s))] = append(heads[[8]byte([]byte(s))], needle{what, form, s})
		}
	}
	var head [8]byte
	for i := 0; i+len(head) <= len(text); i++ {
		copy(head[:], text[i:])
		for _, n := range heads[head] {
			if strings.HasPrefix(text[i:], n.text) {
				t.Errorf("%s holds the %s, as %s: …%s…", where, n.what, n.form, text[max(0, i-200):min(len(text), i+len(n.text)+40)])
			}
		}
	}
}

// forms are the ways in which programs print a secret.
func forms(secret string) map[string]string {
	out := map[string]string{"it is": secret, "hex": hex.EncodeToString([]byte(secret)), "capital hex": strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	quoted, _ := json.Marshal(secret)
	out["JSON"] = string(quoted[1 : len(quoted)-1])
	var decimal, hexes []string
	raw := []byte(secret)
	if b, err := hex.DecodeString(secret); err == nil && len(b) >= 8 {
		raw = b
		out["base64 of its bytes"] = inBase64(string(b), 0)
	}
	for _, b := range raw {
		decimal, hexes = append(decimal, fmt.Sprint(b)), append(hexes, fmt.Sprintf("%#x", b))
	}
	out["bytes"], out["bytes with commas"], out["hexadecimal bytes"] = strings.Join(decimal, " "), strings.Join(decimal, ","), strings.Join(hexes, ", ")
	for i := range 3 {
		out[fmt.Sprint("base64 from byte ", i)] = inBase64(secret, i)
	}
	for form, s := range out {
		if len(s) < 8 || form != "it is" && s == secret {
			delete(out, form)
		}
	}
	return out
}

// inBase64 is the part of a secret's base64 that does not depend on what stands
// around it, when so many bytes stand before it.
func inBase64(secret string, before int) string {
	skip := (3 - before) % 3
	if len(secret) < skip+6 {
		return ""
	}
	whole := secret[skip : len(secret)-(len(secret)-skip)%3]
	return base64.RawStdEncoding.EncodeToString([]byte(whole))
}
