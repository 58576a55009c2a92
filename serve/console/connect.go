package console

import (
	"errors"
	"net/http"
	"slices"

	"example.com/syncd/serve/connect"
)

// connectBody is the page of users who consent one by one.
type connectBody struct {
	Consents []connect.Consents
	Redirect string // to be registered with providers
	Off      bool   // no public address is configured
	Guides   []Guide
}

func (c *console) connections(r *http.Request) (answer, error) {
	b := connectBody{Off: c.Connect == nil, Guides: c.guides(r)}
	if c.Connect != nil {
		b.Redirect, b.Consents = c.Connect.Redirect(), c.Connect.Consents(r.Context())
		for _, of := range b.Consents {
			if of.Err != nil {
				c.Log.Error("who has consented could not be read", "connection", of.Connection.String(), "error", of.Err)
			}
		}
	}
	return answer{page: "connect", title: "Connect", section: "connect", notice: done[r.URL.Query().Get("done")], body: b}, nil
}

func (c *console) guides(r *http.Request) []Guide {
	if c.Guides == nil {
		return nil
	}
	return c.Guides(r.Context())
}

// flow is c.Connect, for somebody who may use it.
func (c *console) flow(r *http.Request) (*connect.Flow, string, error) {
	by, err := c.mayAct(r, Connect)
	if err == nil && c.Connect == nil {
		err = refusal{http.StatusNotFound, "No address is configured at which browsers come back from the provider."}
	}
	return c.Connect, by, err
}

// arrivedBody is what came of the way to a provider.
type arrivedBody struct {
	Begun      bool // the browser is about to go there
	OK         bool
	Connection string
	User       string
	Says       string
	To         string
}

// begin sends the browser to the provider: by a page that goes on by itself, since a form may lead nowhere but here.
func (c *console) begin(r *http.Request) (answer, error) {
	flow, by, err := c.flow(r)
	if err != nil {
		return answer{}, err
	}
	connection, user := r.PostFormValue("connection"), r.PostFormValue("user")
	cookies := recorder{http.Header{}}
	to, err := flow.Begin(cookies, r, by, connection, user)
	if err != nil {
		return answer{page: "arrived", title: "That did not work", section: "connect", status: http.StatusConflict, body: arrivedBody{Connection: connection, Says: c.told(err)}}, nil
	}
	return answer{page: "arrived", title: "On the way to the provider", section: "connect", refresh: to, header: cookies.h, body: arrivedBody{Begun: true, Connection: connection, User: user, To: to}}, nil
}

// recorder takes the cookies that are set.
type recorder struct{ h http.Header }

func (r recorder) Header() http.Header       { return r.h }
func (recorder) Write(b []byte) (int, error) { return len(b), nil }
func (recorder) WriteHeader(int)             {}

// told is an error as the user may read it: what the flow says is for them, and anything else for the log.
func (c *console) told(err error) string {
	var says *connect.Error
	if errors.As(err, &says) {
		return sentence(says)
	}
	c.Log.Error("a consent failed", "error", err)
	return "Something is broken here. The daemon's log says what."
}

// arrive is where the browser comes back. Its address has the code in it, which is spent by then.
func (c *console) arrive(r *http.Request) (answer, error) {
	flow, by, err := c.flow(r)
	if err != nil {
		return answer{}, err
	}
	a, err := flow.Finish(r, by)
	b := arrivedBody{OK: err == nil, User: a.User}
	if a.Connection.By != nil {
		b.Connection = a.Connection.String()
	}
	if err != nil {
		b.Says = c.told(err)
		return answer{page: "arrived", title: "Not connected", section: "connect", status: http.StatusConflict, body: b}, nil
	}
	return answer{page: "arrived", title: "Connected", section: "connect", body: b}, nil
}

func (c *console) disconnect(r *http.Request) (answer, error) {
	flow, _, err := c.flow(r)
	if err != nil {
		return answer{}, err
	}
	connection, user := r.PostFormValue("connection"), r.PostFormValue("user")
	if r.PostFormValue("sure") == "" {
		return answer{page: "disconnect", title: "Disconnect?", section: "connect", body: arrivedBody{Connection: connection, User: user}}, nil
	}
	if err := flow.Revoke(r.Context(), connection, user); err != nil {
		return answer{page: "arrived", title: "Not disconnected", section: "connect", status: http.StatusConflict, body: arrivedBody{Connection: connection, User: user, Says: c.told(err)}}, nil
	}
	return answer{to: Base + "/connect?done=disconnect"}, nil
}

// setup is a connection's guide for administrators.
func (c *console) setup(r *http.Request) (answer, error) {
	all := c.guides(r)
	i := slices.IndexFunc(all, func(g Guide) bool { return g.Connection == r.URL.Query().Get("connection") })
	if i < 0 {
		return answer{}, ErrUnknown
	}
	return answer{page: "setup", title: all[i].Title, section: "connect", body: all[i]}, nil
}
