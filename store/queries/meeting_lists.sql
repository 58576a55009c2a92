-- Lists of meetings, which go on behind a place (start and id), never by counting rows. A text in such a place is CAST,
-- since sqlc takes it for a number otherwise, and then written as || '', since SQLite does not look for a CAST in an index.
-- Filters that may be empty are looked at behind a window of so many rows, so that a filter that nothing fits costs no more
-- than one window.

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

-- name: PlaceOfMeeting :one
-- The place so many meetings further on.
SELECT start_at, meeting FROM meeting_index
WHERE (start_at, meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, meeting LIMIT 1 OFFSET sqlc.arg(skip);

-- name: LongMeetings :one
-- When the first of those begins that last for more than a day and end behind a time.
SELECT CAST(COALESCE(MIN(start_at), 0) AS bigint) FROM meeting_index WHERE end_at - start_at > 86400000 AND end_at > CAST(sqlc.arg(behind) AS bigint);

-- name: PageOfMeetings :many
SELECT decisions.* FROM (
    SELECT w.start_at, w.meeting FROM meeting_index AS w
    WHERE (w.start_at, w.meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND w.start_at < sqlc.arg(before)
    ORDER BY w.start_at, w.meeting LIMIT sqlc.arg(scan)
) AS window_ JOIN meeting_index AS i ON i.meeting = window_.meeting JOIN decisions ON decisions.meeting = window_.meeting
WHERE (i.start_at = 0 OR i.start_at >= CAST(sqlc.arg(from_at) AS bigint) OR i.end_at > CAST(sqlc.arg(from_at) AS bigint))
  AND (CAST(sqlc.arg(provider) AS text) = '' OR i.provider = CAST(sqlc.arg(provider) AS text))
  AND (CAST(sqlc.arg(either) AS bigint) = 1 OR i.recorded = sqlc.arg(recorded))
  AND (CAST(sqlc.arg(pattern) AS text) = '' OR EXISTS (
      SELECT 1 FROM meeting_words AS t WHERE t.meeting = window_.meeting AND t.words LIKE CAST(sqlc.arg(pattern) AS text) ESCAPE '\'))
ORDER BY window_.start_at, window_.meeting LIMIT sqlc.arg(most);

-- name: PageOfFailing :many
SELECT decisions.* FROM (
    SELECT w.start_at, w.meeting FROM meeting_failures AS w
    WHERE w.rule = sqlc.arg(rule) AND (w.start_at, w.meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND w.start_at < sqlc.arg(before)
    ORDER BY w.start_at, w.meeting LIMIT sqlc.arg(scan)
) AS window_ JOIN meeting_index AS i ON i.meeting = window_.meeting JOIN decisions ON decisions.meeting = window_.meeting
WHERE (i.start_at = 0 OR i.start_at >= CAST(sqlc.arg(from_at) AS bigint) OR i.end_at > CAST(sqlc.arg(from_at) AS bigint))
  AND (CAST(sqlc.arg(provider) AS text) = '' OR i.provider = CAST(sqlc.arg(provider) AS text))
  AND (CAST(sqlc.arg(either) AS bigint) = 1 OR i.recorded = sqlc.arg(recorded))
  AND (CAST(sqlc.arg(pattern) AS text) = '' OR EXISTS (
      SELECT 1 FROM meeting_words AS t WHERE t.meeting = window_.meeting AND t.words LIKE CAST(sqlc.arg(pattern) AS text) ESCAPE '\'))
ORDER BY window_.start_at, window_.meeting LIMIT sqlc.arg(most);

-- name: PlaceOfFailing :one
SELECT start_at, meeting FROM meeting_failures
WHERE rule = sqlc.arg(rule) AND (start_at, meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND start_at < sqlc.arg(before)
ORDER BY start_at, meeting LIMIT 1 OFFSET sqlc.arg(skip);

-- name: CountFailing :many
-- The rules that fail, of so many meetings and no more.
SELECT f.rule, CAST(COUNT(*) AS bigint) AS meetings FROM (
    SELECT w.start_at, w.meeting FROM meeting_index AS w
    WHERE (w.start_at, w.meeting) > (sqlc.arg(after_start), CAST(sqlc.arg(after_id) AS text) || '') AND w.start_at < sqlc.arg(before)
    ORDER BY w.start_at, w.meeting LIMIT sqlc.arg(scan)
) AS window_ JOIN meeting_index AS i ON i.meeting = window_.meeting JOIN meeting_failures AS f ON f.meeting = window_.meeting
WHERE (i.start_at = 0 OR i.start_at >= CAST(sqlc.arg(from_at) AS bigint) OR i.end_at > CAST(sqlc.arg(from_at) AS bigint))
  AND (CAST(sqlc.arg(provider) AS text) = '' OR i.provider = CAST(sqlc.arg(provider) AS text))
  AND (CAST(sqlc.arg(either) AS bigint) = 1 OR i.recorded = sqlc.arg(recorded))
  AND (CAST(sqlc.arg(pattern) AS text) = '' OR EXISTS (
      SELECT 1 FROM meeting_words AS t WHERE t.meeting = window_.meeting AND t.words LIKE CAST(sqlc.arg(pattern) AS text) ESCAPE '\'))
GROUP BY f.rule ORDER BY 2 DESC, f.rule;
