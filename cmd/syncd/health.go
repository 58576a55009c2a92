package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"example.com/syncd/config"
)

// healthCommand asks a running daemon how it is, for those who can't ask by HTTP themselves.
type healthCommand struct {
	configFlag
	URL     string        `help:"Where the daemon answers, in place of the configuration's serve.listen." placeholder:"http://HOST:PORT"`
	Timeout time.Duration `default:"4s" help:"How long it may take to answer (${default})."`
}

// Run asks /readyz. Its error says what the daemon says.
func (c *healthCommand) Run(ctx context.Context, s streams) error {
	url := strings.TrimSuffix(c.URL, "/")
	if url == "" {
		listen, err := listensAt(c.Config)
		if err != nil {
			return err
		}
		url = "http://" + here(listen)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return usageError{fmt.Errorf("--url: %w", err)}
	}
	direct := &http.Transport{DisableKeepAlives: true} // by no proxy of the environment's
	resp, err := direct.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("nobody answers: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		_, err = fmt.Fprintln(s.out, "ready")
		return err
	}
	var p struct{ Detail string }
	if b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10)); err != nil || json.Unmarshal(b, &p) != nil || p.Detail == "" {
		return fmt.Errorf("%s/readyz answers %s", url, resp.Status)
	}
	return fmt.Errorf("not ready: %s", p.Detail)
}

// listensAt is the configuration's serve.listen. Nothing else in it is looked at: a daemon goes on when somebody has
// broken its files meanwhile.
func listensAt(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", usageError{fmt.Errorf("%w; name the configuration by --config, or the daemon by --url", err)}
	}
	var c struct{ Serve struct{ Listen string } }
	if err := yaml.Unmarshal(b, &c); err != nil {
		return "", usageError{fmt.Errorf("%s: %w; name the daemon by --url", file, err)}
	}
	switch c.Serve.Listen {
	case "":
		return config.DefaultListen, nil
	case config.Off:
		return "", usageError{fmt.Errorf("%s: serve.listen is off, so nobody would answer", file)}
	}
	return c.Serve.Listen, nil
}

// here is how this machine reaches HOST:PORT that it listens at.
func here(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip == netip.IPv4Unspecified() {
		host = "127.0.0.1"
	} else if err == nil && ip == netip.IPv6Unspecified() {
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
