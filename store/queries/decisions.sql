-- Which meetings are to be decided, and what was decided.

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

-- name: Decisions :many
SELECT * FROM decisions ORDER BY start_at, meeting;

-- name: UndecidedBefore :one
SELECT CAST(EXISTS (SELECT 1 FROM undecided WHERE since <= CAST(sqlc.arg(before) AS bigint))
    OR EXISTS (SELECT 1 FROM undecided WHERE since > CASE WHEN tries = 0 THEN CAST(sqlc.arg(skewed) AS bigint) ELSE CAST(sqlc.arg(put_off) AS bigint) END) AS boolean);

-- name: MeetingDecision :one
SELECT title, decided_at, data, held FROM decisions WHERE meeting = sqlc.arg(meeting);
