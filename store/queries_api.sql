-- What the API asks for, and what it keeps. The dialect is that of queries.sql. Lists go on behind a place (start and
-- id), never by counting rows. A text in such a place is CAST, since sqlc takes it for a number
-- otherwise, and then written as || '', since SQLite does not look for a CAST in an index.

-- name: PutToken :exec
INSERT INTO tokens (id, name, hash, scopes, email, made_at, until_at)
VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(hash), sqlc.arg(scopes), sqlc.arg(email), sqlc.arg(made_at), sqlc.arg(until_at));

-- name: Token :one
SELECT * FROM tokens WHERE id = sqlc.arg(id);

-- name: Tokens :many
SELECT * FROM tokens ORDER BY made_at, id;

-- name: RevokeToken :execrows
UPDATE tokens SET revoked_at = sqlc.arg(revoked_at) WHERE id = sqlc.arg(id) AND revoked_at = 0;

-- name: UseToken :exec
UPDATE tokens SET used_at = CAST(sqlc.arg(used_at) AS bigint) WHERE id = sqlc.arg(id) AND used_at < CAST(sqlc.arg(used_at) AS bigint);

-- name: Session :one
SELECT data FROM sessions WHERE token = sqlc.arg(token) AND until_at > sqlc.arg(now);

-- name: PutSession :exec
INSERT INTO sessions (token, data, until_at) VALUES (sqlc.arg(token), sqlc.arg(data), sqlc.arg(until_at))
ON CONFLICT (token) DO UPDATE SET data = excluded.data, until_at = excluded.until_at;

-- name: DropSession :exec
DELETE FROM sessions WHERE token = sqlc.arg(token);

-- name: DropSessionsOver :exec
DELETE FROM sessions WHERE until_at <= sqlc.arg(now);

-- name: PutServeKey :exec
INSERT INTO serve_keys (name, value) VALUES (sqlc.arg(name), sqlc.arg(value)) ON CONFLICT (name) DO NOTHING;

-- name: ServeKey :one
SELECT value FROM serve_keys WHERE name = sqlc.arg(name);

-- name: PutMeetingIndex :exec
INSERT INTO meeting_index (meeting, series, start_at, end_at, decided_at, recorded, held, title, folded, provider, owner, failing)
VALUES (sqlc.arg(meeting), sqlc.arg(series), sqlc.arg(start_at), sqlc.arg(end_at), sqlc.arg(decided_at), sqlc.arg(recorded), sqlc.arg(held),
        sqlc.arg(title), sqlc.arg(folded), sqlc.arg(provider), sqlc.arg(owner), sqlc.arg(failing))
ON CONFLICT (meeting) DO UPDATE
SET start_at = excluded.start_at, end_at = excluded.end_at, decided_at = excluded.decided_at, recorded = excluded.recorded, held = excluded.held,
    title = excluded.title, folded = excluded.folded, provider = excluded.provider, owner = excluded.owner, failing = excluded.failing;

-- name: DropMeetingFailures :exec
DELETE FROM meeting_failures WHERE meeting = sqlc.arg(meeting);

-- name: PutMeetingFailure :exec
INSERT INTO meeting_failures (rule, start_at, meeting) VALUES (sqlc.arg(rule), sqlc.arg(start_at), sqlc.arg(meeting)) ON CONFLICT DO NOTHING;

-- name: PutScheduleIndex :exec
INSERT INTO schedule_index (schedule, start_at, state, provider, data)
VALUES (sqlc.arg(schedule), sqlc.arg(start_at), sqlc.arg(state), sqlc.arg(provider), sqlc.arg(data))
ON CONFLICT (schedule) DO UPDATE SET start_at = excluded.start_at, state = excluded.state, provider = excluded.provider, data = excluded.data;

-- name: DropScheduleMembers :exec
DELETE FROM schedule_members WHERE schedule = sqlc.arg(schedule);

-- name: PutScheduleMember :exec
INSERT INTO schedule_members (member, start_at, schedule) VALUES (sqlc.arg(member), sqlc.arg(start_at), sqlc.arg(schedule)) ON CONFLICT DO NOTHING;

-- name: UnindexedSchedules :many
SELECT schedules.data FROM schedules LEFT JOIN schedule_index ON schedule_index.schedule = schedules.id
WHERE schedule_index.schedule IS NULL ORDER BY schedules.id LIMIT sqlc.arg(most);

