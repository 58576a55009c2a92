// Package eligibility decides whether a meeting is recorded, and says why: every rule is evaluated on
// every meeting and leaves a check in the trace. It is pure: no clock, no I/O.
package eligibility

import (
	"slices"
	"time"

	"example.com/syncd/calendar"
)

// Rules for recording a meeting, as an admin writes them (policy.yaml). NewPolicy sets the defaults.
type Policy struct {
	Company   Company             `json:"company" yaml:"company"`
	Import    map[string]Import   `json:"import" yaml:"import"` // by the driver's name
	Recording Recording           `json:"recording" yaml:"recording"`
	Providers map[string]Provider `json:"providers" yaml:"providers"` // zoom, teams, webex, meet
	Exclude   Exclude             `json:"exclude" yaml:"exclude"`
	Consent   ConsentPolicy       `json:"consent" yaml:"consent"`
	Directory Members             `json:"directory" yaml:"directory"`
}

// Company is who the recording is for.
type Company struct {
	Name            string   `json:"name" yaml:"name"` // also the company segment of consent links unless consent.company is set
	InternalDomains []string `json:"internal_domains" yaml:"internal_domains"`
}

// Import says which copies of one source count.
type Import struct {
	Enabled     bool      `json:"enabled" yaml:"enabled"`           // (false)
	PrimaryOnly *bool     `json:"primary_only" yaml:"primary_only"` // (true)
	LeadTime    *Duration `json:"lead_time" yaml:"lead_time"`       // coordinator (30m)
}

// Values of recording.meetings.
const (
	RecordableHost = "recordable_host"
	CompanyHost    = "company_host"
	Anyone         = "anyone"
)

// Recording says whose meetings are recorded.
type Recording struct {
	Meetings string `json:"meetings" yaml:"meetings"` // (recordable_host) | company_host | anyone
	Internal bool   `json:"internal" yaml:"internal"` // (false)
}

// Set-up statuses of a provider.
const (
	SetupOK      = "ok"
	SetupWarning = "warning"
	SetupError   = "error"
)

// Capture methods.
const (
	ZoomNative       = "zoom_native"
	ZoomLocalBot     = "zoom_local_bot"
	AuthenticatedBot = "authenticated_bot"
	Bot              = "bot"
)

// Provider is how meetings of one provider are captured.
type Provider struct {
	Enabled          bool     `json:"enabled" yaml:"enabled"`             // (false)
	Status           string   `json:"status" yaml:"status"`               // (ok) | warning | error
	StatusDetail     string   `json:"status_detail" yaml:"status_detail"` // a sentence
	Capture          []string `json:"capture" yaml:"capture"`             // ([bot])
	AuthenticatedBot bool     `json:"authenticated_bot" yaml:"authenticated_bot"`
}

// Exclude is what is never recorded.
type Exclude struct {
	Domains       []string `json:"domains" yaml:"domains"`
	Participants  []string `json:"participants" yaml:"participants"`
	TitleKeywords []string `json:"title_keywords" yaml:"title_keywords"`
	Private       *bool    `json:"private" yaml:"private"` // (true)
	// Custom are rules of the company's own. Each is in the trace as custom:NAME.
	Custom []Custom `json:"custom" yaml:"custom"`
}

// ConsentPolicy is about consent-enabled links: https://HOST/COMPANY/USER[/MEETING].
type ConsentPolicy struct {
	Company   string                    `json:"company" yaml:"company"` // (company.name)
	LinkHosts []string                  `json:"link_hosts" yaml:"link_hosts"`
	Profiles  map[string]ConsentProfile `json:"profiles" yaml:"profiles"`
}

// A ConsentProfile says what a member's meetings need.
type ConsentProfile struct {
	Enforce bool              `json:"enforce" yaml:"enforce"`
	Links   map[string]string `json:"links" yaml:"links"` // provider → linkparse.Static | linkparse.Dynamic
}

// Members is the directory as the policy holds it.
type Members struct {
	// File lists further members: YAML (.yaml), CSV (.csv) or JSON Lines (.jsonl), relative to the policy's
	// folder. Whoever reads the policy adds them to Members.
	File    string   `json:"file" yaml:"file"`
	Members []Member `json:"members" yaml:"members"`
}

// A RecordMode is a member's own setting. on and off are strings, whatever a YAML reader makes of them.
type RecordMode string

const (
	RecordOff   RecordMode = "off" // also when empty
	RecordOn    RecordMode = "on"
	RecordNever RecordMode = "never"
)

// A Member is one person of the company.
type Member struct {
	Email          string     `json:"email" yaml:"email"`
	Aliases        []string   `json:"aliases" yaml:"aliases"`
	Name           string     `json:"name" yaml:"name"`
	Seat           bool       `json:"seat" yaml:"seat"`                       // (false)
	Record         RecordMode `json:"record" yaml:"record"`                   // (off) | on | never
	ConsentProfile string     `json:"consent_profile" yaml:"consent_profile"` // (default)
	Zoom           *ZoomUser  `json:"zoom" yaml:"zoom"`
}

// A ZoomUser is what is known of a member's Zoom account.
type ZoomUser struct {
	Email            string   `json:"email" yaml:"email"`
	Licensed         bool     `json:"licensed" yaml:"licensed"`
	AutoRecording    bool     `json:"auto_recording" yaml:"auto_recording"`
	RecordToComputer bool     `json:"record_to_computer" yaml:"record_to_computer"`
	GrantsPermission bool     `json:"grants_permission" yaml:"grants_permission"`
	PersonalRooms    []string `json:"personal_rooms" yaml:"personal_rooms"`
}

// A Duration is written as Go writes it: "30m", "1h30m".
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// A Signal is something a person said about one meeting, or a series when Meeting is a bare UID.
type Signal struct {
	Meeting calendar.Key `json:"meeting"`
	Email   string       `json:"email"`
	Signal  string       `json:"signal"` // SignalOptOut, SignalSkip, SignalRecord
	At      time.Time    `json:"at"`
}

// What people say of a meeting.
const (
	SignalOptOut = "opt_out"
	SignalSkip   = "skip"
	SignalRecord = "record"
)

// Known reports whether the signal is one of those.
func (s Signal) Known() bool {
	return slices.Contains([]string{SignalOptOut, SignalSkip, SignalRecord}, s.Signal)
}
