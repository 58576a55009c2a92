//go:build !unix

package postgrestest

import (
	"os/exec"
	"os/user"
)

// PostgreSQL is started on Unix alone.

func become(*exec.Cmd, *user.User) {}

func apart(*exec.Cmd) {}

func own(string, *user.User) error { return nil }
