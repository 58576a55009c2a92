package deliver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"example.com/syncd/schedule"
)

// WebhookConfig is the settings of a Webhook.
type WebhookConfig struct {
	URL string `yaml:"url" jsonschema:"minLength=1"` // where revisions are POSTed, https://…
	// SecretsFile has the secrets that sign, one a line, as "whsec_…". Several sign side by side, so that one can be
	// replaced by another. It is read at each delivery.
	SecretsFile string `yaml:"secrets_file" jsonschema:"minLength=1"`
	// Source is the CloudEvents attribute of that name: it tells several daemons apart (/syncd)
	Source  string        `yaml:"source" jsonschema:"minLength=1"`
	Timeout time.Duration `yaml:"timeout"` // how long an answer may take, 1s to 1m (20s)
	// AllowNetworks are private networks that the receiver may be in, as 10.1.0.0/16. All addresses that are not public
	// are refused otherwise, the loopback among them.
	AllowNetworks []netip.Prefix `yaml:"allow_networks"`
	AllowHTTP     bool           `yaml:"allow_http"` // send to an address without TLS (false)
}

// NewWebhookConfig has the defaults.
func NewWebhookConfig() *WebhookConfig {
	return &WebhookConfig{Source: "/syncd", Timeout: 20 * time.Second}
}

// Validate checks every setting but for what is in the file.
func (c *WebhookConfig) Validate() error {
	var errs []error
	if err := checkURL(c.URL, c.AllowHTTP); err != nil {
		errs = append(errs, fmt.Errorf("url %w", err))
	} else if strings.HasPrefix(c.URL, "http:") && !c.AllowHTTP {
		errs = append(errs, errors.New("url must be https, or set allow_http: true"))
	}
	if c.SecretsFile == "" {
		errs = append(errs, errors.New("secrets_file is missing: name the file of the secrets that sign"))
	}
	if _, err := url.Parse(c.Source); err != nil || c.Source == "" {
		errs = append(errs, errors.New("source must be a URI such as /syncd or https://syncd.acme.com"))
	}
	errs = append(errs, checkTimeout(c.Timeout))
	for _, n := range c.AllowNetworks {
		if n != n.Masked() {
			errs = append(errs, fmt.Errorf("allow_networks: %s names a host in a network: write %s", n, n.Masked()))
		}
	}
	return errors.Join(errs...)
}

func checkTimeout(t time.Duration) error {
	if t < time.Second || t > time.Minute {
		return fmt.Errorf("timeout must be between 1s and 1m, not %s", t)
	}
	return nil
}

// Open makes the sink.
func (c *WebhookConfig) Open(name string, env Env) (schedule.Target, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return schedule.Target{}, errors.New("url can't be read") // it is not repeated: it may hold a token
	}
	return schedule.Target{Name: name, Sink: &Webhook{
		config: *c, name: name, env: env, requester: newRequester(c.Timeout, guardian(u, c.AllowNetworks), env.Resolver),
	}}, nil
}

// Webhook is a sink that POSTs each revision, signed as Standard Webhooks says, as a CloudEvent. A receiver skips an id
// that it has seen.
type Webhook struct {
	config    WebhookConfig
	name      string
	env       Env
	requester *requester
}

var (
	_ schedule.Sink = (*Webhook)(nil)
	_ Config        = (*WebhookConfig)(nil)
)

// cloudEvent is CloudEvents 1.0 in its structured JSON form.
type cloudEvent struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Source          string `json:"source"`
	Type            string `json:"type"`
	Subject         string `json:"subject"`
	Time            string `json:"time"`
	DataContentType string `json:"datacontenttype"`
	// Sequence is the extension of that name: the revision, in digits that can be compared as text.
	Sequence string            `json:"sequence"`
	Data     schedule.Schedule `json:"data"`
}

// Deliver POSTs the revision. An answer 2xx is done, 410 says that nothing more is wanted; anything else comes again,
// as Standard Webhooks recommends: a 400 is mended at the receiver, and the revision must not be lost meanwhile.
func (w *Webhook) Deliver(ctx context.Context, d schedule.Delivery) (schedule.Receipt, error) {
	err := w.deliver(ctx, d)
	if err != nil {
		err = fmt.Errorf("webhook %s: %w", w.name, err)
	}
	return schedule.Receipt{}, err
}

func (w *Webhook) deliver(ctx context.Context, d schedule.Delivery) error {
	secrets, err := w.secrets()
	if err != nil {
		return err
	}
	s := d.Schedule
	id := cmp.Or(d.Key, fmt.Sprintf("%s.%d", s.ID, s.Revision)) // a webhook without an id can't be verified
	body, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: id, Source: w.config.Source, Type: "syncd.schedule." + string(s.State), Subject: s.ID,
		Time: cmp.Or(d.Written, d.Now).UTC().Format(time.RFC3339), DataContentType: "application/json", Sequence: fmt.Sprintf("%010d", s.Revision), Data: s,
	})
	if err != nil {
		return err
	}
	header, err := sign(secrets, id, w.env.Now(), body)
	if err != nil {
		return err
	}
	header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	header.Set("User-Agent", "syncd")
	a, err := w.requester.do(ctx, http.MethodPost, w.config.URL, header, body)
	if err != nil {
		return err
	}
	return webhookAnswer(a, w.env.Now())
}

func webhookAnswer(a answer, now time.Time) error {
	status := fmt.Errorf("the receiver answered %d %s", a.status, http.StatusText(a.status))
	switch {
	case a.status/100 == 2:
		return nil
	case a.status == http.StatusGone:
		return fmt.Errorf("%w: it wants no more webhooks; remove the target from the configuration: %w", status, schedule.ErrRejected)
	case a.status/100 == 3:
		return fmt.Errorf("%w: redirects are not followed; set url to where it leads", status)
	case a.header.Get("Retry-After") != "", a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable,
		a.status == http.StatusBadGateway, a.status == http.StatusGatewayTimeout:
		return &schedule.RetryError{After: a.retryAfter(now, 30*time.Second), Err: status}
	}
	return status
}

// sign makes the three headers of Standard Webhooks, with a signature for each secret.
func sign(secrets []*standardwebhooks.Webhook, id string, now time.Time, body []byte) (http.Header, error) {
	var signatures []string
	for _, s := range secrets {
		one, err := s.Sign(id, now, body)
		if err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, one)
	}
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return h, nil
}

// secrets reads the secrets anew: whoever replaces one restarts nothing.
func (w *Webhook) secrets() ([]*standardwebhooks.Webhook, error) {
	b, err := w.env.ReadFile(w.config.SecretsFile)
	if err != nil {
		return nil, fmt.Errorf("secrets_file: %w", err)
	}
	var all []*standardwebhooks.Webhook
	n := 0
	for line := range bytes.Lines(b) {
		n++
		text := strings.TrimSpace(string(line))
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		// The text is not repeated: it is secret. The length is the specification's.
		text, prefixed := strings.CutPrefix(text, "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !prefixed || len(key) < 24 || len(key) > 64 {
			return nil, fmt.Errorf("secrets_file: line %d of %s is no secret: it must be whsec_ and the base64 of 24 to 64 random bytes", n, w.config.SecretsFile)
		}
		secret, err := standardwebhooks.NewWebhookRaw(key)
		if err != nil {
			return nil, fmt.Errorf("secrets_file: %w", err)
		}
		all = append(all, secret)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("secrets_file: there is no secret in %s", w.config.SecretsFile)
	}
	return all, nil
}
