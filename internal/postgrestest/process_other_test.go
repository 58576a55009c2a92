//go:build !unix

package postgrestest

import "os/exec"

func killAlone(c *exec.Cmd) error { return c.Process.Kill() }

func killGroup(c *exec.Cmd) error { return c.Process.Kill() }
