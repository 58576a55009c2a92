//go:build unix

package postgrestest

import (
	"os/exec"
	"syscall"
)

func killAlone(c *exec.Cmd) error { return c.Process.Kill() }

func killGroup(c *exec.Cmd) error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
