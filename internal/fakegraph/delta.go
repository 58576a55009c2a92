package fakegraph

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// round is one round of delta on its way through its pages. Its rows are those of its beginning.
type round struct {
	at         place
	from, to   time.Time // the window, fixed for all rounds that follow
	position   int       // how much of the mailbox's log is in it
	generation int
	epoch      int
	rows       []map[string]any
	laps       int // how often a wedged one went round
}

// delta is calendarView/delta ("event: delta"). Links carry everything.
func (c *call) delta(at place) answer {
	for _, option := range []string{"$select", "$expand", "$filter", "$orderby", "$search"} {
		if c.query(option) != "" {
			return refuse(400, "ErrorInvalidUrlQuery", "The following parameters are not supported with change tracking over the 'CalendarView' resource: '"+option+"'.")
		}
	}
	if token := c.query("$skiptoken"); token != "" {
		name, skip, _ := strings.Cut(token, "_")
		from, err := strconv.Atoi(skip)
		if err != nil || from < 0 {
			return badToken
		}
		r, dead := c.resume(name, at)
		if r == nil {
			return dead
		}
		return c.deltaPage(name, r, from, c.pageSize())
	}
	next := round{at: at, epoch: c.t.epoch, position: len(at.m.log)}
	if token := c.query("$deltatoken"); token != "" {
		prev, dead := c.resume(token, at)
		if prev == nil {
			return dead
		}
		next.from, next.to = prev.from, prev.to
		touched := lastTouches(at.m.log[prev.position:], at.calendar)
		if c.t.Steady && len(touched) == 0 {
			return c.deltaPage(token, prev, len(prev.rows), c.pageSize())
		}
		next.rows = c.rows(at, touched, next.from, next.to, false)
	} else {
		var ok bool
		if next.from, next.to, ok = c.window(); !ok {
			return noWindow
		}
		next.rows = c.rows(at, lastTouches(at.m.log, at.calendar), next.from, next.to, true)
	}
	number := c.t.next()
	name := fmt.Sprintf("r%d%08x", number, uint32(sum("round", at.m.owner.ID, number)))
	next.rows = c.t.Quirks.disorder(next.rows, number)
	c.t.keep(name, &next)
	size := c.pageSize()
	if c.t.Quirks.EmptyFirst && len(next.rows) > 3 {
		size = 0 // an empty first page with a next link is not the end
	}
	return c.deltaPage(name, &next, 0, size)
}

// pageSize is Prefer: odata.maxpagesize, a hint.
func (c *call) pageSize() int {
	if n, err := strconv.Atoi(c.prefer("odata.maxpagesize")); err == nil && n > 0 {
		return min(n, 1000)
	}
	return 10
}

// lastTouches are a calendar's changes, the last one of each item, by key.
func lastTouches(log []touch, calendar string) []touch {
	last := map[string]touch{}
	for _, l := range log {
		if l.calendar == calendar {
			last[l.key] = l
		}
	}
	var all []touch
	for _, key := range slices.Sorted(maps.Keys(last)) {
		all = append(all, last[key])
	}
	return all
}

