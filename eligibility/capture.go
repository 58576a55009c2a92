package eligibility

import (
	"maps"
	"slices"
	"strings"

	"example.com/syncd/linkparse"
)

// captureMethods are the ways to record a provider's calls, best first.
var captureMethods = map[string][]string{
	linkparse.Zoom:  {ZoomNative, ZoomLocalBot, Bot},
	linkparse.Teams: {AuthenticatedBot, Bot},
	linkparse.Webex: {AuthenticatedBot, Bot},
	linkparse.Meet:  {Bot},
}

// CaptureMethods are the providers whose calls can be recorded, each with the ways to do it, best first.
func CaptureMethods() map[string][]string { return maps.Clone(captureMethods) }

// available are what each method but the plain bot needs: why says what it lacks, "" if nothing; risk
// is what may still go wrong.
var available = map[string]func(f *facts) (why, risk string){
	ZoomNative:       zoomNative,
	ZoomLocalBot:     zoomLocalBot,
	AuthenticatedBot: authenticatedBot,
	Bot:              func(*facts) (string, string) { return "", "" },
}

// methods are what is left to capture a call with.
type methods struct {
	left    []string
	dropped []string // "zoom_native: why"
	risks   []string
}

func (f *facts) findMethods() {
	if f.provider == "" {
		return
	}
	listed := f.policy.Providers[f.provider].Capture
	if listed == nil { // absent; an empty list is the wish to use none
		listed = []string{Bot}
	}
	for _, m := range captureMethods[f.provider] {
		if !slices.Contains(listed, m) {
			continue
		}
		why, risk := available[m](f)
		if why != "" {
			f.methods.dropped = append(f.methods.dropped, m+": "+why)
			continue
		}
		f.methods.left = append(f.methods.left, m)
		if risk != "" {
			f.methods.risks = append(f.methods.risks, m+": "+risk)
		}
	}
}

// zoomUser is the host's own Zoom user; why says what stands in the way of knowing one.
func (f *facts) zoomUser() (u *ZoomUser, why string) {
	if f.host.member == nil {
		return nil, "the host " + f.host.String() + " is no team member"
	}
	if f.host.member.Zoom == nil {
		return nil, "the directory has no Zoom user of " + f.host.String()
	}
	return f.host.member.Zoom, ""
}

func zoomNative(f *facts) (why, risk string) {
	u, why := f.zoomUser()
	switch {
	case u == nil:
		return why, ""
	case !u.Licensed:
		return "the Zoom user of " + f.host.String() + " is not licensed", ""
	case !u.AutoRecording:
		return "the Zoom user of " + f.host.String() + " may not record by itself", ""
	case f.owns == "":
		return "", "nothing says which Zoom user owns the meeting; if it is not " + f.host.String() + "'s, Zoom does not record it"
	case fold(f.owns) != fold(u.Email) && !f.same(f.owns, f.host.member.Email):
		return "the Zoom meeting belongs to " + fold(f.owns) + ", not to the host " + f.host.String(), ""
	}
	return "", ""
}

func zoomLocalBot(f *facts) (why, risk string) {
	u, why := f.zoomUser()
	switch {
	case u == nil:
		return why, ""
	case !u.RecordToComputer:
		return "the Zoom user of " + f.host.String() + " may not record to the computer", ""
	case !u.GrantsPermission:
		return "", "without the Zoom app " + f.host.String() + " must grant the permission in the meeting"
	}
	return "", ""
}

func authenticatedBot(f *facts) (why, risk string) {
	if !f.policy.Providers[f.provider].AuthenticatedBot {
		return "it is not set up (providers." + f.provider + ".authenticated_bot)", ""
	}
	return "", ""
}

func checkCapture(f *facts) (Status, string) {
	switch {
	case f.link == nil:
		return NotApplicable, "there is no link"
	case f.provider == "":
		return Fail, "the consent link does not say which provider is behind it"
	case len(f.methods.left)+len(f.methods.dropped) == 0:
		return Fail, "no way to record " + f.provider + " is listed"
	}
	detail := strings.Join(append(slices.Clone(f.methods.dropped), f.methods.risks...), "; ")
	switch {
	case len(f.methods.left) == 0:
		return Fail, "no way to record is left: " + detail
	case len(f.methods.risks) > 0:
		return Warn, detail
	}
	return Pass, detail
}

func checkBotAdmission(f *facts) (Status, string) {
	switch {
	case f.provider == "":
		return NotApplicable, noProvider
	case f.provider != linkparse.Teams && f.provider != linkparse.Webex || len(f.methods.left) == 0:
		return NotApplicable, "no bot joins Teams or Webex"
	case slices.Contains(f.methods.left, AuthenticatedBot):
		return Pass, ""
	}
	return Warn, "a bot joins as a guest: the tenant may ask it for a CAPTCHA, leave it in the lobby or refuse it"
}
