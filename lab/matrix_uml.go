package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The kernels that a matrix can run on.
const (
	// KernelOwn is the machine's: rows that need another one are left out.
	KernelOwn = "own"
	// KernelUML is that of User Mode Linux, for the rows that need IPVS.
	KernelUML = "uml"
	// KernelAuto is the machine's and, where it has no IPVS, User Mode Linux for what needs that.
	KernelAuto = "auto"
)

// matrixPart marks a process that runs a matrix inside User Mode Linux.
const matrixPart = "matrix"

// matrixOn runs a matrix on the kernels that were chosen.
func matrixOn(ctx context.Context, o MatrixOptions) error {
	switch o.Kernel {
	case "", KernelOwn:
		return matrixHere(ctx, o)
	case KernelUML:
		return matrixInUML(ctx, o)
	case KernelAuto:
		return matrixOnBoth(ctx, o)
	}
	return fmt.Errorf("kernel %q: there are %s, %s and %s", o.Kernel, KernelOwn, KernelUML, KernelAuto)
}

// matrixOnBoth runs what the machine's kernel can do there, and the rest in User Mode Linux.
func matrixOnBoth(ctx context.Context, o MatrixOptions) error {
	if hasIPVS() {
		return matrixHere(ctx, o)
	}
	own, inside := o, o
	if len(o.Faults) > 0 {
		trials, err := chooseTrials(o.Faults)
		if err != nil {
			return err
		}
		own.Faults, inside.Faults = nil, nil
		for _, t := range trials {
			if t.here() {
				own.Faults = append(own.Faults, t.id)
			} else {
				inside.Faults = append(inside.Faults, t.id)
			}
		}
	}
	var errs []error
	if len(o.Faults) == 0 || len(own.Faults) > 0 {
		errs = append(errs, matrixHere(ctx, own))
	}
	if len(o.Faults) == 0 || len(inside.Faults) > 0 {
		errs = append(errs, matrixInUML(ctx, inside))
	}
	return errors.Join(errs...)
}

// matrixInUML boots User Mode Linux once and runs the matrix inside, one engine after the other. Its table and reports are on
// the machine, in a folder of their own beside the others.
func matrixInUML(ctx context.Context, o MatrixOptions) error {
	var err error
	if o.Results, err = filepath.Abs(filepath.Join(o.Results, KernelUML)); err != nil {
		return err
	}
	folders := []string{o.Results}
	if o.Record != "" {
		if o.Record, err = filepath.Abs(o.Record); err != nil {
			return err
		}
		folders = append(folders, o.Record)
	}
	for _, dir := range folders {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	lab := Options{Name: o.Name, Nodes: len(o.Engines), Engines: o.Engines, Out: o.Out}
	if err := lab.check(); err != nil {
		return err
	}
	direct, err := lab.fillCache(ctx, newProgress(lab.Out))
	if err != nil {
		return err
	}
	u, err := BootUML(ctx, UMLOptions{Name: o.Name, Direct: direct, Out: o.Out})
	if err != nil {
		return err
	}
	return errors.Join(u.matrix(ctx, o, folders), u.Off(context.WithoutCancel(ctx)))
}

// matrix runs this same program inside, to do what [Matrix] does; it may write to those folders.
func (u *UML) matrix(ctx context.Context, o MatrixOptions, folders []string) error {
	program, err := os.ReadFile(o.Fairway)
	if err != nil {
		return fmt.Errorf("read fairway: %w", err)
	}
	out := o.Out
	o.Out, o.Kernel, o.Fairway = nil, KernelOwn, filepath.Join(u.Share(), "judged")
	o.Legacy = o.Legacy || !u.NFT
	if err := os.WriteFile(o.Fairway, program, 0o755); err != nil {
		return err
	}
	file := filepath.Join(u.Share(), "matrix.json")
	if err := writeJSON(file, o); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	code, err := u.Run(ctx, Inside{Path: self, Argv: []string{childName, o.Name, matrixPart, file},
		Writable: folders, Stdout: out, Stderr: out})
	if err == nil && code != 0 {
		err = fmt.Errorf("matrix inside User Mode Linux: exit code %d: its messages are above", code)
	}
	return err
}

// runMatrix is the other end of matrix.
func runMatrix(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	o := MatrixOptions{}
	if err := json.Unmarshal(b, &o); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	o.Out = os.Stdout
	return Matrix(context.Background(), o)
}
