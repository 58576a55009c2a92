-- What there is, counted: for whoever watches the daemon. Nothing of what it is about leaves the store with it.

-- name: CountCalendars :many
-- The calendars of each connection by how they are, and those that have been read by how long ago that is (up_to, in
-- seconds; 0: longer than any).
SELECT driver, account,
    CASE WHEN no_access THEN 'refused' WHEN held THEN 'held' WHEN failures > 0 THEN 'failing' WHEN pulled_at = 0 THEN 'unread' ELSE 'ok' END AS state,
    CASE WHEN pulled_at >= CAST(sqlc.arg(now) AS bigint) - 60000 THEN 60
         WHEN pulled_at >= CAST(sqlc.arg(now) AS bigint) - 120000 THEN 120
         WHEN pulled_at >= CAST(sqlc.arg(now) AS bigint) - 300000 THEN 300
         WHEN pulled_at >= CAST(sqlc.arg(now) AS bigint) - 600000 THEN 600
         WHEN pulled_at >= CAST(sqlc.arg(now) AS bigint) - 1200000 THEN 1200
         WHEN pulled_at >= CAST(sqlc.arg(now) AS bigint) - 3600000 THEN 3600
         WHEN pulled_at >= CAST(sqlc.arg(now) AS bigint) - 21600000 THEN 21600
         WHEN pulled_at >= CAST(sqlc.arg(now) AS bigint) - 86400000 THEN 86400
         ELSE 0 END AS up_to,
    pulled_at > 0 AS was_read,
    count(*) AS calendars,
    CAST(SUM(CAST(sqlc.arg(now) AS bigint) - pulled_at) AS bigint) AS ages,
    CAST(MIN(pulled_at) AS bigint) AS oldest
FROM sources GROUP BY 1, 2, 3, 4, 5;

-- name: CountUndecided :one
SELECT CAST(COALESCE(SUM(CASE WHEN tries = 0 THEN 1 ELSE 0 END), 0) AS bigint) AS waiting,
       CAST(COALESCE(SUM(CASE WHEN tries > 0 THEN 1 ELSE 0 END), 0) AS bigint) AS failing,
       CAST(COALESCE(MIN(CASE WHEN tries = 0 THEN since END), 0) AS bigint) AS oldest
FROM undecided;

-- name: CountWaiting :many
-- What waits for each target. What is early waits for its time, and for nobody.
SELECT target, early, count(*) AS messages, CAST(MIN(written_at) AS bigint) AS oldest FROM messages WHERE outcome = 0 GROUP BY target, early;

-- name: CountGivenUp :many
SELECT target, count(*) AS messages FROM messages WHERE outcome = 2 GROUP BY target;

-- name: CountSchedules :many
-- Recordings to come, and those under way.
SELECT start_at > CAST(sqlc.arg(now) AS bigint) AS upcoming, count(*) AS schedules FROM schedules
WHERE end_at > CAST(sqlc.arg(now) AS bigint) AND state <> 'cancelled' GROUP BY 1;

-- name: CountMeetings :many
-- Meetings to come by what is done. The index has all of it.
SELECT recorded, count(*) AS meetings FROM meeting_index WHERE start_at > CAST(sqlc.arg(now) AS bigint) GROUP BY recorded;

-- name: CountHeld :one
SELECT count(*) FROM meeting_index WHERE held AND start_at > CAST(sqlc.arg(now) AS bigint);

-- name: CountFailures :many
-- Meetings to come by the rules that keep them from being recorded.
SELECT rule, count(*) AS meetings FROM meeting_failures WHERE start_at > CAST(sqlc.arg(now) AS bigint) GROUP BY rule;

-- name: CountHeldLetters :one
SELECT count(*) FROM letters WHERE state = 'held';
