package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const insidePart = "inside"

// UpInUML boots User Mode Linux and starts a lab inside it. What works on a lab is then run inside: [UML.Run]. If it fails,
// or ctx ends, nothing stays. The program that calls it must call [MaybeChild] first.
func UpInUML(ctx context.Context, o Options) (*UML, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := newProgress(o.Out)
	direct, err := o.fillCache(ctx, p)
	if err != nil {
		return nil, err
	}
	u, err := BootUML(ctx, UMLOptions{Name: o.Name, Direct: direct, Out: o.Out})
	if err != nil {
		return nil, err
	}
	if err := u.up(ctx, o); err != nil {
		return nil, errors.Join(err, u.Off(context.WithoutCancel(ctx)))
	}
	return u, nil
}

// fillCache makes on the machine what a lab inside could only make for itself and once more, and returns the roots.
func (o Options) fillCache(ctx context.Context, p *progress) ([]string, error) {
	_, lower, err := o.plan(ctx, p)
	if err != nil {
		return nil, err
	}
	if _, err := buildEcho(ctx, p); err != nil {
		return nil, err
	}
	var roots []string
	for _, dirs := range lower {
		roots = append(roots, dirs...)
	}
	slices.Sort(roots)
	return slices.DeleteFunc(slices.Compact(roots), func(dir string) bool { return dir == "/" }), nil
}

// up runs this same program inside, to do what [Up] does.
func (u *UML) up(ctx context.Context, o Options) error {
	out := o.Out
	o.Out, o.Legacy = nil, o.Legacy || !u.NFT
	file := filepath.Join(u.Share(), "up.json")
	if err := writeJSON(file, o); err != nil {
		return err
	}
	code, err := u.Run(ctx, Inside{Path: u.program(), Argv: []string{childName, o.Name, insidePart, file}, Stdout: out, Stderr: out})
	if err == nil && code != 0 {
		err = fmt.Errorf("start a lab inside User Mode Linux %s: exit code %d: its messages are above", u.Name, code)
	}
	return err
}

// runInside is the other end of up.
func runInside(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	o := Options{}
	if err := json.Unmarshal(b, &o); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	o.Out = os.Stderr
	_, err = Up(context.Background(), o)
	return err
}

// patience is how much longer than on the machine's own kernel a wait may take inside, where there is one processor, which
// others use as well.
func (l *Lab) patience() time.Duration {
	if InUML() {
		return 3
	}
	return 1
}