// rows is what a round says of the touched items: single ones whole; of series the master, all of its
// occurrences in the window, reduced, and exceptions; of what is gone, or outside the window, a tombstone,
// which of a series is the master's alone. So a deleted occurrence has no tombstone: it is missing from
// the set (stackoverflow.com/questions/55641502, docs#7345), and tombstones name events that the client
// never saw (docs#6599).
func (c *call) rows(at place, touched []touch, from, to time.Time, first bool) []map[string]any {
	r := renderer{c.t, at.m, c.shape()}
	var rows []map[string]any
	for _, l := range touched {
		it := at.m.items[l.key]
		if q := c.t.Quirks; !first && q.Misses > 0 && sum("missed", q.Seed, l.key, len(at.m.log))%uint64(q.Misses) == 0 {
			continue
		}
		var in []map[string]any
		if it != nil && it.Calendar == at.calendar {
			in = r.window(it, from, to)
		}
		if len(in) == 0 {
			if !first || c.t.Quirks.Strangers {
				rows = append(rows, r.tombstone(l))
			}
			continue
		}
		if it.pattern() == nil {
			rows = append(rows, in...)
			// What was changed may come along as it was, if the client can tell which is later.
			if p := it.prev; c.t.Quirks.Repeat && p != nil && p.modified.Before(it.modified) && p.pattern() == nil && p.Calendar == it.Calendar {
				rows = append(rows, r.itself(p))
			}
			continue
		}
		master := r.master(it)
		rows = append(rows, master)
		for _, row := range in {
			if row["type"] == "occurrence" {
				row = reduced(row)
			} else if c.t.Quirks.SparseExceptions {
				row = sparse(row, master)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func (r renderer) tombstone(l touch) map[string]any {
	id := l.id[0]
	if r.immutable {
		id = l.id[1]
	}
	return map[string]any{"@odata.type": "#microsoft.graph.event", "id": id, "@removed": map[string]any{"reason": "deleted"}}
}

// disorder repeats some rows and shuffles all, if that is wanted.
func (q Quirks) disorder(rows []map[string]any, number int) []map[string]any {
	if !q.Repeat {
		return rows
	}
	rng := rand.New(rand.NewPCG(q.Seed, uint64(number)))
	for _, row := range slices.Clone(rows) {
		if rng.IntN(4) == 0 {
			rows = append(rows, row)
		}
	}
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// keep files a round, and forgets what is too old: the tokens that a mailbox keeps are few.
func (t *Tenant) keep(name string, r *round) {
	t.high[r.at]++
	r.generation = t.high[r.at]
	t.rounds[name] = r
	if t.Quirks.Generations == 0 {
		return
	}
	names := append(t.recent[r.at], name)
	for len(names) > t.Quirks.Generations {
		delete(t.rounds, names[0])
		names = names[1:]
	}
	t.recent[r.at] = names
}

var badToken = refuse(400, "BadRequest", "Badly formed token.")

// resume is the round of a link, if it is known still.
func (c *call) resume(name string, at place) (*round, answer) {
	r := c.t.rounds[name]
	if r == nil && !strings.HasPrefix(name, "r") || r != nil && r.at != at {
		return nil, badToken
	}
	if r == nil || r.epoch != c.t.epoch {
		generation := 0
		if r != nil {
			generation = r.generation
		}
		return nil, c.dead(name, at, generation, c.t.high[at])
	}
	return r, answer{}
}

// dead is the refusal of a token whose generation is gone.
func (c *call) dead(name string, at place, generation, high int) answer {
	message := fmt.Sprintf("The sync state generation is not found; generation=%d;[highest=%d].", generation, high)
	gone := refuse(410, "SyncStateNotFound", message)
	if !c.t.Quirks.Cousins {
		return gone
	}
	cousins := []answer{
		gone,
		gone.with("Location", c.link(url.Values{"$deltatoken": nil})+"$deltatoken="),
		refuse(400, "SyncStateInvalid", "The sync state is invalid."),
		refuse(404, "syncStateNotFound", message),
		refuse(410, "resyncRequired", "Resync required."),
		{status: 410},
	}
	return cousins[sum("cousin", c.t.Quirks.Seed, name, at.m.owner.ID)%uint64(len(cousins))]
}

func (c *call) deltaPage(name string, r *round, skip, size int) answer {
	if skip > len(r.rows) {
		return badToken
	}
	last := min(skip+size, len(r.rows))
	body := map[string]any{"@odata.context": c.base + "/v1.0/$metadata#Collection(event)", "value": append([]map[string]any{}, r.rows[skip:last]...)}
	wedged := c.t.wedged[r.at.m.owner.ID]
	switch {
	case wedged && last == len(r.rows):
		// The same rows again, under a link that is new each time.
		r.laps++
		again := *r
		next := fmt.Sprintf("%s%x", name[:min(len(name), 12)], r.laps+c.t.next())
		c.t.rounds[next] = &again
		body["@odata.nextLink"] = c.link(url.Values{"$skiptoken": {next + "_0"}})
	case last < len(r.rows):
		body["@odata.nextLink"] = c.link(url.Values{"$skiptoken": {name + "_" + strconv.Itoa(last)}})
	default:
		body["@odata.deltaLink"] = c.link(url.Values{"$deltatoken": {name}})
	}
	return c.applied(answer{status: 200, body: body}, "odata.track-changes")
}
