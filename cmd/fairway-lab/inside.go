package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"fairway/lab"
)

// upInUML starts a lab inside User Mode Linux.
func upInUML(ctx context.Context, o lab.Options) error {
	u, err := lab.UpInUML(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("Lab %s is up on kernel %s, in User Mode Linux. Next:\n", u.Name, u.Kernel)
	self := "fairway-lab --name " + u.Name
	fmt.Printf("  install -m755 fairway %s/ && %s exec n1 -- /lab/share/fairway diagnose web api:8080\n", u.Share(), self)
	fmt.Printf("  %s break fdb-missing; %s heal; %s down\n", self, self, self)
	return nil
}

// exitCode is how a command inside ended.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func (c exitCode) ExitCode() int { return int(c) }

// runInside runs a command inside User Mode Linux with this process's standard files.
func runInside(ctx context.Context, u *lab.UML, in lab.Inside) error {
	in.Stdin, in.Stdout, in.Stderr = os.Stdin, os.Stdout, os.Stderr
	code, err := u.Run(ctx, in)
	if err == nil && code != 0 {
		err = exitCode(code)
	}
	return err
}

// forwarded makes a command that works on a lab work on one inside User Mode Linux, too: there this same program does it.
func forwarded(name *string, c *cobra.Command) *cobra.Command {
	here := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		u, err := lab.OpenUML(*name)
		if err != nil {
			return here(cmd, args)
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return runInside(cmd.Context(), u, lab.Inside{Path: self, Argv: os.Args})
	}
	return c
}

// inside runs any command of the machine inside, outside of all nodes; without a lab it needs User Mode Linux booted.
func inside(name *string) *cobra.Command {
	var writable []string
	c := &cobra.Command{
		Use:   "inside CMD…",
		Short: "Run a command of the machine in the User Mode Linux of a lab, outside of all nodes; boots an empty one if there is none",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := lab.OpenUML(*name)
			if err != nil {
				if u, err = lab.BootUML(cmd.Context(), lab.UMLOptions{Name: *name, Out: os.Stderr}); err != nil {
					return err
				}
			}
			return runInside(cmd.Context(), u, lab.Inside{Argv: args, Writable: writable})
		},
	}
	c.Flags().StringSliceVar(&writable, "writable", nil, "a `folder` of the machine that the command may write to; repeatable")
	c.Flags().SetInterspersed(false)
	return c
}
