-- What meetings are found by.

-- name: PutMeetingIndex :exec
-- "folded" is what processes of the versions before look for words in.
INSERT INTO meeting_index (meeting, series, start_at, end_at, decided_at, recorded, held, title, folded, provider, owner, failing)
VALUES (sqlc.arg(meeting), sqlc.arg(series), sqlc.arg(start_at), sqlc.arg(end_at), sqlc.arg(decided_at), sqlc.arg(recorded), sqlc.arg(held),
        sqlc.arg(title), lower(sqlc.arg(title)), sqlc.arg(provider), sqlc.arg(owner), sqlc.arg(failing))
ON CONFLICT (meeting) DO UPDATE
SET start_at = excluded.start_at, end_at = excluded.end_at, decided_at = excluded.decided_at, recorded = excluded.recorded, held = excluded.held,
    title = excluded.title, folded = excluded.folded, provider = excluded.provider, owner = excluded.owner, failing = excluded.failing;

-- name: DropMeetingFailures :exec
DELETE FROM meeting_failures WHERE meeting = sqlc.arg(meeting);

-- name: PutMeetingFailure :exec
INSERT INTO meeting_failures (rule, start_at, meeting) VALUES (sqlc.arg(rule), sqlc.arg(start_at), sqlc.arg(meeting)) ON CONFLICT DO NOTHING;

-- name: MeetingKnown :one
SELECT CAST(COUNT(*) AS bigint) FROM (SELECT 1 AS one FROM meeting_index AS i WHERE i.meeting = sqlc.arg(meeting)
    UNION ALL SELECT 1 FROM meeting_index AS s WHERE s.series = sqlc.arg(series)) AS known;

-- name: PutMeetingWords :exec
INSERT INTO meeting_words (meeting, words) VALUES (sqlc.arg(meeting), sqlc.arg(words)) ON CONFLICT (meeting) DO UPDATE SET words = excluded.words;

-- name: RewordMeeting :exec
UPDATE meeting_words SET words = sqlc.arg(words) WHERE meeting = sqlc.arg(meeting) AND words <> sqlc.arg(words);

-- name: UnwordedDecisions :many
SELECT decisions.* FROM decisions LEFT JOIN meeting_words ON meeting_words.meeting = decisions.meeting
WHERE meeting_words.meeting IS NULL ORDER BY decisions.meeting LIMIT sqlc.arg(most);
