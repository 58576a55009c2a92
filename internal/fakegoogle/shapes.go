package fakegoogle

import "strings"

// shapes are the fields that a mask may name, by the schema of the discovery documents. A field of
// another schema has its name behind a colon; one in which anything may stand, a star. A test compares
// them with the documents.
var shapes = parseShapes(map[string]string{
	"calendar.Calendar":                            `autoAcceptInvitations conferenceProperties:calendar.ConferenceProperties dataOwner description etag id kind labelProperties:calendar.LabelProperties location summary timeZone`,
	"calendar.CalendarList":                        `etag items:calendar.CalendarListEntry kind nextPageToken nextSyncToken`,
	"calendar.CalendarListEntry":                   `accessRole autoAcceptInvitations backgroundColor colorId conferenceProperties:calendar.ConferenceProperties dataOwner defaultReminders:calendar.EventReminder deleted description etag foregroundColor hidden id kind location notificationSettings:* primary selected summary summaryOverride timeZone`,
	"calendar.Channel":                             `address expiration id kind params:* payload resourceId resourceUri token type`,
	"calendar.ConferenceData":                      `conferenceId conferenceSolution:calendar.ConferenceSolution createRequest:calendar.CreateConferenceRequest entryPoints:calendar.EntryPoint notes parameters:calendar.ConferenceParameters signature`,
	"calendar.ConferenceParameters":                `addOnParameters:calendar.ConferenceParametersAddOnParameters`,
	"calendar.ConferenceParametersAddOnParameters": `parameters:*`,
	"calendar.ConferenceProperties":                `allowedConferenceSolutionTypes`,
	"calendar.ConferenceRequestStatus":             `statusCode`,
	"calendar.ConferenceSolution":                  `iconUri key:calendar.ConferenceSolutionKey name`,
	"calendar.ConferenceSolutionKey":               `type`,
	"calendar.CreateConferenceRequest":             `conferenceSolutionKey:calendar.ConferenceSolutionKey requestId status:calendar.ConferenceRequestStatus`,
	"calendar.EntryPoint":                          `accessCode entryPointFeatures entryPointType label meetingCode passcode password pin regionCode uri`,
	"calendar.Event":                               `anyoneCanAddSelf attachments:calendar.EventAttachment attendees:calendar.EventAttendee attendeesOmitted birthdayProperties:calendar.EventBirthdayProperties colorId conferenceData:calendar.ConferenceData created creator:* description end:calendar.EventDateTime endTimeUnspecified etag eventLabelId eventType extendedProperties:* focusTimeProperties:calendar.EventFocusTimeProperties gadget:* guestsCanInviteOthers guestsCanModify guestsCanSeeOtherGuests hangoutLink htmlLink iCalUID id kind location locked organizer:* originalStartTime:calendar.EventDateTime outOfOfficeProperties:calendar.EventOutOfOfficeProperties privateCopy recurrence recurringEventId reminders:* sequence source:* start:calendar.EventDateTime status summary transparency updated visibility workingLocationProperties:calendar.EventWorkingLocationProperties`,
	"calendar.EventAttachment":                     `fileId fileUrl iconLink mimeType title`,
	"calendar.EventAttendee":                       `additionalGuests asyncOperation comment displayName email id optional organizer resource responseStatus self`,
	"calendar.EventBirthdayProperties":             `contact customTypeName type`,
	"calendar.EventDateTime":                       `date dateTime timeZone`,
	"calendar.EventFocusTimeProperties":            `autoDeclineMode chatStatus declineMessage`,
	"calendar.EventLabel":                          `backgroundColor id name`,
	"calendar.EventOutOfOfficeProperties":          `autoDeclineMode declineMessage`,
	"calendar.EventReminder":                       `method minutes`,
	"calendar.EventWorkingLocationProperties":      `customLocation:* homeOffice:* officeLocation:* type`,
	"calendar.Events":                              `accessRole defaultReminders:calendar.EventReminder description etag items:calendar.Event kind nextPageToken nextSyncToken summary timeZone updated`,
	"calendar.LabelProperties":                     `eventLabels:calendar.EventLabel`,
	"admin.GuestAccountInfo":                       `primaryGuestEmail`,
	"admin.Member":                                 `delivery_settings email etag id kind role status type`,
	"admin.Members":                                `etag kind members:admin.Member nextPageToken`,
	"admin.User":                                   `addresses:* agreedToTerms aliases archivalTime archived changePasswordAtNextLogin creationTime customSchemas:* customerId deletionTime emails:* etag externalIds:* gender:* guestAccountInfo:admin.GuestAccountInfo hashFunction id ims:* includeInGlobalAddressList ipWhitelisted isAdmin isDelegatedAdmin isEnforcedIn2Sv isEnrolledIn2Sv isGuestUser isMailboxSetup keywords:* kind languages:* lastLoginTime locations:* name:admin.UserName nonEditableAliases notes:* orgUnitPath organizations:* password phones:* posixAccounts:* primaryEmail recoveryEmail recoveryPhone relations:* sshPublicKeys:* suspended suspensionReason suspensionTime thumbnailPhotoEtag thumbnailPhotoUrl websites:*`,
	"admin.UserName":                               `displayName familyName fullName givenName`,
	"admin.Users":                                  `etag kind nextPageToken trigger_event users:admin.User`,
	"people.Date":                                  `day month year`,
	"people.EmailAddress":                          `displayName formattedType metadata:people.FieldMetadata type value`,
	"people.FieldMetadata":                         `primary source:people.Source sourcePrimary verified`,
	"people.ListDirectoryPeopleResponse":           `nextPageToken nextSyncToken people:people.Person`,
	"people.Name":                                  `displayName displayNameLastFirst familyName givenName honorificPrefix honorificSuffix metadata:people.FieldMetadata middleName phoneticFamilyName phoneticFullName phoneticGivenName phoneticHonorificPrefix phoneticHonorificSuffix phoneticMiddleName unstructuredName`,
	"people.Organization":                          `costCenter current department domain endDate:people.Date formattedType fullTimeEquivalentMillipercent jobDescription location metadata:people.FieldMetadata name phoneticName startDate:people.Date symbol title type`,
	"people.Person":                                `addresses:* ageRange:* ageRanges:* biographies:* birthdays:* braggingRights:* calendarUrls:* clientData:* coverPhotos:* emailAddresses:people.EmailAddress etag events:* externalIds:* fileAses:* genders:* imClients:* interests:* locales:* locations:* memberships:* metadata:people.PersonMetadata miscKeywords:* names:people.Name nicknames:* occupations:* organizations:people.Organization phoneNumbers:* photos:* relations:* relationshipInterests:* relationshipStatuses:* residences:* resourceName sipAddresses:* skills:* taglines:* urls:* userDefined:*`,
	"people.PersonMetadata":                        `deleted linkedPeopleResourceNames objectType previousResourceNames sources:people.Source`,
	"people.ProfileMetadata":                       `objectType userTypes`,
	"people.Source":                                `etag id profileMetadata:people.ProfileMetadata type updateTime`,
})

// shape is a schema's fields, and the schemas of what is in them: "" for plain values.
type shape map[string]string

func parseShapes(text map[string]string) map[string]shape {
	all := map[string]shape{}
	for name, fields := range text {
		all[name] = shape{}
		for _, f := range strings.Fields(fields) {
			field, of, _ := strings.Cut(f, ":")
			all[name][field] = of
		}
	}
	return all
}
