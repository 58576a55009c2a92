package access

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates are how many requests a second are answered. What is 0 is the default.
type Rates struct {
	PerIdentity float64 // of one token, or one person (200)
	PerAddress  float64 // of those who are not known, from one address (5)
}

func (r Rates) orDefault() Rates {
	if r.PerIdentity == 0 {
		r.PerIdentity = 200
	}
	if r.PerAddress == 0 {
		r.PerAddress = 5
	}
	return r
}

// mostBuckets is how many buckets a generation has.
const mostBuckets = 4096

// buckets are token buckets by name, of which a bounded number is kept: when there are too many, those are
// forgotten that were not used for as long as it took the others to come.
type buckets struct {
	limit rate.Limit
	burst int
	most  int
	now   func() time.Time

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

// newBuckets allows perSecond requests, and ten seconds' worth at once, but at least 20.
func newBuckets(perSecond float64, now func() time.Time) *buckets {
	return &buckets{limit: rate.Limit(perSecond), burst: max(20, int(10*perSecond)), most: mostBuckets, now: now, young: map[string]*rate.Limiter{}}
}

// allow takes one from the bucket of that name.
func (b *buckets) allow(name string) bool {
	b.mu.Lock()
	l := b.young[name]
	if l == nil {
		if l = b.old[name]; l == nil {
			l = rate.NewLimiter(b.limit, b.burst)
		}
		if len(b.young) >= b.most {
			b.young, b.old = map[string]*rate.Limiter{}, b.young
		}
		b.young[name] = l
	}
	b.mu.Unlock()
	return l.AllowN(b.now(), 1)
}
