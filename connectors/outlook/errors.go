package outlook

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/syncd/connectors"
	"example.com/syncd/connectors/outlook/graph"
	"example.com/syncd/internal/pace"
	"example.com/syncd/internal/retry"
)

// expired are the codes of a delta token that is of no use any more, besides the status 410 ("Use
// delta query": synchronization reset). They are compared without regard to case.
var expired = []string{"syncstatenotfound", "syncstateinvalid", "resyncrequired"}

// remedies say what a person must do, by the code of a 401, 403 or 404. CONSENT is where an administrator consents.
var remedies = map[string]string{
	"ErrorAccessDenied":             "grant the application Calendars.Read (CONSENT), and let RBAC for Applications or its access policy include this mailbox; it may take two hours",
	"Authorization_RequestDenied":   "grant the application User.Read.All, and for a group GroupMember.Read.All, with an administrator's consent (CONSENT), or list the users in the configuration",
	"InvalidAuthenticationToken":    "the token is not accepted; check tenant and cloud",
	"MailboxNotEnabledForRESTAPI":   "the mailbox is unlicensed, inactive or on premises; leave the user out, or license them",
	"MailboxNotSupportedForRESTAPI": "the mailbox is unlicensed, inactive or on premises; leave the user out, or license them",
	"MailboxNotHostedInExchange":    "the mailbox is on premises; leave the user out",
	"ErrorNonExistentMailbox":       "the user has no mailbox",
	"ErrorInvalidUser":              "the user does not exist",
	"Request_ResourceNotFound":      "the user or group does not exist",
	"ResourceNotFound":              "the user or group does not exist",
	"ErrorItemNotFound":             "the calendar does not exist, or belongs to another mailbox",
}

// consentRemedies are those for a 401 or 403 where users consent one by one, CONNECT being the command to do so.
var consentRemedies = map[string]string{
	"ErrorAccessDenied":          "the user has to allow Calendars.Read: CONNECT",
	"InvalidAuthenticationToken": "the user has to consent again: CONNECT",
	"":                           "the user has to consent again: CONNECT",
}

// busy are the statuses by which the service asks to come back later.
var busy = []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 509}

// patience is how long to wait when the service asks for it without saying how long. Not every
// throttling answer says it.
const patience = time.Minute

// graphError is an error's body, as far as there is one: proxies answer in HTML, the service with "{}".
type graphError struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// explain turns an answer that is no success into the contract's errors, with what to do. The user is whose mailbox
// it is about; "" if it is about no one's.
func (c *connector) explain(a graph.Answer, doing, user string) error {
	var e graphError
	_ = json.Unmarshal(a.Body, &e) // an empty error is an answer too
	code := e.Error.Code
	says := fmt.Errorf("outlook: %s: %d %s %s", doing, a.Status, code, e.Error.Message)
	switch {
	case a.Status == http.StatusGone, a.Status >= 400 && a.Status < 500 && slices.Contains(expired, strings.ToLower(code)):
		return fmt.Errorf("%w: %w", says, connectors.ErrCursor)
	case slices.Contains(busy, a.Status):
		// Who is not told about a mailbox is told about all: the directory's limits are the tenant's.
		return c.later(a.Header, says, user == "" || c.pace.Refused(strings.ToLower(user)))
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return fmt.Errorf("%w; %s: %w", says, c.remedy(code, user, "grant the application Calendars.Read and User.Read.All, with an administrator's consent (CONSENT)"), connectors.ErrAccess)
	case a.Status == http.StatusNotFound:
		return fmt.Errorf("%w; %s: %w", says, cmp.Or(remedies[code], "the mailbox or calendar does not exist"), connectors.ErrSource)
	}
	return says
}

// remedy says what to do about a refusal.
func (c *connector) remedy(code, user, otherwise string) string {
	if c.cfg.delegated() {
		return strings.ReplaceAll(cmp.Or(consentRemedies[code], remedies[code], consentRemedies[""]), "CONNECT", c.connect(user))
	}
	return strings.ReplaceAll(cmp.Or(remedies[code], otherwise), "CONSENT", c.adminConsent())
}

// connect is the command by which the user consents.
func (c *connector) connect(user string) string {
	return strings.TrimSpace("syncd connect " + Driver.Name + ":" + c.env.Account + " " + user)
}

// adminConsent is the page on which an administrator consents for everybody ("Admin consent on the Microsoft identity
// platform").
func (c *connector) adminConsent() string {
	return c.loginURL("adminconsent") + "?client_id=" + url.QueryEscape(c.cfg.ClientID)
}

// unnamed says why members have no addresses.
func (c *connector) unnamed(doing string, n int) error {
	return fmt.Errorf("outlook: %s: its %d members come without addresses; grant the application User.Read.All, with an administrator's consent (%s): %w", doing, n, c.adminConsent(), connectors.ErrAccess)
}

// later is for a service that asks to come back.
func (c *connector) later(h http.Header, says error, whole bool) error {
	after, ok := retry.After(&http.Response{Header: h}, c.env.Now())
	if !ok {
		after = patience
	}
	return &connectors.ThrottledError{After: after, Whole: whole, Err: says}
}

// A tokenRemedy is what to do when the token endpoint refuses. CONNECT is the command by which the user consents,
// CONSENT the page for an administrator, PROOF the setting of the application's credentials.
type tokenRemedy string

