package console

import (
	"fmt"
	"time"
)

// A week is the picture of seven days. Coordinates are in hundredths of the width, so that it fits any screen while its
// letters stay as large as they are.
type week struct {
	Days    []weekDay
	Ticks   []tick // the hours
	Total   int
	Counted bool // there are too many for a bar each: hours are counted instead
}

type weekDay struct {
	Label, Anchor string
	Says          string // the day in words
	Height        int
	Today         bool
	Now           float64 // where the present is; 0: not on this day
	Ticks         []tick
	Bars          []bar
	Cells         []cell
}

type tick struct {
	X     float64
	Label string
}

type bar struct {
	X, Width float64
	Y        int
	Class    string
	Says     string
}

type cell struct {
	X, Width, Middle float64
	Strength         float64 // 0 to 1
	Count            int
}

// weekBars is how many recordings are drawn as bars of their own.
const weekBars = 120

const (
	laneHeight = 11
	weekTop    = 3
	minDay     = 17
)

// hours is the stretch of the day that is shown: office hours, and whatever else has recordings.
type hours struct{ first, last int }

// x is where a time of the day that begins at midnight lies, by the clock on the wall: days may have 23 or 25 hours.
func (h hours) x(t, midnight time.Time) float64 {
	t = t.In(midnight.Location())
	at := float64(t.Hour()) + float64(t.Minute())/60
	if !t.Before(midnight.AddDate(0, 0, 1)) {
		at = 24
	}
	return min(100, max(0, (at-float64(h.first))/float64(h.last-h.first)*100))
}

// weekOf draws recordings that begin on one of the seven days from first, a midnight in the console's zone.
func (c *console) weekOf(first time.Time, recordings []Recording, counted []Hour, now time.Time) week {
	w := week{Counted: counted != nil}
	h := hours{7, 19}
	stretch := func(at time.Time, length time.Duration) {
		at = at.In(c.Zone)
		h.first = min(h.first, at.Hour())
		h.last = max(h.last, min(24, at.Add(length).Hour()+1), at.Hour()+1)
	}
	for _, r := range recordings {
		stretch(r.Start, min(r.End.Sub(r.Start), time.Duration(23-r.Start.In(c.Zone).Hour())*time.Hour))
	}
	most := 0
	for _, n := range counted {
		stretch(n.Start, 0)
		most = max(most, n.Count)
	}
	for hour := h.first; hour <= h.last; hour++ {
		if hour%3 == 0 {
			w.Ticks = append(w.Ticks, tick{float64(hour-h.first) / float64(h.last-h.first) * 100, fmt.Sprintf("%02d", hour)})
		}
	}
	for i := range 7 {
		midnight := first.AddDate(0, 0, i)
		d := weekDay{Label: midnight.Format("Mon 2"), Anchor: "day-" + midnight.Format(time.DateOnly), Height: minDay, Ticks: w.Ticks}
		if end := midnight.AddDate(0, 0, 1); !now.Before(midnight) && now.Before(end) {
			d.Today, d.Now = true, h.x(now, midnight)
		}
		n := 0
		if w.Counted {
			n = d.count(counted, h, midnight, most)
		} else {
			n = d.draw(c, recordings, h, midnight)
		}
		w.Total += n
		d.Says = fmt.Sprintf("%s: %s", midnight.Format("Monday 2 January"), count(n, "recording"))
		w.Days = append(w.Days, d)
	}
	return w
}

// draw puts each recording into the first lane that is free.
func (d *weekDay) draw(c *console, recordings []Recording, h hours, midnight time.Time) int {
	var lanes []time.Time // when each is free
	n := 0
	for _, r := range recordings {
		start := r.Start.In(c.Zone)
		if start.Before(midnight) || !start.Before(midnight.AddDate(0, 0, 1)) {
			continue
		}
		m := markOfSchedule(r.Schedule)
		if m != gone {
			n++
		}
		lane := 0
		for lane < len(lanes) && lanes[lane].After(start) {
			lane++
		}
		if lane == len(lanes) {
			lanes = append(lanes, time.Time{})
		}
		lanes[lane] = r.End
		x := h.x(start, midnight)
		d.Bars = append(d.Bars, bar{
			X: x, Width: max(0.6, h.x(r.End, midnight)-x-0.15), Y: weekTop + lane*laneHeight, Class: m.Class,
			Says: fmt.Sprintf("%s–%s %s, %s", c.clock(r.Start), c.clock(r.End), r.Title, m.Words),
		})
	}
	d.Height = max(minDay, 2*weekTop+len(lanes)*laneHeight-1)
	return n
}

// count fills a cell for each hour, the darker the more begins in it.
func (d *weekDay) count(counted []Hour, h hours, midnight time.Time, most int) int {
	n := 0
	for _, at := range counted {
		if at.Start.Before(midnight) || !at.Start.Before(midnight.AddDate(0, 0, 1)) {
			continue
		}
		n += at.Count
		x := h.x(at.Start, midnight)
		width := 100 / float64(h.last-h.first)
		d.Cells = append(d.Cells, cell{x, width - 0.2, x + width/2, 0.15 + 0.85*float64(at.Count)/float64(most), at.Count})
	}
	return n
}

// A share is one line of a chart of bars: how much of the most.
type share struct {
	Label, Link string
	Count       int
	Percent     float64
	Class       string
}

// shares are bars of counts, the longest as long as there is room.
func shares(all []share) []share {
	most := 1
	for _, s := range all {
		most = max(most, s.Count)
	}
	for i := range all {
		all[i].Percent = float64(all[i].Count) / float64(most) * 100
	}
	return all
}

// A column is one hour of a chart of deliveries.
type column struct {
	X, Width         float64
	Good, GoodHeight float64 // from above, of 100
	Bad, BadHeight   float64
	Says             string
}

// columns draws what was delivered and what failed, hour by hour.
func (c *console) columns(hours []DeliveryHour) (all []column, most int) {
	for _, h := range hours {
		most = max(most, h.Delivered+h.Failed)
	}
	if most == 0 || len(hours) == 0 {
		return nil, 0
	}
	width := 100 / float64(len(hours))
	for i, h := range hours {
		good, bad := 100*float64(h.Delivered)/float64(most), 100*float64(h.Failed)/float64(most)
		all = append(all, column{
			X: float64(i)*width + width*0.1, Width: width * 0.8, Good: 100 - good, GoodHeight: good, Bad: 100 - good - bad, BadHeight: bad,
			Says: fmt.Sprintf("%s: %d delivered, %d failed", c.clock(h.Start), h.Delivered, h.Failed),
		})
	}
	return all, most
}
