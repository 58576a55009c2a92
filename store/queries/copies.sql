-- Meetings as each calendar shows them.

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

-- name: NextStart :one
-- The first start of an entry of the source behind a time.
SELECT CAST(COALESCE(MIN(start_at), 0) AS bigint) FROM copies WHERE source = sqlc.arg(source) AND start_at > CAST(sqlc.arg(behind) AS bigint);