// tokenRemedies are by the error, which is what to act on ("OAuth 2.0 authorization code flow", error codes).
var tokenRemedies = map[string]tokenRemedy{
	"invalid_client":       "check client_id and PROOF; this concerns every mailbox",
	"unauthorized_client":  "the application is not known in the tenant, or is disabled; this concerns every mailbox",
	"invalid_request":      "check tenant, cloud and client_id",
	"invalid_scope":        "check cloud",
	"invalid_grant":        "have an administrator consent: CONSENT",
	"invalid_resource":     "check cloud",
	"consent_required":     "have an administrator consent: CONSENT",
	"interaction_required": "have an administrator consent: CONSENT",
}

// userRemedies are those where a user's grant is refused.
var userRemedies = map[string]tokenRemedy{
	"invalid_grant":        "the grant is over: CONNECT",
	"interaction_required": "the tenant asks for more than the grant, such as a second factor: CONNECT",
	"consent_required":     "the consent was taken back: CONNECT",
	"login_required":       "the grant is over: CONNECT",
}

// codeRemedies refine them, by the number behind AADSTS ("Microsoft Entra authentication and authorization error
// codes"). Numbers come and go: nothing else hangs on them.
var codeRemedies = map[int]tokenRemedy{
	7000215: "PROOF has another value than the app registration: copy the secret's value, not its id; this concerns every mailbox",
	7000222: "the secret has expired: make a new one in the app registration (Certificates & secrets) and put its value into PROOF; this concerns every mailbox",
	7000218: "the app registration demands credentials: set client_secret_file, or allow public client flows in its authentication settings",
	700025:  "the app registration is of a public client, which has no credentials: leave PROOF out",
	700027:  "upload the certificate in PROOF to the app registration (Certificates & secrets); this concerns every mailbox",
	700024:  "this machine's clock is wrong, or the token in PROOF is old: set the clock by NTP",
	700211:  "the app registration has no federated credential of this issuer; this concerns every mailbox",
	700213:  "the app registration's federated credential is of another subject; this concerns every mailbox",
	700016:  "the tenant does not know client_id: check both, and in another organization's tenant have an administrator consent first (CONSENT)",
	7000112: "the application is disabled in the tenant: enable it among its enterprise applications; this concerns every mailbox",
	90002:   "there is no such tenant: check tenant, and cloud",
	50194:   "the application is of one tenant only: set tenant to its domain or id",
	500011:  "the tenant does not know Microsoft Graph of this cloud: check cloud",
	65001:   "nobody has consented: CONNECT",
	50034:   "the account does not exist any more",
	50057:   "the account is disabled",
	50105:   "the user is not assigned to the application: assign them among its enterprise application's users, or demand no assignment",
	90094:   "have an administrator consent: CONSENT",
	50076:   "the tenant asks for a second factor: CONNECT",
	50079:   "the tenant asks the user to register a second factor: CONNECT",
	53003:   "a conditional access policy of the tenant blocks it: have an administrator exempt the application, then CONNECT",
	50173:   "the grant is over, since the password was changed: CONNECT",
	700082:  "the grant was not used for 90 days: CONNECT",
	700084:  "the grant lasts a day, since the redirect address is a single-page application's: register it for a web or desktop application, then CONNECT",
	54005:   "the code was used before: begin anew by CONNECT",
	50011:   "register each address to which browsers come back; give the same one to syncd connect --listen, or register http://127.0.0.1 for a desktop application",
}

// explainToken says why there is no token. Its description's first line says what is wrong; the others are numbers for
// Microsoft. The user is "" where it is about the application's own.
func (c *connector) explainToken(err error, user string) error {
	var token *oauth2.RetrieveError
	if !errors.As(err, &token) {
		return err
	}
	description, _, _ := strings.Cut(token.ErrorDescription, "\n")
	says := fmt.Errorf("no token: %s %s", token.ErrorCode, strings.TrimSpace(description))
	if r := token.Response; r != nil && (slices.Contains(busy, r.StatusCode) || token.ErrorCode == "temporarily_unavailable") {
		return c.later(r.Header, says, true)
	}
	var more struct {
		Codes []int `json:"error_codes"`
	}
	_ = json.Unmarshal(token.Body, &more) // others than Microsoft have no such numbers
	remedy := tokenRemedies[token.ErrorCode]
	if c.cfg.delegated() && userRemedies[token.ErrorCode] != "" {
		remedy = userRemedies[token.ErrorCode]
	}
	for _, code := range more.Codes {
		remedy = cmp.Or(codeRemedies[code], remedy)
	}
	if remedy == "" {
		return says
	}
	connect := "have an administrator consent: " + c.adminConsent()
	if c.cfg.delegated() {
		connect = c.connect(user)
	}
	proof := "the application's credentials"
	if set := c.cfg.proofs(); len(set) > 0 {
		proof = set[0]
	}
	return fmt.Errorf("%w; %s: %w", says, strings.NewReplacer("CONNECT", connect, "CONSENT", c.adminConsent(), "PROOF", proof).Replace(string(remedy)), connectors.ErrAccess)
}

// explainTransport is for a request that got no answer: most often there was no token for it.
func (c *connector) explainTransport(err error, doing, user string) error {
	// A request's URL has the address and the delta token in it.
	var at *url.Error
	for errors.As(err, &at) {
		err = at.Err
	}
	var exceeded *pace.Exceeded
	if errors.As(err, &exceeded) {
		return &connectors.ThrottledError{After: exceeded.After, Whole: exceeded.Whole || user == "", Err: fmt.Errorf("outlook: %s: %w", doing, exceeded)}
	}
	var throttled *connectors.ThrottledError
	if errors.As(err, &throttled) {
		return &connectors.ThrottledError{After: throttled.After, Whole: throttled.Whole, Err: fmt.Errorf("outlook: %s: %w", doing, throttled.Err)}
	}
	return fmt.Errorf("outlook: %s: %w", doing, err)
}
