-- The queries of the store, in the dialect that SQLite and PostgreSQL share. CAST(… AS …) instead of
-- "::", no arrays, CASE instead of GREATEST.

-- name: Next :one
UPDATE sequences SET value = value + 1 WHERE name = sqlc.arg(name) RETURNING value;

-- name: PutSource :exec
INSERT INTO sources (id, driver, account, calendar, is_primary, read_as, no_access)
VALUES (sqlc.arg(id), sqlc.arg(driver), sqlc.arg(account), sqlc.arg(calendar), sqlc.arg(is_primary), sqlc.arg(read_as), sqlc.arg(no_access))
ON CONFLICT (id) DO UPDATE SET is_primary = excluded.is_primary, read_as = excluded.read_as;

-- name: Source :one
SELECT * FROM sources WHERE id = sqlc.arg(id);

-- name: Sources :many
SELECT * FROM sources ORDER BY id;

-- name: HoldCursor :execrows
-- Whoever moves a source's cursor holds its row until the transaction ends.
UPDATE sources SET cursor = cursor WHERE id = sqlc.arg(id) AND cursor = sqlc.arg(prev);

-- name: MoveCursor :exec
UPDATE sources
SET cursor = sqlc.arg(next), reading = sqlc.arg(reading), listing = sqlc.arg(listing), held = sqlc.arg(held),
    changed_at = CASE WHEN CAST(sqlc.arg(changed_at) AS bigint) > 0 THEN CAST(sqlc.arg(changed_at) AS bigint) ELSE changed_at END
WHERE id = sqlc.arg(id);

-- name: ReportPull :execrows
-- A push that came while the pull went on may tell of what it did not see; a provider's wait is not cut short.
UPDATE sources
SET next_at = CASE WHEN CAST(sqlc.arg(failures) AS bigint) = 0 AND pushes <> sqlc.arg(pushes)
        THEN CAST(sqlc.arg(pushed_at) AS bigint) ELSE CAST(sqlc.arg(next_at) AS bigint) END,
    pulled_at = sqlc.arg(pulled_at), tried_at = sqlc.arg(tried_at), failures = CAST(sqlc.arg(failures) AS bigint),
    error = sqlc.arg(error), no_access = sqlc.arg(no_access), leased_until = 0
WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence);

-- name: PutCopy :exec
INSERT INTO copies (source, ref, meeting, start_at, end_at, listing, data)
VALUES (sqlc.arg(source), sqlc.arg(ref), sqlc.arg(meeting), sqlc.arg(start_at), sqlc.arg(end_at), sqlc.arg(listing), sqlc.arg(data))
ON CONFLICT (source, ref) DO UPDATE
SET meeting = excluded.meeting, start_at = excluded.start_at, end_at = excluded.end_at,
    listing = excluded.listing, data = excluded.data;

-- name: SeeCopy :exec
UPDATE copies SET listing = sqlc.arg(listing) WHERE source = sqlc.arg(source) AND ref = sqlc.arg(ref);

-- name: Copy :one
SELECT * FROM copies WHERE source = sqlc.arg(source) AND ref = sqlc.arg(ref);

-- name: DropCopy :exec
DELETE FROM copies WHERE source = sqlc.arg(source) AND ref = sqlc.arg(ref);

-- name: CopiesInWindow :many
-- Copies without a known start are held by every window; an entry without length is a point.
SELECT ref, meeting, listing FROM copies
WHERE source = sqlc.arg(source)
  AND (start_at = 0
       OR (end_at > start_at AND end_at > CAST(sqlc.arg(window_start) AS bigint) AND start_at < CAST(sqlc.arg(window_end) AS bigint))
       OR (end_at <= start_at AND start_at >= CAST(sqlc.arg(window_start) AS bigint) AND start_at < CAST(sqlc.arg(window_end) AS bigint)));

-- name: MeetingCopies :many
SELECT sqlc.embed(copies), sqlc.embed(sources)
FROM copies JOIN sources ON sources.id = copies.source
WHERE copies.meeting = sqlc.arg(meeting)
ORDER BY copies.source, copies.ref;

-- name: MarkUndecided :exec
INSERT INTO undecided (meeting, since, mark) VALUES (sqlc.arg(meeting), sqlc.arg(since), 1)
ON CONFLICT (meeting) DO UPDATE SET mark = undecided.mark + 1, tries = 0;

-- name: MarkAllUndecided :exec
INSERT INTO undecided (meeting, since, mark)
SELECT meeting, CAST(sqlc.arg(since) AS bigint), 1 FROM copies WHERE copies.end_at > CAST(sqlc.arg(ending_after) AS bigint) OR copies.start_at = 0
UNION SELECT meeting, CAST(sqlc.arg(since) AS bigint), 1 FROM decisions WHERE decisions.end_at > CAST(sqlc.arg(ending_after) AS bigint) OR decisions.end_at = 0
ORDER BY 1
ON CONFLICT (meeting) DO UPDATE SET mark = undecided.mark + 1, tries = 0;

