-- What is known of a person. Addresses are compared in lower case; "about" is a pattern for LIKE that finds one in what is
-- stored as JSON.

-- name: DropTokensOfPerson :execrows
DELETE FROM tokens WHERE lower(email) = sqlc.arg(address);

-- name: SessionsBehind :many
SELECT token, data FROM sessions WHERE token > sqlc.arg(after) ORDER BY token LIMIT sqlc.arg(most);

-- name: SourcesOfPerson :many
SELECT id FROM sources WHERE lower(calendar) = sqlc.arg(address) OR lower(read_as) = sqlc.arg(address) ORDER BY id;

-- name: CopiesOfSource :many
SELECT ref, meeting FROM copies WHERE source = sqlc.arg(source) ORDER BY meeting;

-- name: DropCopiesOfSource :exec
DELETE FROM copies WHERE source = sqlc.arg(source);

-- name: DropSource :exec
DELETE FROM sources WHERE id = sqlc.arg(id);

-- name: DropSubscriptionsOfSource :exec
DELETE FROM subscriptions WHERE source = sqlc.arg(source);

-- name: DropSecretsOfPerson :execrows
DELETE FROM secrets WHERE lower(name) = sqlc.arg(address);

-- name: DropParkedOfPerson :exec
DELETE FROM parked WHERE lower(who) LIKE CAST(sqlc.arg(about) AS text) ESCAPE '!';

-- name: EndedWithPerson :many
-- Meetings that have ended, by any copy, decision or schedule that names the person.
SELECT meeting FROM copies WHERE end_at <= CAST(sqlc.arg(now) AS bigint) AND start_at > 0 AND lower(data) LIKE CAST(sqlc.arg(about) AS text) ESCAPE '!'
UNION SELECT meeting FROM decisions WHERE end_at <= CAST(sqlc.arg(now) AS bigint) AND lower(data || held) LIKE CAST(sqlc.arg(about) AS text) ESCAPE '!'
UNION SELECT meeting_index.meeting FROM meeting_index JOIN meeting_words ON meeting_words.meeting = meeting_index.meeting
  WHERE meeting_index.end_at <= CAST(sqlc.arg(now) AS bigint) AND meeting_words.words LIKE CAST(sqlc.arg(about) AS text) ESCAPE '!'
UNION SELECT schedule_meetings.meeting FROM schedule_meetings JOIN schedules ON schedules.id = schedule_meetings.schedule
  WHERE schedules.end_at <= CAST(sqlc.arg(now) AS bigint) AND EXISTS (
    SELECT 1 FROM revisions WHERE revisions.schedule = schedules.id AND lower(revisions.data) LIKE CAST(sqlc.arg(about) AS text) ESCAPE '!')
ORDER BY 1;

-- name: UpcomingWithPerson :one
SELECT count(DISTINCT meeting) FROM copies
WHERE (end_at > CAST(sqlc.arg(now) AS bigint) OR start_at = 0) AND lower(data) LIKE CAST(sqlc.arg(about) AS text) ESCAPE '!';

-- name: DropEndedCopies :exec
DELETE FROM copies WHERE meeting = sqlc.arg(meeting) AND end_at <= CAST(sqlc.arg(now) AS bigint) AND start_at > 0;

-- name: EndedSchedulesOfMeeting :many
SELECT schedules.id FROM schedules JOIN schedule_meetings ON schedule_meetings.schedule = schedules.id
WHERE schedule_meetings.meeting = sqlc.arg(meeting) AND schedules.end_at <= CAST(sqlc.arg(now) AS bigint) ORDER BY schedules.id;

-- name: DropEndedDecision :exec
DELETE FROM decisions WHERE meeting = sqlc.arg(meeting) AND end_at <= CAST(sqlc.arg(now) AS bigint);

-- name: LettersWithPerson :many
-- Letters from the person, or about what has ended and naming the person.
SELECT source, id FROM letters
WHERE (lower(sender) = sqlc.arg(address) OR lower(data) LIKE CAST(sqlc.arg(about) AS text) ESCAPE '!')
  AND (ends_at > 0 AND ends_at <= CAST(sqlc.arg(now) AS bigint) OR state = 'unused')
ORDER BY source, id;
