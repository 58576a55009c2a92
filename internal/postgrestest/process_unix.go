//go:build unix

package postgrestest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// ids are the numbers of a user.
func ids(u *user.User) (uid, gid uint32) {
	n, _ := strconv.ParseUint(u.Uid, 10, 32) // on Unix they are numbers
	m, _ := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(n), uint32(m)
}

// become has the command run as the user.
func become(c *exec.Cmd, u *user.User) {
	uid, gid := ids(u)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
}

// apart has the command run in a group of processes of its own.
func apart(c *exec.Cmd) {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Setpgid = true
}

// own gives the directory to the user.
func own(dir string, u *user.User) error {
	uid, gid := ids(u)
	return os.Chown(dir, int(uid), int(gid))
}
