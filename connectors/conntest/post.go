package conntest

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
)

// A Post keeps letters, in the plainest form: the reference for every store. It is not safe for concurrent use.
type Post struct {
	Whole   bool // what people wrote is kept, to look at it
	letters map[string]connectors.Letter
	origins map[string]bool
	seq     int64
}

// NewPost keeps nothing yet.
func NewPost() *Post {
	return &Post{letters: map[string]connectors.Letter{}, origins: map[string]bool{}}
}

// Keep keeps letters, each once.
func (p *Post) Keep(letters ...connectors.Letter) {
	for _, l := range letters {
		if !p.Whole {
			l.Distil(calendar.Reading{})
		}
		if l.Origin != "" {
			p.origins[l.Origin] = true
		}
		if old, known := p.letters[l.ID]; !known || l.Received.Before(old.Received) {
			p.seq++
			l.Seq, l.Origin = p.seq, ""
			p.letters[l.ID] = l
		}
	}
}

// Release makes a letter that is held count.
func (p *Post) Release(id string) {
	l := p.letters[id]
	p.seq++
	l.State, l.Seq = connectors.LetterReleased, p.seq
	p.letters[id] = l
}

// All are the letters as they became known.
func (p *Post) All() []connectors.Letter {
	return slices.SortedFunc(maps.Values(p.letters), func(a, b connectors.Letter) int { return cmp.Compare(a.Seq, b.Seq) })
}

// Known are those of the origins whose letters are kept.
func (p *Post) Known(_ context.Context, _ calendar.SourceID, origins []string) (map[string]bool, error) {
	known := map[string]bool{}
	for _, o := range origins {
		known[o] = p.origins[o]
	}
	return known, nil
}

// After are at most n letters with a higher number.
func (p *Post) After(_ context.Context, _ calendar.SourceID, seq int64, n int) ([]connectors.Letter, error) {
	all := slices.DeleteFunc(p.All(), func(l connectors.Letter) bool { return l.Seq <= seq })
	return all[:min(n, len(all))], nil
}

// About are the letters that tell of the meeting and count.
func (p *Post) About(_ context.Context, _ calendar.SourceID, meeting string) ([]connectors.Letter, error) {
	all := slices.DeleteFunc(p.All(), func(l connectors.Letter) bool {
		return !l.Counts() || !slices.ContainsFunc(l.News, func(n connectors.News) bool { return n.Meeting == meeting })
	})
	slices.SortStableFunc(all, func(a, b connectors.Letter) int { return a.Received.Compare(b.Received) })
	return all, nil
}

// Meetings are at most n meetings behind the given one.
func (p *Post) Meetings(_ context.Context, _ calendar.SourceID, after string, n int) ([]string, error) {
	names := map[string]bool{}
	for _, l := range p.letters {
		for _, news := range l.News {
			if news.Meeting > after {
				names[news.Meeting] = true
			}
		}
	}
	all := slices.Sorted(maps.Keys(names))
	return all[:min(n, len(all))], nil
}

// Newest is the number of the last letter.
func (p *Post) Newest(context.Context, calendar.SourceID) (int64, error) { return p.seq, nil }
