package coordinator

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
)

var (
	firstStory = flag.Uint64("story", 1, "the first random history's seed")
	stories    = flag.Uint64("stories", 1500, "how many random histories")
)

// TestStories: organizers make, change and cancel meetings; their mails come late, twice, in any order, in part by another
// way, and the process dies in between. When all have come, what was read is what the organizers mean.
func TestStories(t *testing.T) {
	n := *stories
	if testing.Short() {
		n = min(n, 100)
	}
	for seed := *firstStory; seed < *firstStory+n; seed++ {
		testStory(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d; to see it alone: -run TestStories -story %[1]d -stories 1", seed)
		}
	}
}

// An organizer knows what is true.
type organizer struct {
	r        *rand.Rand
	meetings []*meant
	mails    [][]byte // those that are still on their way
	sent     int
}

// meant is a meeting as its organizer means it.
type meant struct {
	uid, title string
	sequence   int
	start      time.Time // of the first one, on the wall in Berlin
	count      int       // weekly; 0: a single one
	cancelled  bool
	ones       map[string]*one // those that differ, by their original start
}

type one struct {
	start     time.Time
	title     string
	cancelled bool
	sequence  int
}

var berlin = func() *time.Location {
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return l
}()

// originals are the starts of the occurrences.
func (m *meant) originals() []time.Time {
	var all []time.Time
	for n := range max(1, m.count) {
		all = append(all, m.start.AddDate(0, 0, 7*n))
	}
	return all
}

// truth is a line for each occurrence in the window that is not cancelled.
func (o *organizer) truth(w calendar.Window) map[string]string {
	all := map[string]string{}
	for _, m := range o.meetings {
		if m.cancelled {
			continue
		}
		for _, original := range m.originals() {
			start, title, key := original, m.title, m.uid
			if m.count > 0 {
				key += "/" + utcOf(original)
			}
			if x := m.ones[utcOf(original)]; x != nil {
				if x.cancelled {
					continue
				}
				start, title = x.start, x.title
			}
			if w.Holds(calendar.Event{Start: calendar.At(start), End: calendar.At(start.Add(time.Hour))}) {
				all[key] = utcOf(start) + " " + title
			}
		}
	}
	return all
}

func utcOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func wall(name string, t time.Time) string {
	return name + ";TZID=Europe/Berlin:" + t.In(berlin).Format("20060102T150405")
}

// send puts a mail about m on its way.
func (o *organizer) send(method string, m *meant, sequence int, lines ...string) {
	o.sent++
	stamp := conntest.Now.Add(time.Duration(o.sent-100_000) * time.Second)
	text := fmt.Sprintf("BEGIN:VCALENDAR\nMETHOD:%s\nBEGIN:VEVENT\nUID:%s\nSEQUENCE:%d\nDTSTAMP:%s\n%s\nEND:VEVENT\nEND:VCALENDAR\n",
		method, m.uid, sequence, stamp.UTC().Format("20060102T150405Z"), strings.Join(lines, "\n"))
	o.mails = append(o.mails, asMail(stamp, text))
}

// whole sends the meeting as it is.
func (o *organizer) whole(m *meant) {
	lines := []string{"SUMMARY:" + m.title, wall("DTSTART", m.start), wall("DTEND", m.start.Add(time.Hour))}
	if m.count > 0 {
		lines = append(lines, fmt.Sprintf("RRULE:FREQ=WEEKLY;COUNT=%d", m.count))
	}
	o.send("REQUEST", m, m.sequence, lines...)
}

