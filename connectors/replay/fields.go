package replay

import "strings"

// A rule says what is written down of a JSON field.
type rule int

const (
	unknown rule = iota // what nobody looked at counts as private
	keep                // words of the API's, times, numbers
	title
	person
	place
	text
	label
	prose  // what the API says of an error
	secret // opens something
	code   // identifies something
	uid    // of an event, the same in everybody's calendar
	id     // the provider's
	zero   // a number that says where
)

// fields are the providers' JSON fields by what they hold. A field that is missing here is redacted.
var fields = byName(map[rule]string{
	keep: `kind etag @odata.etag changeKey status type created updated createdDateTime lastModifiedDateTime date dateTime timeZone start end
		colorId endTimeUnspecified recurrence transparency visibility sequence responseStatus response time eventType accessRole
		entryPointType entryPointFeatures regionCode attendeesOmitted useDefault method minutes mimeType autoDeclineMode chatStatus
		nextPageToken nextSyncToken pageToken syncToken expiration backgroundColor foregroundColor allowedConferenceSolutionTypes
		primary deleted hidden selected locale creationTime lastLoginTime suspensionReason capacity resourceType resourceCategory
		code reason domain locationType @type errorCode
		originalStart originalEndTimeZone originalStartTimeZone importance sensitivity showAs isAllDay isCancelled isDraft contentType
		onlineMeetingProvider allowedOnlineMeetingProviders defaultOnlineMeetingProvider meetingMessageType locationUriType
		uniqueIdType pattern range interval firstDayOfWeek daysOfWeek dayOfMonth month index startDate endDate numberOfOccurrences
		recurrenceTimeZone hasAttachments userType accountEnabled usageLocation preferredLanguage color hexColor role
		changeType expirationDateTime meetingType conferenceType additionalGuests maxAttendees`,
	title:  `summary subject title summaryOverride calendarName categories fileName`,
	person: `displayName name givenName familyName fullName surname nickname jobTitle department companyName organization`,
	place: `location street city state postalCode countryOrRegion officeLocation uniqueId buildingId floorId floorName floorSection
		floorSectionId floorLabel deskId building resourceName generatedResourceName`,
	text:   `description content bodyPreview notes comment declineMessage resourceDescription userVisibleDescription textPlain`,
	label:  `label`,
	prose:  `message debugMessage extendedHelp`,
	secret: `pwd passcode password token access_token refresh_token id_token client_secret assertion client_assertion signature clientState private_key secret`,
	code: `pin accessCode meetingCode conferenceId requestId fileId realMeetingId meetingUuid quickDial
		customerId resourceId transactionId tenantId Tid Oid`,
	uid:  `iCalUID iCalUId uid`,
	id:   `id recurringEventId seriesMasterId occurrenceId`,
	zero: `latitude longitude altitude accuracy altitudeAccuracy`,
})

func byName(table map[rule]string) map[string]rule {
	m := map[string]rule{}
	for r, names := range table {
		for _, n := range strings.Fields(names) {
			m[n] = r
		}
	}
	return m
}

// ruleOf is how a field is treated that stands in an object which is itself the value of parent.
func ruleOf(parent, field string) rule {
	switch {
	case strings.HasPrefix(field, "@odata."):
		return keep
	case field == "displayName" && (parent == "location" || parent == "locations"):
		return place
	case (field == "location" || field == "domain") && parent == "errors":
		return keep
	case field == "timeZone" || field == "value" && parent == "timeZone":
		return keep
	}
	return fields[field]
}

// chosenNames are the objects whose very field names somebody chose.
var chosenNames = map[string]bool{"private": true, "shared": true, "customSchemas": true, "extensions": true}

// products are names that stand where people's names do, in everybody's calendar.
var products = map[string]bool{
	"Google Meet": true, "Zoom Meeting": true, "Cisco Webex": true, "Webex": true, "Microsoft Teams": true,
	"Microsoft Teams Meeting": true, "Microsoft Teams meeting": true, "Calendar": true, "Video call": true,
}

// kinds are the pseudonyms' names.
var kinds = map[rule]string{title: "Title", person: "Person", place: "Place", text: "Text", label: "Label", unknown: "Value"}

// prefixes of a title are a mail program's.
var prefixes = []string{"Canceled: ", "Cancelled: ", "Updated: ", "FW: ", "Fwd: ", "RE: ", "Re: "}

// steady are the parts of a link's path that say what kind of link it is.
var steady = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`
		j my w s wc join start meet l meetup-join meetup j.php url v1 v2 v3 v4 lookup calendar event r eventedit owa item items
		calendarview drive file folders document spreadsheets presentation open d edit view evergreen-assets safelinks
		atp-safelinks.html mail safelink.html safelink redirect redir.aspx redir browser query wis clicktime link l.php safety go
		dl launcher launcher.html light-meetings launch _ joinservice sites meeting download webappng wbxmjs e.php k2 g.php m.php p.php
		meeting-join info register rec play share postattendee wi meetingsjs webinar tz events personal a safeproxy securelink sr
		CL0 L0 L1 1 huddle client room test us calendars users video phone pin dialin meetup-details conference_number u 0 channel team message
		meetingoptions JoinTeamsMeeting LearnAboutTeamsMeetings zoomconference web about home signin login scheduler
		integrations userconferencesettings index.html embed onlinemeetings conf join-by-phone ejl onstage _meet fmlurlsvc`) {
		m[strings.ToLower(w)] = true
	}
	return m
}()

// opensCall are the parameters of links whose values let one in.
var opensCall = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`pwd passcode password pin token tk p access_token refresh_token id_token client_secret assertion
		signature sig code key auth jwt otp zak secret`) {
		m[n] = true
	}
	return m
}()
