package graph

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// silent answers everything with nothing.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader("{}")), Request: r,
	}, nil
}

// TestTogether: requests of all kinds are sent at the same time. The SDK's builders don't bear that: the process would end
// by "concurrent map writes", which nothing recovers from.
func TestTogether(t *testing.T) {
	c, err := New(&http.Client{Transport: silent{}}, "https://graph.example/v1.0")
	if err != nil {
		t.Fatal(err)
	}
	eve := Calendar{User: "eve@acme.de"}
	var g errgroup.Group
	for range 16 {
		g.Go(func() error {
			for range 300 {
				if _, err := c.Subscribe(t.Context(), eve, "https://syncd.example/push", "state", time.Unix(1_800_000_000, 0)); err != nil {
					return err
				}
				if _, err := c.Renew(t.Context(), "id", time.Unix(1_800_000_000, 0)); err != nil {
					return err
				}
				if _, err := c.Subscriptions(t.Context(), ""); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
