package console

import (
	"net/http"
	"time"
)

// recordingsBody is the first page: what is going to be recorded.
type recordingsBody struct {
	Filter          filter
	Week            week
	Days            []recordingDay
	First, Last     time.Time // days of the week
	Current         bool
	Earlier, Later  string // weeks
	Next            string // the rest of the list
	Continued       bool
	EverythingEmpty bool
}

type recordingDay struct {
	Date   time.Time
	Anchor string
	Rows   []recordingRow
}

type recordingRow struct {
	Recording
	Mark     mark
	Delivery mark
	Over     bool
}

// hide leaves of a private meeting's recording its times.
func (r *Recording) hide() {
	switch s := r.Schedule; {
	case r.Private:
		r.Schedule.Title, r.Provider, r.MeetingID, r.JoinURL, r.Capture, r.Owner, r.OnBehalfOf, r.Reasons = hiddenTitle, "", "", "", nil, "", nil, nil
	case s.Title == "":
		r.Schedule.Title = noTitle
	}
}

func (c *console) recordings(r *http.Request) (answer, error) {
	f := filterOf(r)
	first, current := c.weekFrom(f)
	now := c.Now()
	b := recordingsBody{
		Filter: f, First: first, Last: first.AddDate(0, 0, 6), Current: current, Continued: f.After != "",
		Earlier: f.Link("week", first.AddDate(0, 0, -7).Format(time.DateOnly)), Later: f.Link("week", first.AddDate(0, 0, 7).Format(time.DateOnly)),
	}
	q := f.query()
	q.From, q.To = first, first.AddDate(0, 0, 7)
	var err error
	if b.Week, err = c.pictureOf(r, q, now); err != nil {
		return answer{}, err
	}
	if current { // what is over is in the picture
		q.From = now
	}
	found, err := c.Data.Recordings(r.Context(), q)
	if err != nil {
		return answer{}, err
	}
	b.Days = c.byDay(found.Items, now)
	b.EverythingEmpty = len(found.Items) == 0 && !f.Narrowed() && current
	if found.Next != "" {
		b.Next = f.Link("after", found.Next)
	}
	return answer{page: "recordings", title: "Upcoming recordings", section: "recordings", live: true, body: b}, nil
}

// pictureOf draws the week, each recording by itself or, where they are many, by the hour.
func (c *console) pictureOf(r *http.Request, q Query, now time.Time) (week, error) {
	first := q.From
	q.After, q.Limit = "", weekBars+1
	drawn, err := c.Data.Recordings(r.Context(), q)
	if err != nil {
		return week{}, err
	}
	if len(drawn.Items) <= weekBars && drawn.Next == "" {
		for i := range drawn.Items {
			drawn.Items[i].hide()
		}
		return c.weekOf(first, drawn.Items, nil, now), nil
	}
	counted, err := c.Data.RecordingHours(r.Context(), q)
	if counted == nil {
		counted = []Hour{}
	}
	return c.weekOf(first, nil, counted, now), err
}

func (c *console) byDay(all []Recording, now time.Time) []recordingDay {
	var days []recordingDay
	for _, r := range all {
		r.hide()
		date := c.midnight(r.Start)
		if len(days) == 0 || !days[len(days)-1].Date.Equal(date) {
			days = append(days, recordingDay{Date: date, Anchor: "day-" + date.Format(time.DateOnly)})
		}
		d := &days[len(days)-1]
		d.Rows = append(d.Rows, recordingRow{r, markOfSchedule(r.Schedule), deliveryMarks[r.Delivery], !r.End.After(now)})
	}
	return days
}
