package main

import (
	"os/exec"
	"testing"
)

// TestExecKeepsTheEnvironment: what the caller set reaches the command, but the node's own PATH and HOME win.
func TestExecKeepsTheEnvironment(t *testing.T) {
	c := exec.Command("/bin/sh", "-c", "echo $NO_COLOR $HOME") //nolint:misspell // no-color.org
	c.Env = environment([]string{"NO_COLOR=1", "HOME=/home/me"}, []string{"HOME=/root"})
	if out, err := c.Output(); err != nil || string(out) != "1 /root\n" {
		t.Errorf("got %q, %v", out, err)
	}
}
