package imapbox

import (
	"net"
	"sync/atomic"
	"time"
)

// A conn is a connection on which each wait ends. The library waits without end when it has asked for nothing, and so
// never sees that packets are dropped on their way.
type conn struct {
	net.Conn
	patience atomic.Int64 // of one read, a Duration
}

// wait makes reads end after d, the one under way too.
func (c *conn) wait(d time.Duration) {
	c.patience.Store(int64(d))
	_ = c.Conn.SetReadDeadline(c.limit()) // a connection that is closed has no reads
}

func (c *conn) limit() time.Time { return time.Now().Add(time.Duration(c.patience.Load())) }

// Read ends in time.
func (c *conn) Read(b []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(c.limit()); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write ends in time.
func (c *conn) Write(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(c.limit()); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// SetDeadline, SetReadDeadline and SetWriteDeadline do nothing: others' deadlines would take ours away.
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
