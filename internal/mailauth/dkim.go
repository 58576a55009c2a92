package mailauth

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// signatures looks for a signature that holds and is aligned with the From.
func (k *check) signatures() (string, error) {
	present := len(k.mail.all("dkim-signature"))
	if present == 0 {
		return "", errors.New("it has no DKIM signature")
	}
	all, err := dkim.VerifyWithOptions(bytes.NewReader(k.mail.signed()), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return k.lookup(name) }, MaxVerifications: maxSignatures,
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return "", fmt.Errorf("its DKIM signatures can't be read")
	}
	why := ""
	for _, v := range all {
		switch {
		case v.Err != nil && strings.Contains(v.Err.Error(), "body hash"):
			why = fmt.Sprintf("the DKIM signature of %s is not of this body: it was changed on its way", v.Domain)
		case v.Err != nil:
			why = fmt.Sprintf("the DKIM signature of %s does not hold (%s)", v.Domain, strings.TrimPrefix(v.Err.Error(), "dkim: "))
		case !v.Time.IsZero() && v.Time.After(k.Now().Add(clockSkew)):
			why = fmt.Sprintf("the DKIM signature of %s is of the future", v.Domain)
		case !k.aligned(v.Domain):
			why = fmt.Sprintf("the DKIM signature is of %s, which does not speak for %s", v.Domain, k.mail.domain)
		default:
			return v.Domain, nil
		}
	}
	return "", errors.New(why)
}

// signed is the mail with the line breaks of the network, as signatures count them.
func (m *message) signed() []byte {
	var b bytes.Buffer
	for _, f := range m.fields {
		b.WriteString(crlf(f.raw))
	}
	b.WriteString("\r\n")
	b.Write(crlfBytes(m.body))
	return b.Bytes()
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

func crlfBytes(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}
