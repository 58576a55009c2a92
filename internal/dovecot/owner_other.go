//go:build !unix

package dovecot

import "os"

// chown: Dovecot runs on Unix alone.
func (s *Server) chown(string, os.FileInfo) {}
