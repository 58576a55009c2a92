package access

import (
	"fmt"
	"testing"
	"time"
)

// TestBucketsAreBounded: whoever comes from everywhere fills no memory, and whoever keeps coming stays known.
func TestBucketsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	b := newBuckets(1, func() time.Time { return now })
	b.most = 10
	allowed := 0
	for i := range 1000 {
		b.allow(fmt.Sprint("passer-by ", i))
		if b.allow("regular") {
			allowed++
		}
		b.mu.Lock()
		n := len(b.young) + len(b.old)
		b.mu.Unlock()
		if n > 20 {
			t.Fatalf("%d buckets", n)
		}
	}
	if allowed != 20 {
		t.Errorf("the regular was let in %d times", allowed)
	}
}
