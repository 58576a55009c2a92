//go:build unix

package seal

import (
	"os"
	"syscall"
)

// sameOwner gives file the owner of like: a daemon must be able to read what root has rotated.
func sameOwner(file, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return os.Chown(file, int(s.Uid), int(s.Gid))
	}
	return nil
}
