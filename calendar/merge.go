package calendar

import (
	"cmp"
	"slices"
	"strings"
)

// A Meeting is all copies of one occurrence. Nothing is lost in merging: rules read the copies.
type Meeting struct {
	Key    Key
	Copies []Copy // in an order of their own that does not depend on arrival; rules choose the lead copy
}

// Merge groups copies into meetings by UID and original start, ordered by key. The result does not
// depend on the order of copies. Copies without a UID are meetings of their own, by source and ref.
func Merge(copies []Copy) []Meeting {
	byKey := map[Key][]Copy{}
	for _, c := range copies {
		k := c.Key()
		if c.UID == "" {
			k = Key(string(c.Source.ID) + "/" + string(c.Ref))
		}
		byKey[k] = append(byKey[k], c)
	}
	meetings := make([]Meeting, 0, len(byKey))
	for k, cs := range byKey {
		slices.SortFunc(cs, compareCopies)
		meetings = append(meetings, Meeting{Key: k, Copies: cs})
	}
	slices.SortFunc(meetings, func(a, b Meeting) int { return cmp.Compare(a.Key, b.Key) })
	return meetings
}

// compareCopies puts the most authoritative copy first: the organizer's own, else the newest.
func compareCopies(a, b Copy) int {
	return cmp.Or(
		-cmp.Compare(rank(a), rank(b)),
		-cmp.Compare(a.Sequence, b.Sequence),
		-a.Updated.Compare(b.Updated),
		cmp.Compare(a.Source.Driver, b.Source.Driver),
		cmp.Compare(a.Source.Calendar, b.Source.Calendar),
		cmp.Compare(a.Ref, b.Ref),
		cmp.Compare(a.Source.ID, b.Source.ID),
	)
}

func rank(c Copy) int {
	if c.Organizer.Email != "" && strings.EqualFold(c.Organizer.Email, c.Source.Calendar) {
		return 1
	}
	return 0
}
