package syncd

# The rules as Rego. data has policy and directory, input the facts of one meeting.

pass := {"status": "pass"}

na := {"status": "n/a"}

below(domain, list) if domain in list

below(domain, list) if {
	some d in list
	endswith(domain, concat("", [".", d]))
}

recordable(p) if {
	p.response != "declined"
	m := data.directory[p.email]
	m.seat
	m.record == "on"
}

some_recordable if {
	some p in input.people
	recordable(p)
}

fail(detail) := {"status": "fail", "detail": detail}

confirmed := fail("it is cancelled") if input.status == "cancelled"

else := pass

timed := fail("it is no meeting") if input.kind != "default"

else := fail("it lasts more than 24 hours") if input.minutes > 1440

else := fail("it ends before it starts") if input.minutes <= 0

else := pass

recordable_participant := pass if some_recordable

else := fail("no team member can be recorded")

excluded_domains := [p.email | some p in input.people; below(p.domain, data.policy.domains)]

excluded_domain := fail(concat("; ", [sprintf("%s is at an excluded domain", [e]) | some e in excluded_domains])) if count(excluded_domains) > 0

else := pass

excluded_people := [p.email | some p in input.people; p.email in data.policy.participants]

excluded_participant := fail(concat("; ", [sprintf("%s is excluded and takes part", [e]) | some e in excluded_people])) if count(excluded_people) > 0

else := pass

keywords := [k | some k in data.policy.keywords; contains(concat("", [" ", input.words, " "]), concat("", [" ", k, " "]))]

excluded_title := fail(concat("; ", [sprintf("title has the keyword %s", [k]) | some k in keywords])) if count(keywords) > 0

else := pass

private := fail("it is private") if input.visibility in {"private", "confidential"}

else := pass

conference_link := pass if input.provider != ""

else := fail("no conference link stands in the invite")

provider_enabled := na if input.provider == ""

else := pass if data.policy.enabled[input.provider]

else := fail(sprintf("recording of %s is not enabled", [input.provider]))

all_internal if {
	every p in input.people {
		below(p.domain, data.policy.internal)
	}
}

inside := na if not all_internal

else := fail("everybody is on an internal domain") if not data.policy.record_internal

else := pass

nevers := [p.email | some p in input.people; data.directory[p.email].record == "never"]

never_record := fail(concat("; ", [sprintf("%s is never recorded", [e]) | some e in nevers])) if count(nevers) > 0

else := pass

host := pass if recordable(input.host)

else := fail(sprintf("the host %s cannot be recorded", [input.host.email]))

override := na if input.word == ""

else := fail("somebody asked for it not to be recorded") if input.word == "skip"

else := pass

checks := [
	{"rule": "confirmed", "check": confirmed},
	{"rule": "timed", "check": timed},
	{"rule": "recordable_participant", "check": recordable_participant},
	{"rule": "excluded_domain", "check": excluded_domain},
	{"rule": "excluded_participant", "check": excluded_participant},
	{"rule": "excluded_title", "check": excluded_title},
	{"rule": "private", "check": private},
	{"rule": "conference_link", "check": conference_link},
	{"rule": "provider_enabled", "check": provider_enabled},
	{"rule": "internal", "check": inside},
	{"rule": "never_record", "check": never_record},
	{"rule": "host", "check": host},
	{"rule": "override", "check": override},
]
