package console

import (
	"net/http"
	"net/url"

	"example.com/syncd/connectors"
)

// deliveriesBody is the page of what is on its way to recorders.
type deliveriesBody struct {
	Status  DeliveryStatus
	Tabs    []deliveryTab
	Rows    []deliveredRow
	Columns []column
	Most    int
	Sum     DeliveryHour // of the last day
	Next    string
}

type deliveryTab struct {
	Status DeliveryStatus
	Mark   mark
	Count  int
	Link   string
	Chosen bool
}

// deliveryOrder is the order in which an operator looks.
var deliveryOrder = []DeliveryStatus{Dead, Failing, Waiting, Delivered}

// hide leaves of a private meeting's delivery its times.
func (d *Delivery) hide() {
	switch {
	case d.Private:
		d.Title = hiddenTitle
	case d.Title == "":
		d.Title = noTitle
	}
}

func (c *console) deliveries(r *http.Request) (answer, error) {
	counts, err := c.Data.DeliveryCounts(r.Context())
	if err != nil {
		return answer{}, err
	}
	b := deliveriesBody{Status: DeliveryStatus(r.URL.Query().Get("status"))}
	if _, known := deliveryMarks[b.Status]; !known { // what needs somebody first
		b.Status = Waiting
		for _, s := range deliveryOrder[:2] {
			if counts[s] > 0 {
				b.Status = s
				break
			}
		}
	}
	path := func(more ...string) string {
		q := url.Values{"status": {string(b.Status)}}
		for i := 0; i+1 < len(more); i += 2 {
			q.Set(more[i], more[i+1])
		}
		return Base + "/deliveries?" + q.Encode()
	}
	for _, s := range deliveryOrder {
		b.Tabs = append(b.Tabs, deliveryTab{s, deliveryMarks[s], counts[s], path("status", string(s)), s == b.Status})
	}
	found, err := c.Data.Deliveries(r.Context(), DeliveryQuery{Status: b.Status, After: r.URL.Query().Get("after"), Limit: perPage})
	if err != nil {
		return answer{}, err
	}
	for _, d := range found.Items {
		d.hide()
		b.Rows = append(b.Rows, deliveredRow{d, deliveryMarks[d.Status]})
	}
	if found.Next != "" {
		b.Next = path("after", found.Next)
	}
	hours, err := c.Data.DeliveryHours(r.Context())
	if err != nil {
		return answer{}, err
	}
	for _, h := range hours {
		b.Sum.Delivered += h.Delivered
		b.Sum.Failed += h.Failed
	}
	b.Columns, b.Most = c.columns(hours)
	return answer{page: "deliveries", title: "Deliveries", section: "deliveries", live: true, notice: done[r.URL.Query().Get("done")], body: b}, nil
}

func (c *console) retry(r *http.Request) (answer, error) {
	by, err := c.mayAct(r, Retry)
	if err != nil {
		return answer{}, err
	}
	if err := c.Actions.Retry(r.Context(), by, r.PostFormValue("id")); err != nil {
		return answer{}, refusal{http.StatusConflict, sentence(err)}
	}
	return answer{to: Base + "/deliveries?done=retry"}, nil
}

// quarantineBody is the page of letters that are held.
type quarantineBody struct {
	Rows []letterRow
	Next string
}

type letterRow struct {
	Letter
	Title   string
	Private bool
}

func (c *console) quarantine(r *http.Request) (answer, error) {
	found, err := c.Data.Letters(r.Context(), LetterQuery{After: r.URL.Query().Get("after"), Limit: perPage})
	if err != nil {
		return answer{}, err
	}
	var b quarantineBody
	for _, l := range found.Items {
		row := letterRow{Letter: l, Private: len(l.News) > 0}
		for _, n := range l.News {
			row.Private = row.Private && n.Event.Private()
			if row.Title == "" && !n.Event.Private() {
				row.Title = n.Event.Title
			}
		}
		switch {
		case row.Private:
			row.Title, row.Letter.Letter = hiddenTitle, connectors.Letter{ID: l.ID, Received: l.Received, Reason: l.Reason}
		case row.Title == "":
			row.Title = noTitle
		}
		b.Rows = append(b.Rows, row)
	}
	if found.Next != "" {
		b.Next = Base + "/quarantine?" + url.Values{"after": {found.Next}}.Encode()
	}
	return answer{page: "quarantine", title: "Quarantine", section: "quarantine", live: true, notice: done[r.URL.Query().Get("done")], body: b}, nil
}

func (c *console) release(r *http.Request) (answer, error) {
	by, err := c.mayAct(r, Release)
	if err != nil {
		return answer{}, err
	}
	if err := c.Actions.Release(r.Context(), by, r.PostFormValue("id")); err != nil {
		return answer{}, refusal{http.StatusConflict, sentence(err)}
	}
	return answer{to: Base + "/quarantine?done=release"}, nil
}
