package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// engineKind is one engine that a node can run.
type engineKind struct {
	name  string
	suite string // Debian suite whose root it lives in; empty: the machine's own root
	moby  string // version of github.com/moby/moby/v2 laid over that root; empty: the suite's own engine
	says  string // the version that such an engine reports
}

func engineKinds() []engineKind {
	return []engineKind{
		{name: "20.10", suite: "bookworm"},
		{name: "26.1", suite: "trixie"},
		{name: "28.5", suite: "forky"},
		{name: "29", suite: "forky", moby: "v2.0.0-beta.24", says: "29.0.0-beta.24"},
		{name: "host"},
	}
}

// Engines lists the names that [Options.Engines] takes.
func Engines() []string {
	var names []string
	for _, e := range engineKinds() {
		names = append(names, e.name)
	}
	return names
}

func findEngine(name string) (engineKind, error) {
	for _, e := range engineKinds() {
		if e.name == name {
			return e, nil
		}
	}
	return engineKind{}, fmt.Errorf("engine %q: there are %s", name, strings.Join(Engines(), ", "))
}

// lower returns the folders that a node's root is laid over, topmost first, and makes them if they are not there yet.
func (e engineKind) lower(ctx context.Context, p *progress) ([]string, error) {
	if e.suite == "" {
		if _, err := exec.LookPath("dockerd"); err != nil {
			return nil, errors.New("engine host: this machine has no dockerd: install one, or choose another --engine")
		}
		return []string{"/"}, nil
	}
	root, err := cached(ctx, p, "rootfs-"+e.suite+"-3", "root of Debian "+e.suite, func(dir string) error {
		return debootstrap(ctx, e.suite, dir)
	})
	if err != nil || e.moby == "" {
		return []string{root}, err
	}
	own, err := cached(ctx, p, "moby-"+e.moby+"-1", "engine "+e.says, func(dir string) error {
		return e.goInstall(ctx, dir)
	})
	return []string{own, root}, err
}

// debootstrap fills dir with a root that has an engine and the tools that faults and oracles use.
func debootstrap(ctx context.Context, suite, dir string) error {
	if err := need(ctx, "debootstrap", "debootstrap", "debian-archive-keyring"); err != nil {
		return err
	}
	packages := "docker.io,openssh-server,openssh-client,sudo,iptables,ipvsadm,iproute2,busybox-static,kmod,procps,curl,netcat-openbsd,bind9-dnsutils,gawk," +
		"tcpdump,conntrack,nftables,zstd,systemd"
	if suite != "bookworm" { // there the client is part of docker.io
		packages += ",docker-cli"
	}
	args := []string{"--variant=minbase", "--include=" + packages, suite, dir}
	script := "/usr/share/debootstrap/scripts/" + suite
	mirror := debianMirror()
	if _, err := os.Stat(script); err != nil { // a suite younger than this debootstrap: all new suites share sid's script
		script = "/usr/share/debootstrap/scripts/sid"
	}
	if mirror != "" {
		args = append(args, mirror, script)
	} else if filepath.Base(script) == "sid" {
		args = append(args, "", script)
	}
	cmd := exec.CommandContext(ctx, "debootstrap", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	// In a mount namespace of its own whatever it leaves mounted when killed goes away with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return quiet(cmd)
}

// need installs a program that is missing, where there is apt-get to do it with.
func need(ctx context.Context, program string, packages ...string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is missing and there is no apt-get to install it with: install %s", program, packages[0])
	}
	_ = quiet(exec.CommandContext(ctx, "apt-get", "-q", "update")) // if this fails the next line says why
	return quiet(exec.CommandContext(ctx, "apt-get", append([]string{"-qy", "--no-install-recommends", "install"}, packages...)...))
}

// debianMirror is the mirror this machine itself uses, if it is a Debian; empty lets debootstrap use its own default.
func debianMirror() string {
	if b, err := os.ReadFile("/etc/os-release"); err != nil || !bytes.Contains(b, []byte("\nID=debian\n")) {
		return ""
	}
	for _, file := range []string{"/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if m := firstMirror(b); m != "" {
			return m
		}
	}
	return ""
}

// firstMirror reads both forms of apt's sources: "URIs: URL" and "deb [options] URL suite …".
func firstMirror(sources []byte) string {
	sc := bufio.NewScanner(bytes.NewReader(sources))
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 2 || f[0] != "URIs:" && f[0] != "deb" {
			continue
		}
		for _, word := range f[1:] {
			if strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://") {
				return word
			}
		}
	}
	return ""
}

// goInstall builds an engine that no Debian suite has yet.
func (e engineKind) goInstall(ctx context.Context, dir string) error {
	const module = "github.com/moby/moby/v2"
	cmd := exec.CommandContext(ctx, "go", "install",
		"-ldflags", "-X "+module+"/dockerversion.Version="+e.says,
		module+"/cmd/dockerd@"+e.moby, module+"/cmd/docker-proxy@"+e.moby)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+filepath.Join(dir, "usr/sbin"), "GOFLAGS=", "GOWORK=off",
		"GOOS=", "GOARCH=")
	cmd.Dir = dir // outside of any module
	return quiet(cmd)
}

// quiet runs a command and shows its last lines only if it fails.
func quiet(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	lines = lines[max(0, len(lines)-8):]
	return fmt.Errorf("run %s: %w:\n%s", strings.Join(cmd.Args, " "), err, strings.Join(lines, "\n"))
}
