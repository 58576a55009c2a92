-- Lists of schedules, written as those of meeting_lists.sql.

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

-- name: LongSchedules :one
SELECT CAST(COALESCE(MIN(start_at), 0) AS bigint) FROM schedules WHERE end_at - start_at > 86400000 AND end_at > CAST(sqlc.arg(behind) AS bigint);

-- name: PageOfSchedules :many
-- How far the newest revision has come: 4 given up, 3 failing, 2 waiting, 1 delivered, 0 unknown; the worst of all targets.
SELECT i.schedule, i.start_at, i.data,
    CAST(EXISTS (SELECT 1 FROM schedule_meetings AS p JOIN meeting_failures AS f ON f.meeting = p.meeting AND f.rule || '' = 'private'
        WHERE p.schedule = i.schedule) AS boolean) AS private,
    CAST(COALESCE((SELECT MAX(CASE WHEN m.outcome = 2 THEN 4 WHEN m.outcome = 0 AND m.attempts > 0 AND m.error <> '' AND NOT m.early THEN 3
        WHEN m.outcome = 0 THEN 2 WHEN m.outcome = 1 THEN 1 ELSE 0 END)
        FROM messages AS m WHERE m.schedule = i.schedule AND m.revision = s.revision), 0) AS bigint) AS progress
FROM (
    SELECT w.start_at, w.schedule FROM schedule_index AS w
    WHERE (w.start_at, w.schedule) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND w.start_at < sqlc.arg(before)
    ORDER BY w.start_at, w.schedule LIMIT sqlc.arg(scan)
) AS window_ JOIN schedule_index AS i ON i.schedule = window_.schedule JOIN schedules AS s ON s.id = window_.schedule
WHERE (s.start_at >= CAST(sqlc.arg(from_at) AS bigint) OR s.end_at > CAST(sqlc.arg(from_at) AS bigint))
  AND (CAST(sqlc.arg(provider) AS text) = '' OR i.provider = CAST(sqlc.arg(provider) AS text))
  AND (CAST(sqlc.arg(either) AS bigint) = 1 OR (i.state = 'cancelled') = CAST(sqlc.arg(cancelled) AS boolean))
  AND (CAST(sqlc.arg(pattern) AS text) = '' OR EXISTS (
      SELECT 1 FROM schedule_meetings AS o JOIN meeting_words AS t ON t.meeting = o.meeting
      WHERE o.schedule = window_.schedule AND t.words LIKE CAST(sqlc.arg(pattern) AS text) ESCAPE '\'))
ORDER BY window_.start_at, window_.schedule LIMIT sqlc.arg(most);

-- name: PlaceOfSchedule :one
SELECT start_at, schedule FROM schedule_index
WHERE (start_at, schedule) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, schedule LIMIT 1 OFFSET sqlc.arg(skip);

-- name: CountHours :many
SELECT CAST((i.start_at - CAST(sqlc.arg(from_at) AS bigint)) / 3600000 AS bigint) AS hour, CAST(COUNT(*) AS bigint) AS recordings
FROM schedule_index AS i
WHERE i.start_at >= CAST(sqlc.arg(from_at) AS bigint) AND i.start_at < CAST(sqlc.arg(before) AS bigint) AND i.state <> 'cancelled'
  AND (CAST(sqlc.arg(provider) AS text) = '' OR i.provider = CAST(sqlc.arg(provider) AS text))
  AND (CAST(sqlc.arg(pattern) AS text) = '' OR EXISTS (
      SELECT 1 FROM schedule_meetings AS o JOIN meeting_words AS t ON t.meeting = o.meeting
      WHERE o.schedule = i.schedule AND t.words LIKE CAST(sqlc.arg(pattern) AS text) ESCAPE '\'))
GROUP BY 1 ORDER BY 1;
