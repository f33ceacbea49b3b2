package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// cost is what one run of a program took.
type cost struct {
	Wall time.Duration // from before the fork until it was waited for
	CPU  time.Duration // user and system, its children's too
	Peak int64         // largest resident set in bytes: rusage ru_maxrss
	Exit int
}

// measure runs inside a node, so that what it takes to get there is not counted. The kernel hands the resident set of the
// process that forks on to ru_maxrss of the new program: no peak below this program's own, some 10 MiB, is seen.
func measure() *cobra.Command {
	c := &cobra.Command{
		Use:    "measure FILE CMD…",
		Short:  "Run a command and write into a file what it took",
		Hidden: true,
		Args:   cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			took, err := run(args[1:])
			if err != nil {
				return err
			}
			b, err := json.Marshal(took)
			if err != nil {
				return err
			}
			return os.WriteFile(args[0], b, 0o600)
		},
	}
	c.Flags().SetInterspersed(false)
	return c
}

func run(argv []string) (cost, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	took := cost{Wall: time.Since(start)}
	var code *exec.ExitError
	if err != nil && !errors.As(err, &code) {
		return took, fmt.Errorf("measure %s: %w", argv[0], err)
	}
	took.Exit = cmd.ProcessState.ExitCode()
	took.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		took.Peak = int64(u.Maxrss) << 10
	}
	return took, nil
}
