package store

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/linkparse"
)

const mailbox = calendar.SourceID("coordinator:notes/notes@acme.com")

// TestLetters: letters are kept as the plainest reading of the contract keeps them.
func TestLetters(t *testing.T) { both(t, testLetters) }

func testLetters(t *testing.T, open func(*testing.T) *Store) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 5))
		s, post := open(t), conntest.NewPost()
		for range 40 {
			l := randomLetter(r)
			post.Keep(l)
			if err := s.PutLetters(t.Context(), mailbox, []connectors.Letter{l}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.PutLetters(t.Context(), "coordinator:other/x", []connectors.Letter{randomLetter(r)}); err != nil {
			t.Fatal(err)
		}
		compareLetters(t, post, s.Letters())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomLetter(r *rand.Rand) connectors.Letter {
	id := r.IntN(25) // the same letter now and then
	l := connectors.Letter{
		ID: fmt.Sprint("letter", id), Received: time.UnixMilli(int64(1_800_000_000_000 + r.IntN(5)*60_000)).UTC(), Sender: "ana@acme.com",
		State: []connectors.LetterState{connectors.LetterAccepted, connectors.LetterHeld, connectors.LetterUnused}[id%3],
	}
	if r.IntN(3) > 0 {
		l.Origin = fmt.Sprint("mail", r.IntN(30))
	}
	for n := range id % 3 {
		meeting := fmt.Sprint("meeting", (id+n)%7)
		l.News = append(l.News, connectors.News{
			Meeting: meeting, Effect: "request", Times: "BEGIN:VCALENDAR", Organizer: "0a",
			Event: calendar.Event{UID: meeting, Title: fmt.Sprint("Title ", id), Links: &linkparse.Found{}},
		})
	}
	return l
}

// compareLetters asks both for everything.
func compareLetters(t *testing.T, want, got connectors.Letters) {
	t.Helper()
	ask := func(l connectors.Letters) []any {
		var all []any
		add := func(v any, err error) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, v)
		}
		letters, err := l.After(t.Context(), mailbox, 0, 1000)
		for i := range letters {
			letters[i].Seq = 0 // gaps don't matter
		}
		add(letters, err)
		for _, n := range []int{0, 3, 1000} {
			add(l.Meetings(t.Context(), mailbox, "meeting2", n))
		}
		for i := range 8 {
			about, err := l.About(t.Context(), mailbox, fmt.Sprint("meeting", i))
			for i := range about {
				about[i].Seq = 0
			}
			add(about, err)
		}
		add(l.Known(t.Context(), mailbox, []string{"mail1", "mail7", "mail29", "mail30"}))
		return all
	}
	if diff := cmp.Diff(ask(want), ask(got), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	newest, err := got.Newest(t.Context(), mailbox)
	if err != nil {
		t.Fatal(err)
	}
	if more, err := got.After(t.Context(), mailbox, newest, 10); err != nil || len(more) > 0 {
		t.Errorf("%d letters behind the newest, error %v", len(more), err)
	}
}

// TestLettersHaveNoBodies: what is not distilled is not kept.
func TestLettersHaveNoBodies(t *testing.T) { both(t, testLettersHaveNoBodies) }

func testLettersHaveNoBodies(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	l := connectors.Letter{ID: "x", State: connectors.LetterAccepted, News: []connectors.News{{Meeting: "m", Event: calendar.Event{Description: "secret"}}}}
	if err := s.PutLetters(t.Context(), mailbox, []connectors.Letter{l}); err == nil || !strings.Contains(err.Error(), "not distilled") {
		t.Errorf("error %v", err)
	}
}

// TestReread: mails whose origins are forgotten are read again, and what is new in them is taken over; a release stands.
func TestReread(t *testing.T) { both(t, testReread) }

func testReread(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	l := connectors.Letter{ID: "x", Origin: "1", State: connectors.LetterHeld, Reason: "nobody knows", Received: time.UnixMilli(5000).UTC(),
		News: []connectors.News{{Meeting: "m", Event: calendar.Event{Title: "a", Links: &linkparse.Found{}}}}}
	put := func() {
		t.Helper()
		if err := s.PutLetters(t.Context(), mailbox, []connectors.Letter{l}); err != nil {
			t.Fatal(err)
		}
	}
	put()
	released := releaseIn(t, s, "x")
	if released.Source != mailbox || released.State != connectors.LetterReleased {
		t.Errorf("%+v", released)
	}
	if err := s.Reread(t.Context(), mailbox, calendar.Reading{}); err != nil {
		t.Fatal(err)
	}
	if known, err := s.Letters().Known(t.Context(), mailbox, []string{"1"}); err != nil || known["1"] {
		t.Errorf("known %v, error %v", known, err)
	}
	l.News = slices.Clone(l.News)
	l.News[0].Event.Title = "b"
	put()
	about, err := s.Letters().About(t.Context(), mailbox, "m")
	if err != nil || len(about) != 1 || about[0].News[0].Event.Title != "b" || about[0].State != connectors.LetterReleased {
		t.Errorf("%+v, error %v", about, err)
	}
}

// TestPrivateLetters: once private events do not count any more, nothing is left of those that were kept but their times.
func TestPrivateLetters(t *testing.T) { both(t, testPrivateLetters) }

func testPrivateLetters(t *testing.T, open func(*testing.T) *Store) {
	s := open(t)
	var letters []connectors.Letter
	for i := range 600 {
		letters = append(letters, connectors.Letter{ID: fmt.Sprint(i), Sender: "hush", State: connectors.LetterAccepted, News: []connectors.News{{Meeting: fmt.Sprint("m", i), Event: calendar.Event{
			Title: "hush", Visibility: []string{calendar.VisibilityPrivate, calendar.VisibilityDefault}[i%2], Links: &linkparse.Found{},
		}}}})
	}
	if err := s.PutLetters(t.Context(), mailbox, letters); err != nil {
		t.Fatal(err)
	}
	if err := s.Reread(t.Context(), mailbox, calendar.Reading{DropPrivate: true}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "hush"} {
		for _, n := range []int{i, 598 + i} {
			about, err := s.Letters().About(t.Context(), mailbox, fmt.Sprint("m", n))
			if err != nil || len(about) != 1 || about[0].News[0].Event.Title != want || about[0].Sender != want {
				t.Errorf("letter %d: %+v, error %v", n, about, err)
			}
		}
	}
}

func releaseIn(t *testing.T, s *Store, id string) KeptLetter {
	t.Helper()
	var l KeptLetter
	err := s.within(t.Context(), func(q *txn) error {
		var err error
		l, err = release(t.Context(), q.Queries, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestQuarantine: another process lists what is held and releases it, by a part of its id that is enough.
func TestQuarantine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "syncd.db")
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, id := range []string{"aa11", "aa22", "bb11"} {
		l := connectors.Letter{ID: id, State: connectors.LetterHeld, Received: time.UnixMilli(int64(5000 + i)).UTC()}
		if err := s.PutLetters(t.Context(), mailbox, []connectors.Letter{l}); err != nil {
			t.Fatal(err)
		}
	}
	q, err := OpenQuarantine(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	held := func() (ids []string) {
		t.Helper()
		all, err := q.LettersOf(t.Context(), connectors.LetterHeld, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range all {
			ids = append(ids, l.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]string{"bb11", "aa22", "aa11"}, held()); diff != "" {
		t.Error(diff)
	}
	for _, c := range [][2]string{{"aa", "more than one"}, {"cc", "no letter \"cc\" is held"}, {"", "no letter"}, {"aa11", ""}, {"b", ""}} {
		id, want := c[0], c[1]
		if _, err := q.Release(t.Context(), id); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("release %s: error %v, want %q", id, err, want)
		}
	}
	if diff := cmp.Diff([]string{"aa22"}, held()); diff != "" {
		t.Error(diff)
	}
	if _, err := OpenQuarantine(t.Context(), filepath.Join(t.TempDir(), "none.db")); err == nil {
		t.Error("a file that is not there is opened")
	}
}
