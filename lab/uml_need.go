package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// T is what [RunInUML] needs of a *testing.T.
type T interface {
	Helper()
	Name() string
	Context() context.Context
	Logf(format string, args ...any)
	Skipf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// RunInUML runs the calling test inside User Mode Linux when this machine's kernel lacks one of the modules, and tells so:
//
//	if lab.RunInUML(t, "ip_vs") {
//		return // this test has run, and passed or failed, inside
//	}
//
// The test binary is the same one, in the same folder, with the same environment; only what a test writes outside of
// t.TempDir() is lost. One User Mode Linux is booted for all tests of a package, and ends with it. The package's TestMain
// must call [MaybeChild] first.
func RunInUML(t T, modules ...string) bool {
	t.Helper()
	if InUML() {
		if err := loadModules(modulesFolder(), modules...); err != nil {
			t.Fatalf("%v", err)
		}
		return false
	}
	missing := slices.DeleteFunc(modules, kernelHas)
	if len(missing) == 0 {
		return false
	}
	if os.Getuid() != 0 {
		if slices.Contains(strings.Split(os.Getenv("REQUIRE"), ","), "uml") {
			t.Fatalf("User Mode Linux needs root, and REQUIRE promises it")
		}
		t.Skipf("this kernel lacks %s, and User Mode Linux needs root", strings.Join(missing, ", "))
		return true
	}
	u, err := testUML(t.Context())
	if err != nil {
		t.Fatalf("this kernel lacks %s: %v", strings.Join(missing, ", "), err)
		return true
	}
	runTest(t, u)
	return true
}

// kernelHas tells whether a module is built in, loaded or there to be loaded.
func kernelHas(module string) bool {
	if _, err := os.Stat("/sys/module/" + module); err == nil {
		return true
	}
	for _, list := range []string{"modules.dep", "modules.builtin"} {
		b, _ := os.ReadFile(filepath.Join(modulesFolder(), list))
		if bytes.Contains(b, []byte("/"+module+".ko")) {
			return true
		}
	}
	return false
}

// modulesFolder is where the running kernel's modules are, if it has any.
func modulesFolder() string { return filepath.Join("/lib/modules", kernelRelease()) }

func kernelRelease() string {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	return unix.ByteSliceToString(uts.Release[:])
}

// Kernel says in words which kernel a lab uses and what that means for it.
func (l *Lab) Kernel() string {
	switch {
	case InUML():
		return "kernel " + kernelRelease() + ", in User Mode Linux"
	case l.IPVS:
		return "kernel " + kernelRelease()
	}
	return "kernel " + kernelRelease() + ", which has no IPVS: names instead of virtual IPs, ports of hosts instead of the routing mesh"
}

// testUML is the one of this process: booted by whoever needs it first.
func testUML(ctx context.Context) (*UML, error) {
	name := fmt.Sprintf("t%d", os.Getpid())
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, filepath.Join(cache, "lock-test-uml")) // by any process: a boot takes seconds
	if err != nil {
		return nil, err
	}
	defer unlock()
	if u, err := OpenUML(name); err == nil {
		return u, nil
	}
	sweepTests()
	return BootUML(ctx, UMLOptions{Name: name, Leash: true, Out: os.Stderr})
}

// sweepTests removes what those left who were killed before their User Mode Linux could look after itself.
func sweepTests() {
	any, err := stateDir("t0")
	if err != nil {
		return
	}
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(any), "t*"))
	for _, dir := range found {
		name := filepath.Base(dir)
		pid, err := strconv.Atoi(name[1:])
		if err == nil && !alive(pid) && len(listProcesses(name)) == 0 {
			_ = clean(name)
		}
	}
}

// runTest runs this test inside and passes its outcome on. Exit code 0 alone would also be that of no test at all.
func runTest(t T, u *UML) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatalf("%v", err)
	}
	var out bytes.Buffer
	all := io.MultiWriter(&out, os.Stderr)
	start := time.Now()
	argv := []string{self, "-test.v", "-test.count=1", "-test.run=" + testPattern(t.Name())}
	code, err := u.Run(t.Context(), Inside{Argv: argv, Stdout: all, Stderr: all})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Logf("ran inside User Mode Linux %s in %.1f s", u.Kernel, time.Since(start).Seconds())
	switch text := out.String(); {
	case code != 0:
		t.Errorf("failed inside User Mode Linux, exit code %d", code)
	case strings.Contains(text, "--- SKIP: "+t.Name()+" "):
		t.Skipf("skipped inside User Mode Linux: its reason is above")
	case !strings.Contains(text, "--- PASS: "+t.Name()+" "):
		t.Errorf("inside User Mode Linux no test of that name ran")
	}
}

// testPattern selects exactly one test.
func testPattern(name string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(name), "/", "$/^") + "$"
}
