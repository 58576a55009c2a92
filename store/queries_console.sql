-- What the pages for people ask for, and the list of deliveries. The dialect is that of queries_api.sql. Filters that may
-- be empty are looked at behind a window of so many rows, so that a filter that nothing fits costs no more than one window.

-- name: PutMeetingWords :exec
INSERT INTO meeting_words (meeting, words) VALUES (sqlc.arg(meeting), sqlc.arg(words)) ON CONFLICT (meeting) DO UPDATE SET words = excluded.words;

-- name: RewordMeeting :exec
UPDATE meeting_words SET words = sqlc.arg(words) WHERE meeting = sqlc.arg(meeting) AND words <> sqlc.arg(words);

-- name: UnwordedDecisions :many
SELECT decisions.* FROM decisions LEFT JOIN meeting_words ON meeting_words.meeting = decisions.meeting
WHERE meeting_words.meeting IS NULL ORDER BY decisions.meeting LIMIT sqlc.arg(most);

-- name: LongMeetings :one
-- When the first of those begins that last for more than a day and end behind a time.
SELECT CAST(COALESCE(MIN(start_at), 0) AS bigint) FROM meeting_index WHERE end_at - start_at > 86400000 AND end_at > CAST(sqlc.arg(behind) AS bigint);

-- name: LongSchedules :one
SELECT CAST(COALESCE(MIN(start_at), 0) AS bigint) FROM schedules WHERE end_at - start_at > 86400000 AND end_at > CAST(sqlc.arg(behind) AS bigint);

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

-- name: LastRevisions :many
SELECT * FROM revisions WHERE schedule = sqlc.arg(schedule) ORDER BY revision DESC LIMIT sqlc.arg(most);

