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

// matrixInUML boots User Mode Linux once for each engine and runs that engine's part of the matrix inside. Its table and
// reports are on the machine, in a folder of their own beside the others.
func matrixInUML(ctx context.Context, o MatrixOptions) error {
	results, err := filepath.Abs(filepath.Join(o.Results, KernelUML))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(results, 0o755); err != nil {
		return err
	}
	o.Results = results
	var errs []error
	for _, engine := range o.Engines {
		errs = append(errs, o.inUML(ctx, engine))
	}
	return errors.Join(errs...)
}

func (o MatrixOptions) inUML(ctx context.Context, engine string) error {
	lab := Options{Name: o.Name, Nodes: 3, Engines: []string{engine}, Out: o.Out}
	if err := lab.check(); err != nil {
		return err
	}
	direct, err := lab.fillCache(ctx, newProgress(o.Out))
	if err != nil {
		return err
	}
	u, err := BootUML(ctx, UMLOptions{Name: o.Name, Direct: direct, Out: o.Out})
	if err != nil {
		return err
	}
	return errors.Join(u.matrix(ctx, o, engine), u.Off(context.WithoutCancel(ctx)))
}

// matrix runs this same program inside, to do what [Matrix] does for one engine.
func (u *UML) matrix(ctx context.Context, o MatrixOptions, engine string) error {
	program, err := os.ReadFile(o.Fairway)
	if err != nil {
		return fmt.Errorf("read fairway: %w", err)
	}
	out := o.Out
	o.Out, o.Kernel, o.Engines, o.Fairway = nil, KernelOwn, []string{engine}, filepath.Join(u.Share(), "judged")
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
		Writable: []string{o.Results}, Stdout: out, Stderr: out})
	if err == nil && code != 0 {
		err = fmt.Errorf("matrix of engine %s inside User Mode Linux: exit code %d: its messages are above", engine, code)
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
