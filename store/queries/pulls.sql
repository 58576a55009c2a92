-- The reading of calendars: which is due, who reads it now, where it goes on, and how it went. "Leased" rows are
-- somebody's; a lease that reaches further than any lease does was given by a clock that has been set back since, and
-- does not count.

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

-- name: MakeDue :exec
-- What waits because it failed goes on waiting.
UPDATE sources
SET pushes = pushes + 1,
    next_at = CASE WHEN failures = 0 AND next_at > CAST(sqlc.arg(at) AS bigint) THEN CAST(sqlc.arg(at) AS bigint) ELSE next_at END
WHERE id = sqlc.arg(id);

-- name: HastenSource :exec
-- As MakeDue, also what waits because it failed.
UPDATE sources
SET pushes = pushes + 1, next_at = CASE WHEN next_at > CAST(sqlc.arg(at) AS bigint) THEN CAST(sqlc.arg(at) AS bigint) ELSE next_at END
WHERE id = sqlc.arg(id);

-- name: DueSources :many
-- The sources of a connection to pull, those that wait longest first.
SELECT sources.id, sources.next_at FROM sources
WHERE sources.driver = sqlc.arg(driver) AND sources.account = sqlc.arg(account) AND sources.next_at <= CAST(sqlc.arg(now) AS bigint)
  AND (sources.leased_until <= CAST(sqlc.arg(now) AS bigint) OR sources.leased_until > CAST(sqlc.arg(latest) AS bigint))
  AND NOT EXISTS (
    SELECT 1 FROM parked
    WHERE parked.until_at > CAST(sqlc.arg(now) AS bigint) AND parked.until_at <= CAST(sqlc.arg(unparked) AS bigint)
      AND parked.who IN (sources.driver || ':' || sources.account,
                         sources.driver || ':' || sources.account || '/' || CASE WHEN sources.read_as = '' THEN sources.calendar ELSE sources.read_as END))
ORDER BY sources.next_at, sources.id LIMIT sqlc.arg(most);

-- name: ReadInFuture :exec
-- A source that was tried in the future was tried before the clock was set back.
UPDATE sources SET next_at = CAST(sqlc.arg(now) AS bigint), tried_at = 0 WHERE tried_at > CAST(sqlc.arg(skewed) AS bigint);

-- name: LeasesOf :many
-- How many sources of each connection are being pulled on behalf of one process. "> 0" is the index's, here and below.
SELECT driver, account, count(*) AS pulls FROM sources
WHERE leased_until > 0 AND leased_until > CAST(sqlc.arg(now) AS bigint) AND leased_until <= CAST(sqlc.arg(latest) AS bigint) AND leased_by = sqlc.arg(leased_by)
GROUP BY driver, account;

-- name: LeaseSource :one
UPDATE sources SET leased_until = sqlc.arg(leased_until), leased_by = sqlc.arg(leased_by), fence = fence + 1
WHERE id = sqlc.arg(id) RETURNING fence;

-- name: ExtendSource :execrows
UPDATE sources SET leased_until = sqlc.arg(leased_until) WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence);

-- name: MakeAllDue :exec
-- Sources that the provider refused, or whose events were read in another way than this one: in none, for all that do not
-- wait because they failed.
UPDATE sources SET next_at = CAST(sqlc.arg(now) AS bigint)
WHERE next_at > CAST(sqlc.arg(now) AS bigint) AND (no_access OR failures = 0 AND reading <> sqlc.arg(reading) AND reading <> '');

-- name: MakeReaderDue :exec
UPDATE sources SET next_at = CAST(sqlc.arg(now) AS bigint)
WHERE driver = sqlc.arg(driver) AND account = sqlc.arg(account) AND CASE WHEN read_as = '' THEN calendar ELSE read_as END = sqlc.arg(reader);
