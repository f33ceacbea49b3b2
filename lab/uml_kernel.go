package lab

import (
	"context"
	_ "embed" // the kernel's configuration
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// umlKernel is a kernel that runs as a process.
type umlKernel struct {
	Program string
	Modules string // folder with modules.dep
	Release string
	// NFT tells that it can filter IPv4 with nf_tables; where it cannot, only iptables-legacy works.
	NFT bool
}

//go:embed uml_kernel.config
var umlConfig []byte

// umlSource is the Debian suite whose linux-source is built: the first with a User Mode Linux that uses seccomp instead of
// ptrace, which makes a system call or a page fault inside five to ten times cheaper.
const umlSource = "forky"

// findUMLKernel returns the fast kernel, built once, or what Debian's package user-mode-linux brings: that of bookworm and
// trixie is slow, and that of forky can filter no IPv4 at all.
func findUMLKernel(ctx context.Context, p *progress) (umlKernel, error) {
	if os.Getenv("FAIRWAY_LAB_UML") != "package" {
		dir, err := cached(ctx, p, "uml-"+umlSource+"-1", "User Mode Linux", func(dir string) error { return buildUML(ctx, p, dir) })
		if err == nil {
			return readUMLKernel(filepath.Join(dir, "linux.uml"), filepath.Join(dir, "modules"), true)
		}
		if ctx.Err() != nil {
			return umlKernel{}, err
		}
		p.say("%v\nusing Debian's package user-mode-linux instead, which is slow", err)
	}
	if err := need(ctx, "linux.uml", "user-mode-linux"); err != nil {
		return umlKernel{}, err
	}
	program, err := exec.LookPath("linux.uml")
	if err != nil {
		return umlKernel{}, err
	}
	return readUMLKernel(program, "/usr/lib/uml/modules", false)
}

// readUMLKernel finds the modules: a folder that is called as the kernel's release.
func readUMLKernel(program, modules string, nft bool) (umlKernel, error) {
	found, _ := filepath.Glob(modules + "/*/modules.dep")
	if len(found) == 0 {
		return umlKernel{}, fmt.Errorf("find the modules of %s in %s: there are none", program, modules)
	}
	dir := filepath.Dir(found[len(found)-1])
	return umlKernel{Program: program, Modules: dir, Release: filepath.Base(dir), NFT: nft}, nil
}

// fetchSource lets the suite's own apt bring the source package: it knows the mirror and the keys. What it writes goes
// over the shared root, into the folder work. A mirror that stands still is good enough, as it is for debootstrap.
const fetchSource = `
mkdir -p "$WORK/up" "$WORK/work" "$WORK/root"
mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=$WORK/up,workdir=$WORK/work" "$WORK/root"
mount -t proc proc "$WORK/root/proc"
rm -f "$WORK/root/etc/resolv.conf"
cat /etc/resolv.conf >"$WORK/root/etc/resolv.conf"
chroot "$WORK/root" sh -ec '
	apt-get -qq -o Acquire::Check-Valid-Until=false update
	cd /var/tmp
	apt-get -qq -o APT::Sandbox::User=root download $(apt-cache depends linux-source | sed -n "s/.*Depends: //p")'
`

// buildSource builds a kernel and modules of just what engines and faults need, and leaves nothing else in DIR.
const buildSource = `
cd "$WORK"
dpkg-deb --fsys-tarfile up/var/tmp/linux-source-*.deb | tar -xO --wildcards './usr/src/linux-source*.tar.xz' | xz -dc | tar -x
cd linux-source-*
make -s ARCH=um defconfig
cat "$CONFIG" >>.config
make -s ARCH=um olddefconfig
make -s -j"$(nproc)" ARCH=um linux modules
make -s ARCH=um INSTALL_MOD_PATH="$WORK/installed" modules_install
mv linux "$DIR/linux.uml"
strip -g "$DIR/linux.uml"
mv "$WORK/installed/lib/modules" "$DIR/modules"
rm -f "$DIR"/modules/*/build "$DIR"/modules/*/source
`

// buildUML fills dir with linux.uml and modules/RELEASE. It takes some minutes.
func buildUML(ctx context.Context, p *progress, dir string) error {
	tools := map[string]string{"gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc", "xz": "xz-utils",
		"depmod": "kmod", "dpkg-deb": "dpkg", "unshare": "util-linux"}
	for program, packet := range tools {
		if err := need(ctx, program, packet, "libc6-dev"); err != nil {
			return err
		}
	}
	root, err := rootOf(ctx, p, umlSource)
	if err != nil {
		return err
	}
	work, config := filepath.Join(dir, "work"), filepath.Join(dir, "config")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(config, umlConfig, 0o644); err != nil {
		return err
	}
	for _, script := range []string{fetchSource, buildSource} {
		cmd := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-ec", script)
		cmd.Env = append(os.Environ(), "ROOT="+root, "WORK="+work, "DIR="+dir, "CONFIG="+config, "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
		if err := quiet(cmd); err != nil {
			return err
		}
	}
	return os.RemoveAll(work)
}

// rootOf is the root of a Debian suite that some engine lives in.
func rootOf(ctx context.Context, p *progress, suite string) (string, error) {
	for _, e := range engineKinds() {
		if e.suite == suite && e.moby == "" {
			lower, err := e.lower(ctx, p)
			return strings.Join(lower, ""), err
		}
	}
	return "", errors.New("no engine lives in Debian " + suite)
}
