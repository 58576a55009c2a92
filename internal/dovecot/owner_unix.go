//go:build unix

package dovecot

import (
	"os"
	"syscall"
)

// chown gives a file to the owner of another.
func (s *Server) chown(path string, like os.FileInfo) {
	if st, ok := like.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(path, int(st.Uid), int(st.Gid)); err != nil {
			s.t.Fatal(err)
		}
	}
}
