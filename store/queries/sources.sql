-- The calendars that are read.

-- name: PutSource :exec
INSERT INTO sources (id, driver, account, calendar, is_primary, read_as, no_access)
VALUES (sqlc.arg(id), sqlc.arg(driver), sqlc.arg(account), sqlc.arg(calendar), sqlc.arg(is_primary), sqlc.arg(read_as), sqlc.arg(no_access))
ON CONFLICT (id) DO UPDATE SET is_primary = excluded.is_primary, read_as = excluded.read_as;

-- name: Source :one
SELECT * FROM sources WHERE id = sqlc.arg(id);

-- name: Sources :many
SELECT * FROM sources ORDER BY id;

-- name: ScheduleSources :many
-- The sources that hold a copy of one of a schedule's meetings.
SELECT DISTINCT sources.id, sources.pulled_at, sources.tried_at, sources.no_access, sources.driver, sources.account
FROM schedule_meetings JOIN copies ON copies.meeting = schedule_meetings.meeting JOIN sources ON sources.id = copies.source
WHERE schedule_meetings.schedule = sqlc.arg(schedule) ORDER BY sources.id;

-- name: CountFreshness :exec
UPDATE sources SET fresh = fresh + CAST(sqlc.arg(fresh) AS bigint), stale = stale + CAST(sqlc.arg(stale) AS bigint) WHERE id = sqlc.arg(id);

-- name: Progress :one
SELECT (SELECT count(*) FROM sources) AS sources,
       (SELECT count(*) FROM sources WHERE pulled_at = 0 AND failures = 0) AS unread,
       (SELECT count(*) FROM undecided WHERE since <= CAST(sqlc.arg(now) AS bigint)) AS undecided;

-- name: MeetingSources :many
SELECT sources.* FROM copies JOIN sources ON sources.id = copies.source WHERE copies.meeting = sqlc.arg(meeting) ORDER BY sources.id;

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

-- name: SourcesReadSince :many
SELECT driver, account, CAST(COUNT(*) AS bigint) AS calendars FROM sources WHERE pulled_at >= CAST(sqlc.arg(since) AS bigint) AND pulled_at > 0 GROUP BY driver, account;