-- name: LastMessages :many
SELECT * FROM messages WHERE schedule = sqlc.arg(schedule) ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: PageOfSources :many
SELECT * FROM sources
WHERE id > sqlc.arg(after)
  AND (CAST(sqlc.arg(pattern) AS text) = '' OR lower(calendar) LIKE CAST(sqlc.arg(pattern) AS text) ESCAPE '\')
  AND (CAST(sqlc.arg(connection) AS text) = '' OR driver || ':' || account = CAST(sqlc.arg(connection) AS text))
  AND (CAST(sqlc.arg(trouble) AS bigint) = 0 OR no_access OR failures > 0 OR held OR (pulled_at > 0 AND pulled_at < CAST(sqlc.arg(late) AS bigint)))
ORDER BY id LIMIT sqlc.arg(most);

-- name: SourcesByConnection :many
-- Each source counts once, for the worst that is wrong with it.
SELECT driver, account, CAST(COUNT(*) AS bigint) AS calendars,
       CAST(SUM(CASE WHEN no_access THEN 1 ELSE 0 END) AS bigint) AS refused,
       CAST(SUM(CASE WHEN failures > 0 AND NOT no_access THEN 1 ELSE 0 END) AS bigint) AS failing,
       CAST(SUM(CASE WHEN held AND failures = 0 AND NOT no_access THEN 1 ELSE 0 END) AS bigint) AS held,
       CAST(SUM(CASE WHEN pulled_at > 0 AND pulled_at < CAST(sqlc.arg(late) AS bigint) AND NOT held AND failures = 0 AND NOT no_access THEN 1 ELSE 0 END) AS bigint) AS late
FROM sources GROUP BY driver, account;

-- name: PushesByConnection :many
SELECT sources.driver, sources.account, CAST(COUNT(DISTINCT sources.id) AS bigint) AS calendars
FROM subscriptions JOIN sources ON sources.id = subscriptions.source WHERE subscriptions.until_at > CAST(sqlc.arg(now) AS bigint)
GROUP BY sources.driver, sources.account;

-- name: SourcesReadSince :many
SELECT driver, account, CAST(COUNT(*) AS bigint) AS calendars FROM sources WHERE pulled_at >= CAST(sqlc.arg(since) AS bigint) AND pulled_at > 0 GROUP BY driver, account;

-- name: CountLetters :one
SELECT CAST(COUNT(*) AS bigint) FROM letters WHERE state = sqlc.arg(state);

-- name: WhatChanged :one
-- Numbers that move when something does that people see.
SELECT CAST(COALESCE(SUM(value), 0) AS bigint) AS written,
       CAST(COALESCE((SELECT SUM(delivered + failed) FROM delivery_hours WHERE hour >= CAST(sqlc.arg(since) AS bigint)), 0) AS bigint) AS delivered,
       CAST((SELECT COUNT(*) FROM messages WHERE outcome = 2) AS bigint) AS dead,
       CAST(COALESCE((SELECT MAX(tried_at) FROM sources), 0) AS bigint) AS tried
FROM sequences;

-- name: CountHourOfDelivery :exec
INSERT INTO delivery_hours (hour, target, delivered, failed) VALUES (sqlc.arg(hour), sqlc.arg(target), sqlc.arg(delivered), sqlc.arg(failed))
ON CONFLICT (hour, target) DO UPDATE SET delivered = delivery_hours.delivered + excluded.delivered, failed = delivery_hours.failed + excluded.failed;

-- name: DropHoursOfDelivery :exec
DELETE FROM delivery_hours WHERE hour < CAST(sqlc.arg(before) AS bigint);

-- name: HoursOfDelivery :many
SELECT hour, CAST(SUM(delivered) AS bigint) AS delivered, CAST(SUM(failed) AS bigint) AS failed
FROM delivery_hours WHERE hour >= CAST(sqlc.arg(since) AS bigint) GROUP BY hour ORDER BY hour;

-- name: CountMessages :one
SELECT CAST((SELECT COUNT(*) FROM messages WHERE outcome = 0) AS bigint) AS open,
       CAST((SELECT COUNT(*) FROM messages WHERE outcome = 0 AND attempts > 0 AND error <> '' AND NOT early) AS bigint) AS failing,
       CAST((SELECT COUNT(*) FROM messages WHERE outcome = 2) AS bigint) AS dead,
       CAST((SELECT COUNT(*) FROM messages WHERE outcome = 1 AND done_at >= CAST(sqlc.arg(since) AS bigint)) AS bigint) AS delivered;

-- name: CountDead :one
SELECT CAST(COUNT(*) AS bigint) FROM messages WHERE outcome = 2;

-- name: PageOfMessages :many
-- All, the newest first.
SELECT * FROM messages WHERE id < CAST(sqlc.arg(before) AS bigint) ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: MessagesTo :many
SELECT * FROM messages WHERE target = sqlc.arg(target) AND id < CAST(sqlc.arg(before) AS bigint) ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: MessagesOfOutcomeTo :many
-- Most messages have one outcome, and most targets a good part of it: the index by outcomes leads on.
SELECT * FROM messages
WHERE outcome = sqlc.arg(outcome) AND id < CAST(sqlc.arg(before) AS bigint) AND target || '' = CAST(sqlc.arg(target) AS text)
ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: MessagesAbout :many
SELECT * FROM messages
WHERE schedule = sqlc.arg(schedule) AND id < CAST(sqlc.arg(before) AS bigint)
  AND (CAST(sqlc.arg(outcome) AS bigint) = -1 OR outcome = CAST(sqlc.arg(outcome) AS bigint))
  AND (CAST(sqlc.arg(target) AS text) = '' OR target = CAST(sqlc.arg(target) AS text))
ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: OpenMessages :many
-- Those that wait, the oldest first: those that fail, or the others.
SELECT * FROM messages
WHERE outcome = 0 AND id > CAST(sqlc.arg(after) AS bigint)
  AND (attempts > 0 AND error <> '' AND NOT early) = CAST(sqlc.arg(failing) AS boolean)
ORDER BY id LIMIT sqlc.arg(most);

-- name: DeadMessages :many
SELECT * FROM messages WHERE outcome = 2 AND id > CAST(sqlc.arg(after) AS bigint) ORDER BY id LIMIT sqlc.arg(most);

-- name: DeliveredMessages :many
-- Those that arrived last come first.
SELECT * FROM messages
WHERE outcome = 1 AND (done_at, id) < (sqlc.arg(before_done), CAST(sqlc.arg(before_id) AS bigint)) AND done_at >= CAST(sqlc.arg(since) AS bigint)
ORDER BY done_at DESC, id DESC LIMIT sqlc.arg(most);

-- name: SchedulePrivate :one
SELECT CAST(EXISTS (SELECT 1 FROM schedule_meetings AS p JOIN meeting_failures AS f ON f.meeting = p.meeting AND f.rule || '' = 'private'
    WHERE p.schedule = sqlc.arg(schedule)) AS boolean);

-- name: HastenMessage :execrows
-- One that waits is tried at once, unless it is being tried.
UPDATE messages SET due_at = CAST(sqlc.arg(now) AS bigint) WHERE id = sqlc.arg(id) AND outcome = 0;

-- name: DropTokensOfPerson :execrows
DELETE FROM tokens WHERE lower(email) = sqlc.arg(address);

-- name: SessionsBehind :many
SELECT token, data FROM sessions WHERE token > sqlc.arg(after) ORDER BY token LIMIT sqlc.arg(most);