-- name: Undecided :many
-- What was not put off is due at once: if it is so in the future, the clock has been set back since.
SELECT meeting, mark, tries FROM undecided
WHERE since <= CAST(sqlc.arg(now) AS bigint) OR since > CASE WHEN tries = 0 THEN CAST(sqlc.arg(skewed) AS bigint) ELSE CAST(sqlc.arg(put_off) AS bigint) END
ORDER BY since, meeting LIMIT sqlc.arg(most);

-- name: PostponeUndecided :exec
UPDATE undecided SET since = sqlc.arg(since), tries = tries + 1, error = sqlc.arg(error) WHERE meeting = sqlc.arg(meeting) AND mark = sqlc.arg(mark);

-- name: ClearUndecided :exec
DELETE FROM undecided WHERE meeting = sqlc.arg(meeting) AND mark = sqlc.arg(mark);

-- name: PutDecision :exec
INSERT INTO decisions (meeting, seq, record, title, start_at, end_at, decided_at, meeting_id, call_keys, data, held)
VALUES (sqlc.arg(meeting), sqlc.arg(seq), sqlc.arg(record), sqlc.arg(title), sqlc.arg(start_at), sqlc.arg(end_at),
        sqlc.arg(decided_at), sqlc.arg(meeting_id), sqlc.arg(call_keys), sqlc.arg(data), sqlc.arg(held))
ON CONFLICT (meeting) DO UPDATE
SET seq = excluded.seq, record = excluded.record, title = excluded.title, start_at = excluded.start_at,
    end_at = excluded.end_at, decided_at = excluded.decided_at, meeting_id = excluded.meeting_id,
    call_keys = excluded.call_keys, data = excluded.data, held = excluded.held;

-- name: Decision :one
SELECT * FROM decisions WHERE meeting = sqlc.arg(meeting);

-- name: DecisionsAfter :many
SELECT * FROM decisions WHERE seq > sqlc.arg(after) ORDER BY seq LIMIT sqlc.arg(most);

-- name: DropCalls :exec
DELETE FROM calls WHERE meeting = sqlc.arg(meeting);

-- name: PutCall :exec
INSERT INTO calls (call, meeting) VALUES (sqlc.arg(call), sqlc.arg(meeting)) ON CONFLICT (call, meeting) DO NOTHING;

-- name: SameCalls :many
-- The meetings of the calls that a meeting has.
SELECT DISTINCT other.meeting FROM calls AS own JOIN calls AS other ON other.call = own.call
WHERE own.meeting = sqlc.arg(meeting) ORDER BY other.meeting;

-- name: SchedulesOfMeeting :many
SELECT schedules.* FROM schedules JOIN schedule_meetings ON schedule_meetings.schedule = schedules.id
WHERE schedule_meetings.meeting = sqlc.arg(meeting) ORDER BY schedules.id;

-- name: MeetingsOfSchedule :many
SELECT meeting FROM schedule_meetings WHERE schedule = sqlc.arg(schedule) ORDER BY meeting;

-- name: PutSchedule :execrows
-- Revisions count up by one: a row of another revision is somebody else's work.
INSERT INTO schedules (id, revision, state, start_at, end_at, data)
VALUES (sqlc.arg(id), sqlc.arg(revision), sqlc.arg(state), sqlc.arg(start_at), sqlc.arg(end_at), sqlc.arg(data))
ON CONFLICT (id) DO UPDATE
SET revision = excluded.revision, state = excluded.state, start_at = excluded.start_at, end_at = excluded.end_at, data = excluded.data
WHERE schedules.revision = excluded.revision - 1;

-- name: PutScheduleMeeting :exec
INSERT INTO schedule_meetings (schedule, meeting) VALUES (sqlc.arg(schedule), sqlc.arg(meeting))
ON CONFLICT (schedule, meeting) DO NOTHING;

-- name: Schedules :many
SELECT * FROM schedules WHERE end_at > sqlc.arg(ending_after) ORDER BY start_at, id;

-- name: Decisions :many
SELECT * FROM decisions ORDER BY start_at, meeting;

-- name: PutSecret :exec
INSERT INTO secrets (connection, name, sealed, changed_at)
VALUES (sqlc.arg(connection), sqlc.arg(name), sqlc.arg(sealed), sqlc.arg(changed_at))
ON CONFLICT (connection, name) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at;

-- name: Secret :one
SELECT sealed FROM secrets WHERE connection = sqlc.arg(connection) AND name = sqlc.arg(name);

-- name: SecretNames :many
SELECT name FROM secrets WHERE connection = sqlc.arg(connection) ORDER BY name;

-- name: DropSecret :exec
DELETE FROM secrets WHERE connection = sqlc.arg(connection) AND name = sqlc.arg(name);

-- name: SecretsChanged :many
-- What every connection has, and since when: cheap to compare.
SELECT connection, name, changed_at FROM secrets ORDER BY connection, name;

