-- What leaves some time after it has ended. A meeting that has no end that is known stays.

-- name: TidySchedules :many
-- Schedules that have ended, with all meetings that they ever named.
SELECT id FROM schedules
WHERE end_at <= CAST(sqlc.arg(before) AS bigint)
  AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.schedule = schedules.id AND messages.outcome = 0)
  AND NOT EXISTS (
    SELECT 1 FROM schedule_meetings JOIN copies ON copies.meeting = schedule_meetings.meeting
    WHERE schedule_meetings.schedule = schedules.id AND (copies.end_at > CAST(sqlc.arg(before) AS bigint) OR copies.start_at = 0))
ORDER BY end_at LIMIT sqlc.arg(most);

-- name: DropScheduleMeetings :exec
DELETE FROM schedule_meetings WHERE schedule = sqlc.arg(schedule);

-- name: DropScheduleMessages :exec
DELETE FROM messages WHERE schedule = sqlc.arg(schedule);

-- name: DropScheduleRevisions :exec
DELETE FROM revisions WHERE schedule = sqlc.arg(schedule);

-- name: DropScheduleNotes :exec
DELETE FROM notes WHERE schedule = sqlc.arg(schedule);

-- name: DropSchedule :exec
DELETE FROM schedules WHERE id = sqlc.arg(id);

-- name: TidyCopies :many
SELECT source, ref FROM copies WHERE end_at <= CAST(sqlc.arg(before) AS bigint) AND start_at > 0 AND start_at <= CAST(sqlc.arg(before) AS bigint) ORDER BY end_at LIMIT sqlc.arg(most);

-- name: TidyDecisions :many
SELECT meeting FROM decisions
WHERE end_at > 0 AND end_at <= CAST(sqlc.arg(before) AS bigint)
  AND NOT EXISTS (SELECT 1 FROM copies WHERE copies.meeting = decisions.meeting)
  AND NOT EXISTS (SELECT 1 FROM schedule_meetings WHERE schedule_meetings.meeting = decisions.meeting)
ORDER BY end_at LIMIT sqlc.arg(most);

-- name: DropUndecided :exec
DELETE FROM undecided WHERE meeting = sqlc.arg(meeting);

-- name: DropDecision :exec
DELETE FROM decisions WHERE meeting = sqlc.arg(meeting);

-- name: TidyTimeless :many
-- Decisions of meetings without a time that no calendar has any more.
SELECT meeting FROM decisions
WHERE end_at = 0 AND decided_at <= CAST(sqlc.arg(before) AS bigint)
  AND NOT EXISTS (SELECT 1 FROM copies WHERE copies.meeting = decisions.meeting)
  AND NOT EXISTS (SELECT 1 FROM schedule_meetings WHERE schedule_meetings.meeting = decisions.meeting)
ORDER BY decided_at LIMIT sqlc.arg(most);

-- name: TidyLetters :many
-- Letters about what has ended, if all letters about the same meetings are: the last word must not leave before the first.
SELECT letters.source, letters.id FROM letters
WHERE letters.ends_at > 0 AND letters.ends_at <= CAST(sqlc.arg(before) AS bigint)
  AND NOT EXISTS (
    SELECT 1 FROM letter_meetings AS own
    JOIN letter_meetings AS other ON other.source = own.source AND other.meeting = own.meeting
    JOIN letters AS l ON l.source = other.source AND l.id = other.letter
    WHERE own.source = letters.source AND own.letter = letters.id AND (l.ends_at = 0 OR l.ends_at > CAST(sqlc.arg(before) AS bigint)))
ORDER BY letters.ends_at, letters.id LIMIT sqlc.arg(most);

-- name: DropLetter :exec
DELETE FROM letters WHERE source = sqlc.arg(source) AND id = sqlc.arg(id);

-- name: DropLetterMeetings :exec
DELETE FROM letter_meetings WHERE source = sqlc.arg(source) AND letter = sqlc.arg(letter);
