package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"example.com/syncd/internal/folder"
	"example.com/syncd/schedule"
)

// A Prober is a sink that can tell whether whoever it is for could be told, without telling anything.
type Prober interface {
	// Probe says in some words what has been tried. The error says what to mend.
	Probe(ctx context.Context) (says string, err error)
}

var (
	_ Prober = (*File)(nil)
	_ Prober = (*Webhook)(nil)
	_ Prober = (*Failover)(nil)
	_ Prober = (*recorder)(nil)
)

// Probe looks whether the file may be written to, or made. It is neither.
func (f *File) Probe(context.Context) (string, error) {
	out, err := os.OpenFile(f.name, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		return "it can be written to", out.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := folder.CanMake(f.name); err != nil {
		return "", fmt.Errorf("%s could not be made: %w", f.name, err)
	}
	return "it can be made", nil
}

// Probe connects to the receiver, as far as TLS, and reads the secrets. Nothing is sent.
func (w *Webhook) Probe(ctx context.Context) (string, error) {
	if _, err := w.secrets(); err != nil {
		return "", err
	}
	return w.requester.reach(ctx, w.config.URL)
}

// reach connects to the host of an address, and says how far it came.
func (r *requester) reach(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("url can't be read") // it is not repeated: it may hold a token
	}
	host := net.JoinHostPort(u.Hostname(), strconv.Itoa(int(port(u))))
	t, _ := r.http.Transport.(*http.Transport)
	if t == nil {
		return "", errors.New("there is nothing to connect by")
	}
	conn, err := t.DialContext(ctx, "tcp", host)
	if err != nil {
		return "", fmt.Errorf("%s can't be reached: %w", host, err)
	}
	defer conn.Close()
	if u.Scheme == "http" {
		return "it can be reached", nil
	}
	if err := tls.Client(conn, &tls.Config{ServerName: u.Hostname()}).HandshakeContext(ctx); err != nil {
		return "", fmt.Errorf("%s: TLS fails: %w", host, err)
	}
	return "it can be reached, its certificate is good", nil
}

// nobody is an id that no bot has.
const nobody = "00000000-0000-0000-0000-000000000000"

// Each vendor has something that may be asked at any time, with the key, and changes nothing: a bot that there is not, or
// which bots there are. Lists are scarce at some vendors.
func (r *recall) harmless() (*api, string) { return r.api, r.path(nobody) }

func (a *attendee) harmless() (*api, string) { return a.api, a.path("bot_" + nobody) }

func (m *meetingBaas) harmless() (*api, string) { return m.api, "/v2/bots/scheduled/" + nobody }

func (v *vexa) harmless() (*api, string) { return v.api, "/bots/status" }

// Probe asks the vendor, with the key, for something that changes nothing.
func (r *recorder) Probe(ctx context.Context) (string, error) {
	v, ok := r.vendor.(interface{ harmless() (*api, string) })
	if !ok {
		return "it was not asked", nil
	}
	a, path := v.harmless()
	err := a.call(ctx, time.Time{}, http.MethodGet, path, nil, nil, nil)
	switch s := status(err); {
	case err == nil, s == http.StatusNotFound:
		return r.limits.vendor + " takes the key", nil
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return "", fmt.Errorf("%w: it does not take the key in key_file %s", err, r.config.KeyFile)
	case s == http.StatusTooManyRequests:
		return r.limits.vendor + " can be reached; it is too busy to say whether it takes the key", nil
	}
	return "", err
}

// Probe probes all of its targets.
func (f *Failover) Probe(ctx context.Context) (string, error) {
	var errs []error
	for _, t := range f.config.targets {
		if _, err := ProbeTarget(ctx, t); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.Name, err))
		}
	}
	if len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	return fmt.Sprintf("all of its %d targets can be told", len(f.config.targets)), nil
}

// ProbeTarget probes a target, if it can be.
func ProbeTarget(ctx context.Context, t schedule.Target) (string, error) {
	if p, ok := t.Sink.(Prober); ok {
		return p.Probe(ctx)
	}
	return "there is nothing to try", nil
}