-- name: MakeDue :exec
-- What waits because it failed goes on waiting.
UPDATE sources
SET pushes = pushes + 1,
    next_at = CASE WHEN failures = 0 AND next_at > CAST(sqlc.arg(at) AS bigint) THEN CAST(sqlc.arg(at) AS bigint) ELSE next_at END
WHERE id = sqlc.arg(id);

-- name: PutSubscription :exec
INSERT INTO subscriptions (id, source, resource, secret_hash, address, until_at, made_at)
VALUES (sqlc.arg(id), sqlc.arg(source), sqlc.arg(resource), sqlc.arg(secret_hash), sqlc.arg(address), sqlc.arg(until_at), sqlc.arg(made_at))
ON CONFLICT (id) DO UPDATE
SET source = excluded.source, resource = excluded.resource, secret_hash = excluded.secret_hash, address = excluded.address,
    until_at = excluded.until_at, made_at = excluded.made_at;

-- name: Subscription :one
SELECT sqlc.embed(subscriptions), sqlc.embed(sources)
FROM subscriptions JOIN sources ON sources.id = subscriptions.source
WHERE subscriptions.id = sqlc.arg(id);

-- name: Subscriptions :many
SELECT * FROM subscriptions ORDER BY id;

-- name: SubscriptionsOf :many
SELECT * FROM subscriptions WHERE source = sqlc.arg(source) ORDER BY made_at DESC, id;

-- name: DropSubscription :exec
DELETE FROM subscriptions WHERE id = sqlc.arg(id);

-- name: DropSubscriptionsOver :exec
DELETE FROM subscriptions WHERE until_at <= sqlc.arg(at);

-- name: Letter :one
SELECT * FROM letters WHERE source = sqlc.arg(source) AND id = sqlc.arg(id);

-- name: PutLetter :exec
INSERT INTO letters (source, id, seq, received_at, sender, state, reason, data, ends_at)
VALUES (sqlc.arg(source), sqlc.arg(id), sqlc.arg(seq), sqlc.arg(received_at), sqlc.arg(sender), sqlc.arg(state), sqlc.arg(reason), sqlc.arg(data), sqlc.arg(ends_at))
ON CONFLICT (source, id) DO UPDATE SET seq = excluded.seq, received_at = excluded.received_at, sender = excluded.sender, state = excluded.state,
    reason = excluded.reason, data = excluded.data, ends_at = excluded.ends_at;

-- name: PutLetterOrigin :exec
INSERT INTO letter_origins (source, origin, letter)
VALUES (sqlc.arg(source), sqlc.arg(origin), sqlc.arg(letter))
ON CONFLICT (source, origin) DO UPDATE SET letter = excluded.letter;

-- name: PutLetterMeeting :exec
INSERT INTO letter_meetings (source, meeting, letter)
VALUES (sqlc.arg(source), sqlc.arg(meeting), sqlc.arg(letter))
ON CONFLICT (source, meeting, letter) DO NOTHING;

-- name: ForgetLetterOrigins :exec
DELETE FROM letter_origins WHERE source = sqlc.arg(source);

-- name: LetterOrigin :one
SELECT letter FROM letter_origins WHERE source = sqlc.arg(source) AND origin = sqlc.arg(origin);

-- name: LettersAfter :many
SELECT * FROM letters WHERE source = sqlc.arg(source) AND seq > sqlc.arg(after) ORDER BY seq LIMIT sqlc.arg(n);

-- name: LettersAbout :many
SELECT letters.* FROM letter_meetings JOIN letters ON letters.source = letter_meetings.source AND letters.id = letter_meetings.letter
WHERE letter_meetings.source = sqlc.arg(source) AND letter_meetings.meeting = sqlc.arg(meeting) AND letters.state IN ('accepted', 'released')
ORDER BY letters.received_at, letters.seq;

-- name: LetterMeetings :many
SELECT DISTINCT meeting FROM letter_meetings WHERE source = sqlc.arg(source) AND meeting > sqlc.arg(after) ORDER BY meeting LIMIT sqlc.arg(n);

-- name: LettersOfState :many
SELECT * FROM letters WHERE state = sqlc.arg(state) ORDER BY received_at DESC, source, id LIMIT sqlc.arg(n);

-- name: LettersFrom :many
-- Those of the state whose ids are from the first one up to, without, the second.
SELECT * FROM letters WHERE state = sqlc.arg(state) AND id >= sqlc.arg(least) AND id < sqlc.arg(above) ORDER BY id LIMIT 2;

-- name: ReleaseLetter :exec
UPDATE letters SET state = 'released', seq = sqlc.arg(seq) WHERE source = sqlc.arg(source) AND id = sqlc.arg(id);

-- name: NewestLetter :one
SELECT CAST(COALESCE(MAX(seq), 0) AS bigint) FROM letters WHERE source = sqlc.arg(source);
