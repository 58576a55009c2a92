package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
)

// Sessions keep who is logged in.
type Sessions interface {
	scs.CtxStore
	// Sweep drops those that are over.
	Sweep(ctx context.Context) error
}

// person is what a session keeps of whoever logged in. What they may do is looked up whenever they ask.
type person struct {
	Subject  string   `json:"sub,omitempty"`
	Email    string   `json:"email,omitempty"` // "" unless it is believed
	Name     string   `json:"name,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	SeenUnix int64    `json:"seen"`
	// Token is the id of the token by which they came in, fileToken's for that one, "" if by OpenID Connect; Hash is of
	// its text.
	Token string `json:"token,omitempty"`
	Hash  []byte `json:"hash,omitempty"`
}

const (
	sessionCookie = "__Host-syncd"
	sessionLasts  = 12 * time.Hour
	sessionIdles  = 2 * time.Hour
	// seenEvery is how exactly it is kept when somebody was seen last: not every request is worth a write.
	seenEvery = 5 * time.Minute
	personKey = "person"
)

// sessions are scs's, used by hand: most requests only read them.
type sessions struct{ *scs.SessionManager }

func newSessions(kept Sessions) *sessions {
	// Not scs.New, which starts a store of its own.
	return &sessions{&scs.SessionManager{
		Store: kept, Codec: scs.GobCodec{}, Lifetime: sessionLasts, HashTokenInStore: true,
	}}
}

// load is r's context with its session, or an empty one.
func (s *sessions) load(r *http.Request) (context.Context, error) {
	token := ""
	if c, err := r.Cookie(sessionCookie); err == nil {
		token = c.Value
	}
	return s.Load(r.Context(), token)
}

// begin starts a session for p. Whatever the browser had is over: nobody can have given it to them.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, p person, now time.Time) error {
	ctx, err := s.load(r)
	if err != nil {
		return err
	}
	if err := s.RenewToken(ctx); err != nil {
		return err
	}
	if err := s.Clear(ctx); err != nil {
		return err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	s.Put(ctx, personKey, b)
	s.SetDeadline(ctx, now.Add(sessionLasts))
	token, _, err := s.Commit(ctx)
	if err != nil {
		return err
	}
	http.SetCookie(w, hostCookie(sessionCookie, token, sessionLasts))
	return nil
}

// person is who is logged in; ok is false if nobody is.
func (s *sessions) person(r *http.Request, now time.Time) (p person, ok bool, err error) {
	if _, err := r.Cookie(sessionCookie); err != nil {
		return p, false, nil
	}
	ctx, err := s.load(r)
	if err != nil {
		return p, false, err
	}
	b := s.GetBytes(ctx, personKey)
	if b == nil {
		return p, false, nil
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, false, fmt.Errorf("read a session: %w", err)
	}
	idle := now.Sub(time.Unix(p.SeenUnix, 0))
	if idle > sessionIdles {
		return p, false, s.Destroy(ctx)
	}
	if idle >= seenEvery {
		p.SeenUnix = now.Unix()
		if b, err = json.Marshal(p); err != nil {
			return p, false, err
		}
		s.Put(ctx, personKey, b)
		if _, _, err := s.Commit(ctx); err != nil {
			return p, false, err
		}
	}
	return p, true, nil
}

// end ends the session of r's browser.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) error {
	ctx, err := s.load(r)
	if err != nil {
		return err
	}
	if err := s.Destroy(ctx); err != nil {
		return err
	}
	http.SetCookie(w, hostCookie(sessionCookie, "", -1))
	return nil
}

// hostCookie is a cookie that goes back to this host alone, by TLS alone; with a negative age it is dropped.
func hostCookie(name, value string, lasts time.Duration) *http.Cookie {
	age := int(lasts / time.Second)
	if lasts < 0 {
		age = -1
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode}
}
