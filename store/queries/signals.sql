-- What people said of meetings.

-- name: PutSignal :exec
INSERT INTO signals (seq, meeting, email, signal, at)
VALUES (sqlc.arg(seq), sqlc.arg(meeting), sqlc.arg(email), sqlc.arg(signal), sqlc.arg(at));

-- name: DropSignals :execrows
-- Addresses are compared in lower case.
DELETE FROM signals WHERE meeting = sqlc.arg(meeting) AND lower(email) = sqlc.arg(email);

-- name: Signals :many
SELECT * FROM signals WHERE seq > sqlc.arg(after) ORDER BY seq LIMIT sqlc.arg(most);

-- name: SignalsAbout :many
-- Of a meeting, or of its series.
SELECT * FROM signals WHERE meeting IN (sqlc.arg(meeting), sqlc.arg(series)) AND seq > sqlc.arg(after) ORDER BY seq LIMIT sqlc.arg(most);

-- name: MarkSpokenOf :exec
-- A meeting, or a whole series, is decided anew before others that wait, unless it has ended.
INSERT INTO undecided (meeting, since, mark)
SELECT i.meeting, CAST(sqlc.arg(since) AS bigint), 1 FROM meeting_index AS i WHERE i.meeting = sqlc.arg(meeting) AND (i.end_at > CAST(sqlc.arg(now) AS bigint) OR i.end_at = 0)
UNION SELECT s.meeting, CAST(sqlc.arg(since) AS bigint), 1 FROM meeting_index AS s WHERE s.series = sqlc.arg(meeting) AND (s.end_at > CAST(sqlc.arg(now) AS bigint) OR s.end_at = 0)
ORDER BY 1
ON CONFLICT (meeting) DO UPDATE SET mark = undecided.mark + 1, tries = 0,
    since = CASE WHEN excluded.since < undecided.since THEN excluded.since ELSE undecided.since END;

-- name: DropSignalsOfEnded :exec
-- What was said of a meeting leaves with it; what was said of a series stays while others of it are known.
DELETE FROM signals WHERE signals.meeting = sqlc.arg(meeting)
  AND NOT EXISTS (SELECT 1 FROM meeting_index AS i WHERE i.series = sqlc.arg(meeting) AND i.meeting <> sqlc.arg(meeting));

-- name: ForgetSignals :execrows
-- What a person said, but of what is still to come: that protects them.
DELETE FROM signals WHERE lower(signals.email) = sqlc.arg(email)
  AND NOT EXISTS (SELECT 1 FROM meeting_index AS i WHERE i.meeting = signals.meeting AND (i.end_at > CAST(sqlc.arg(now) AS bigint) OR i.end_at = 0))
  AND NOT EXISTS (SELECT 1 FROM meeting_index AS s WHERE s.series = signals.meeting AND (s.end_at > CAST(sqlc.arg(now) AS bigint) OR s.end_at = 0));

-- name: CountSignalsOfPerson :one
SELECT CAST(COUNT(*) AS bigint) FROM signals WHERE lower(email) = sqlc.arg(email);
