package linkparse

// Kind says how a field's text is to be read.
type Kind int

const (
	Auto Kind = iota // HTML if it looks like HTML, else text
	Text
	HTML
	URL // one URL and nothing else, as in a provider's structured field
)

// A Field is one place of an event in which a link may stand.
type Field struct {
	Where string // its name, reported back in Link.Where: "conference", "location", "description"
	Kind  Kind
	Text  string
}

// Version is raised whenever Find may answer otherwise for the same text, so that texts that were read
// by an older one are read again.
const Version = 2

// Options are what a company adds to the tables.
type Options struct {
	// ConsentHosts are the hosts of the company's consent-enabled links: https://HOST/COMPANY/USER[/MEETING].
	ConsentHosts []string
}

// Providers whose meetings can be recorded, by the names that Link.Provider uses. Consent is the
// provider of a consent-enabled link, whose target is not known offline.
const (
	Zoom    = "zoom"
	Teams   = "teams"
	Webex   = "webex"
	Meet    = "meet"
	Consent = "consent"
)

// A Link is one conference link, unwrapped and in canonical form.
type Link struct {
	Provider string `json:"provider"`
	// URL is canonical: what a recorder opens. It is "" where a text prints a Teams meeting's number and
	// nothing else: no URL can be made from that.
	URL string `json:"url"`
	// MeetingID is the provider's id. It tells calls apart but for these: names of personal rooms (Zoom's
	// /my/, Webex' /meet/) are unique below the URL's host only, and all meetings of a Teams channel have
	// the channel's thread.
	MeetingID   string   `json:"meeting_id,omitempty"`
	Passcode    string   `json:"passcode,omitempty"` // the URL's own token (pwd, p); without a URL, what people type
	TenantID    string   `json:"tenant_id,omitempty"`
	OrganizerID string   `json:"organizer_id,omitempty"`
	Where       string   `json:"where,omitempty"`      // the Field in which the meeting stands first
	WrappedBy   []string `json:"wrapped_by,omitempty"` // gateways, outermost first
	// Keys are other ids of the same meeting: a Teams invite of 2026 carries two links for one meeting.
	Keys []string `json:"keys,omitempty"`
	// Page is what a consent-enabled link says, and nil for all others.
	Page *ConsentPage `json:"consent,omitempty"`
}

// A ConsentPage asks who joins for consent and leads on to the call. Its URL is
// https://HOST/COMPANY/USER[/MEETING][?provider=NAME].
type ConsentPage struct {
	Company string `json:"company"`
	User    string `json:"user"`
	Meeting string `json:"meeting,omitempty"` // of a dynamic link
	Type    string `json:"type"`              // Static or Dynamic
	// Provider is behind it: Zoom, Teams, Webex or Meet, or "" if the link does not say. Nothing is guessed.
	Provider string `json:"provider,omitempty"`
}

// Types of consent-enabled links: one that always leads to its user's personal room, and one made for a
// meeting.
const (
	Static  = "static"
	Dynamic = "dynamic"
)

// An Opaque is a wrapped link that can't be decoded offline.
type Opaque struct {
	Wrapper string `json:"wrapper"`          // the gateway's label
	Domain  string `json:"domain,omitempty"` // the host that the gateway says is behind it
}

// Found is what the fields hold. Links has the best first and each meeting once.
type Found struct {
	Links  []Link   `json:"links,omitempty"`
	Opaque []Opaque `json:"opaque,omitempty"`
}

// Find returns every conference link in fields, the best first: fields in the order given, and within
// a field in the order of the text, what is quoted from earlier mails last.
//
// One meeting is one link: the one that stands first, in the variant that has the token for guests.
// A Teams invitation's short and long link are one, too. Whatever the fields hold, the work is
// proportional to their length.
func Find(o Options, fields ...Field) Found { return find(o, fields...).found() }
