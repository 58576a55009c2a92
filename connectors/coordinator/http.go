package coordinator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"example.com/syncd/connectors"
	"example.com/syncd/internal/mailauth"
)

// HTTP is how mail is posted by a service that receives it, to /mail/coordinator/CONNECTION.
type HTTP struct {
	// TokenFile has the password that the service shows: as a bearer token, or as a password of any user.
	TokenFile string `yaml:"token_file"`
}

// maxPost bounds a post: the mail, in base64, and what a service says of it.
const maxPost = 2 * maxMail

// postPatience is how long a post may take.
const postPatience = time.Minute

var _ connectors.MailReceiver = (*connector)(nil)

// A refusal is an answer that takes no mail.
type refusal struct {
	status int
	says   string
}

func (r *refusal) Error() string { return r.says }

// ServeMail takes a mail by POST: as it is (message/rfc822), in the fields in which Mailgun (body-mime) and SendGrid (email)
// post it raw, or in Postmark's JSON (RawEmail). It answers by 200 when the mail is kept, and by 503 when it shall come
// again.
func (c *connector) ServeMail(w http.ResponseWriter, r *http.Request, d connectors.Desk) {
	err := c.receive(w, r, d)
	var no *refusal
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
		return
	case errors.As(err, &no):
	case errors.Is(err, mailauth.ErrTemporary):
		no = &refusal{http.StatusServiceUnavailable, "the DNS does not say now who sent it; post it again later"}
	default:
		c.env.Log.Error("a mail could not be kept; who posted it is asked to post it again", "error", err)
		no = &refusal{http.StatusServiceUnavailable, "it could not be kept; post it again later"}
	}
	switch no.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="syncd"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "300")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(no.status)
	_ = json.NewEncoder(w).Encode(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(no.status), no.status, no.says})
}

func (c *connector) receive(w http.ResponseWriter, r *http.Request, d connectors.Desk) error {
	if c.cfg.HTTP.TokenFile == "" {
		return &refusal{http.StatusNotFound, "this connection takes no mail by HTTP: it has no http.token_file"}
	}
	if err := c.authorize(r); err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetReadDeadline(c.env.Now().Add(postPatience)) // a recorder of a test has none
	r.Body = http.MaxBytesReader(w, r.Body, maxPost)
	p, err := readPost(r)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &refusal{http.StatusRequestEntityTooLarge, "it is larger than an invite may be"}
	case err != nil:
		return err
	case p.to != "" && plain(p.to) != plain(c.cfg.Address):
		return &refusal{http.StatusNotAcceptable, "it is to another address than this connection's"}
	}
	return c.deliver(r.Context(), d, p.mail)
}

// authorize lets in whoever knows the token.
func (c *connector) authorize(r *http.Request) error {
	token, err := c.postToken()
	if err != nil {
		return err
	}
	_, given, _ := r.BasicAuth()
	if scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		given = strings.TrimSpace(bearer)
	}
	want, got := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return &refusal{http.StatusUnauthorized, "show the token in http.token_file, as a bearer token or as a password"}
	}
	return nil
}

// postToken is what whoever posts must show.
func (c *connector) postToken() (string, error) {
	token, err := c.secret("http.token_file", c.cfg.HTTP.TokenFile)
	if err == nil && token == "" {
		err = fmt.Errorf("http.token_file %s is empty; write a long random word into it: %w", c.cfg.HTTP.TokenFile, connectors.ErrAccess)
	}
	if err != nil {
		return "", fmt.Errorf("coordinator: %w", err)
	}
	return token, nil
}

// A post is a mail that was posted.
type post struct {
	mail []byte
	to   string // the address that it came to; "" if it is not said
}

// readPost finds the mail in a post.
func readPost(r *http.Request) (post, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return post{}, &refusal{http.StatusUnsupportedMediaType, "its Content-Type can't be read"}
	}
	switch kind {
	case "multipart/form-data", "application/x-www-form-urlencoded":
		return readForm(r)
	case "application/json":
		return readJSON(r)
	case "", "message/rfc822", "text/plain", "application/octet-stream":
		raw, err := io.ReadAll(r.Body)
		if err == nil && len(raw) == 0 {
			err = &refusal{http.StatusBadRequest, "it is empty: post the mail as it is, as message/rfc822"}
		}
		return post{mail: raw}, err
	}
	return post{}, &refusal{http.StatusUnsupportedMediaType, "post the mail as message/rfc822, or as Mailgun, SendGrid or Postmark do"}
}

// readForm: Mailgun's routes whose address ends in "mime" post body-mime, SendGrid's Inbound Parse email, if raw mail is
// ticked.
func readForm(r *http.Request) (post, error) {
	if err := r.ParseMultipartForm(maxPost); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return post{}, err
	}
	defer func() {
		if r.MultipartForm != nil {
			_ = r.MultipartForm.RemoveAll()
		}
	}()
	for _, field := range []string{"body-mime", "email"} {
		if raw := r.PostFormValue(field); raw != "" {
			p := post{[]byte(raw), r.PostFormValue("recipient")}
			var envelope struct {
				To []string `json:"to"`
			}
			if json.Unmarshal([]byte(r.PostFormValue("envelope")), &envelope) == nil && len(envelope.To) > 0 {
				p.to = envelope.To[0]
			}
			return p, nil
		}
	}
	return post{}, &refusal{http.StatusBadRequest, "it has no raw mail: have Mailgun's route end in \"mime\", or tick SendGrid's \"POST the raw, full MIME message\""}
}

// readJSON: Postmark's inbound webhook, with the raw mail included.
func readJSON(r *http.Request) (post, error) {
	var body struct {
		RawEmail          string
		OriginalRecipient string
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return post{}, err
	case err != nil:
		return post{}, &refusal{http.StatusBadRequest, "it is no JSON object"}
	case body.RawEmail == "":
		return post{}, &refusal{http.StatusBadRequest, "it has no RawEmail: have Postmark include the raw email content"}
	}
	return post{[]byte(body.RawEmail), body.OriginalRecipient}, nil
}