// step is something that organizers do.
func (o *organizer) step() {
	r := o.r
	if len(o.meetings) == 0 || r.IntN(4) == 0 {
		m := &meant{
			uid: fmt.Sprintf("m%d", len(o.meetings)), title: "New", count: []int{0, 3, 6}[r.IntN(3)], ones: map[string]*one{},
			start: time.Date(2026, 11, 20+r.IntN(20), 8+r.IntN(9), 15*r.IntN(4), 0, 0, berlin),
		}
		o.meetings = append(o.meetings, m)
		o.whole(m)
		return
	}
	m := o.meetings[r.IntN(len(o.meetings))]
	if m.cancelled {
		if r.IntN(3) == 0 { // it takes place after all, as it was planned first
			m.cancelled, m.ones = false, map[string]*one{}
			m.sequence++
			o.whole(m)
		}
		return
	}
	switch n := r.IntN(10); {
	case n < 2: // Google changes no sequence for this
		m.title = fmt.Sprint("Title ", o.sent)
		if r.IntN(2) == 0 {
			m.sequence++
		}
		o.whole(m)
	case n < 4:
		m.start = m.start.Add(time.Duration(1+r.IntN(50)) * 15 * time.Minute)
		m.sequence++
		m.ones = map[string]*one{} // their occurrences are no more
		o.whole(m)
	case n < 5:
		m.cancelled = true
		m.sequence++
		o.send("CANCEL", m, m.sequence, "STATUS:CANCELLED", wall("DTSTART", m.start))
	case m.count > 0:
		o.except(m)
	}
}

// except changes or cancels one occurrence.
func (o *organizer) except(m *meant) {
	r := o.r
	original := m.originals()[r.IntN(m.count)]
	id := "RECURRENCE-ID:" + original.UTC().Format("20060102T150405Z")
	if r.IntN(2) == 0 {
		id = wall("RECURRENCE-ID", original)
	}
	m.sequence++
	x := &one{start: original, title: m.title, sequence: m.sequence}
	m.ones[utcOf(original)] = x
	if r.IntN(3) == 0 {
		x.cancelled = true
		o.send("CANCEL", m, m.sequence, id, "STATUS:CANCELLED", wall("DTSTART", original))
		return
	}
	x.start, x.title = original.Add(time.Duration(r.IntN(60)-20)*time.Hour), fmt.Sprint("One ", o.sent)
	o.send("REQUEST", m, m.sequence, id, "SUMMARY:"+x.title, wall("DTSTART", x.start), wall("DTEND", x.start.Add(time.Hour)))
}

// testStory is one history.
func testStory(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	o := &organizer{r: r}
	files, desk := fstest.MapFS{}, &desktop{post: conntest.NewPost()}
	l := conntest.NewLedger()
	l.Post = desk.post
	open := func() connectors.Connector {
		return bare(t, Config{Address: notes, Folder: "mail"}, files, discard.Handler(), l.Post)
	}
	arrive := func(mail []byte) {
		if r.IntN(3) == 0 {
			if err := open().(*connector).deliver(t.Context(), desk, mail); err != nil {
				t.Fatal(err)
			}
			return
		}
		files[fmt.Sprintf("%05d-%d.eml", r.IntN(100_000), len(files))] = &fstest.MapFile{Data: mail}
	}
	pull := func(crash bool) {
		for range 100 {
			p, err := open().Pull(t.Context(), mailbox, l.Cursor, conntest.Horizon)
			if err != nil {
				t.Fatal(err)
			}
			if crash && r.IntN(5) == 0 {
				return
			}
			if l.Apply(p); !p.More {
				return
			}
		}
		t.Fatal("there is no end")
	}
	for range 5 + r.IntN(25) {
		switch n := r.IntN(10); {
		case n < 5:
			o.step()
		case n < 8 && len(o.mails) > 0:
			i := r.IntN(len(o.mails))
			arrive(o.mails[i])
			if r.IntN(4) > 0 { // else it comes again
				o.mails = slices.Delete(o.mails, i, i+1)
			}
		default:
			pull(true)
		}
	}
	r.Shuffle(len(o.mails), func(i, j int) { o.mails[i], o.mails[j] = o.mails[j], o.mails[i] })
	for _, m := range o.mails {
		arrive(m)
		if r.IntN(4) == 0 {
			pull(true)
		}
	}
	pull(false)
	got := map[string]string{}
	for ref, e := range l.Copies {
		if e.Status != calendar.StatusCancelled && conntest.Horizon.Holds(e) {
			got[string(ref)] = e.Start.String() + " " + e.Title
		}
	}
	if diff := cmp.Diff(o.truth(conntest.Horizon), got); diff != "" {
		t.Errorf("(-meant +read):\n%s", diff)
	}
}