-- name: ListMeetings :many
SELECT * FROM meeting_index
WHERE (start_at, meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, meeting LIMIT sqlc.arg(most);

-- name: ListMeetingsRecorded :many
SELECT * FROM meeting_index
WHERE recorded = sqlc.arg(recorded)
  AND (start_at, meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, meeting LIMIT sqlc.arg(most);

-- name: ListMeetingsFailing :many
-- Where either is 1, both outcomes are wanted: a meeting that a rule is against may go on being recorded.
SELECT meeting_index.* FROM meeting_failures AS f JOIN meeting_index ON meeting_index.meeting = f.meeting
WHERE f.rule = sqlc.arg(rule)
  AND (f.start_at, f.meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND f.start_at < sqlc.arg(before)
  AND (CAST(sqlc.arg(either) AS bigint) = 1 OR meeting_index.recorded = sqlc.arg(recorded))
ORDER BY f.start_at, f.meeting LIMIT sqlc.arg(most);

-- name: SearchMeetings :many
-- Looks through so many titles and no more, in an index that has them.
SELECT meeting_index.* FROM (
    SELECT w.start_at, w.meeting, w.folded FROM meeting_index AS w
    WHERE (w.start_at, w.meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND w.start_at < sqlc.arg(before)
    ORDER BY w.start_at, w.meeting LIMIT sqlc.arg(scan)
) AS window_ JOIN meeting_index ON meeting_index.meeting = window_.meeting
WHERE window_.folded LIKE CAST(sqlc.arg(pattern) AS text) ESCAPE '\'
  AND (CAST(sqlc.arg(either) AS bigint) = 1 OR meeting_index.recorded = sqlc.arg(recorded))
  AND (CAST(sqlc.arg(rule) AS text) = '' OR EXISTS (
      SELECT 1 FROM meeting_failures AS f WHERE f.rule = CAST(sqlc.arg(rule) AS text) AND f.start_at = window_.start_at AND f.meeting = window_.meeting))
ORDER BY window_.start_at, window_.meeting LIMIT sqlc.arg(most);

-- name: PlaceOfMeeting :one
-- The place so many meetings further on.
SELECT start_at, meeting FROM meeting_index
WHERE (start_at, meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, meeting LIMIT 1 OFFSET sqlc.arg(skip);

-- name: MeetingKnown :one
SELECT CAST(COUNT(*) AS bigint) FROM (SELECT 1 AS one FROM meeting_index AS i WHERE i.meeting = sqlc.arg(meeting)
    UNION ALL SELECT 1 FROM meeting_index AS s WHERE s.series = sqlc.arg(series)) AS known;

-- name: MeetingDecision :one
SELECT title, decided_at, data, held FROM decisions WHERE meeting = sqlc.arg(meeting);

-- name: MeetingSources :many
SELECT sources.* FROM copies JOIN sources ON sources.id = copies.source WHERE copies.meeting = sqlc.arg(meeting) ORDER BY sources.id;

-- name: MeetingSchedules :many
SELECT schedule_index.data FROM schedule_meetings JOIN schedule_index ON schedule_index.schedule = schedule_meetings.schedule
WHERE schedule_meetings.meeting = sqlc.arg(meeting) ORDER BY schedule_index.start_at, schedule_index.schedule;

-- name: ListSchedules :many
SELECT schedule, start_at, data FROM schedule_index
WHERE (start_at, schedule) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, schedule LIMIT sqlc.arg(most);

-- name: ListSchedulesOfState :many
SELECT schedule, start_at, data FROM schedule_index
WHERE state = sqlc.arg(state)
  AND (start_at, schedule) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, schedule LIMIT sqlc.arg(most);

-- name: ListSchedulesOfProvider :many
SELECT schedule, start_at, data FROM schedule_index
WHERE provider = sqlc.arg(provider) AND (CAST(sqlc.arg(state) AS text) = '' OR state = CAST(sqlc.arg(state) AS text))
  AND (start_at, schedule) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, schedule LIMIT sqlc.arg(most);

-- name: ListSchedulesOfMember :many
SELECT i.schedule, i.start_at, i.data FROM schedule_members AS m JOIN schedule_index AS i ON i.schedule = m.schedule
WHERE m.member = sqlc.arg(member)
  AND (CAST(sqlc.arg(state) AS text) = '' OR i.state = CAST(sqlc.arg(state) AS text))
  AND (CAST(sqlc.arg(provider) AS text) = '' OR i.provider = CAST(sqlc.arg(provider) AS text))
  AND (m.start_at, m.schedule) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND m.start_at < sqlc.arg(before)
ORDER BY m.start_at, m.schedule LIMIT sqlc.arg(most);

-- name: ScheduleData :one
SELECT data FROM schedules WHERE id = sqlc.arg(id);

-- name: RevisionsOf :many
SELECT * FROM revisions WHERE schedule = sqlc.arg(schedule) ORDER BY revision;

-- name: NewestRevision :one
SELECT CAST(COALESCE(MAX(seq), 0) AS bigint) FROM revisions;

-- name: ListSources :many
SELECT * FROM sources WHERE id > sqlc.arg(after) ORDER BY id LIMIT sqlc.arg(most);

-- name: CountSources :many
SELECT driver, account, CAST(COUNT(*) AS bigint) AS calendars,
       CAST(SUM(CASE WHEN no_access THEN 1 ELSE 0 END) AS bigint) AS refused,
       CAST(SUM(CASE WHEN held THEN 1 ELSE 0 END) AS bigint) AS held,
       CAST(SUM(CASE WHEN failures > 0 AND NOT no_access THEN 1 ELSE 0 END) AS bigint) AS failing,
       CAST(MAX(pulled_at) AS bigint) AS read_at
FROM sources GROUP BY driver, account ORDER BY driver, account;

-- name: SourcesOfCalendar :many
SELECT * FROM sources WHERE lower(calendar) = sqlc.arg(calendar) ORDER BY id;

-- name: ListLetters :many
SELECT * FROM letters
WHERE state = sqlc.arg(state)
  AND (received_at, source, id) < (sqlc.arg(before_received), CAST(sqlc.arg(before_source) AS text) || '', CAST(sqlc.arg(before_id) AS text) || '')
ORDER BY received_at DESC, source DESC, id DESC LIMIT sqlc.arg(most);

-- name: LettersOfID :many
SELECT * FROM letters WHERE state = sqlc.arg(state) AND id = sqlc.arg(id) ORDER BY source;
