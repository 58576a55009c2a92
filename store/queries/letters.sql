-- Invites that came by mail.

-- name: Letter :one
SELECT * FROM letters WHERE source = sqlc.arg(source) AND id = sqlc.arg(id);

-- name: PutLetter :exec
INSERT INTO letters (source, id, seq, received_at, sender, state, reason, data, ends_at)
VALUES (sqlc.arg(source), sqlc.arg(id), sqlc.arg(seq), sqlc.arg(received_at), sqlc.arg(sender), sqlc.arg(state), sqlc.arg(reason), sqlc.arg(data), sqlc.arg(ends_at))
ON CONFLICT (source, id) DO UPDATE SET seq = excluded.seq, received_at = excluded.received_at, sender = excluded.sender, state = excluded.state,
    reason = excluded.reason, data = excluded.data, ends_at = excluded.ends_at;

-- name: PutLetterOrigin :exec
INSERT INTO letter_origins (source, origin, letter)
VALUES (sqlc.arg(source), sqlc.arg(origin), sqlc.arg(letter))
ON CONFLICT (source, origin) DO UPDATE SET letter = excluded.letter;

-- name: PutLetterMeeting :exec
INSERT INTO letter_meetings (source, meeting, letter)
VALUES (sqlc.arg(source), sqlc.arg(meeting), sqlc.arg(letter))
ON CONFLICT (source, meeting, letter) DO NOTHING;

-- name: ForgetLetterOrigins :exec
DELETE FROM letter_origins WHERE source = sqlc.arg(source);

-- name: LetterOrigin :one
SELECT letter FROM letter_origins WHERE source = sqlc.arg(source) AND origin = sqlc.arg(origin);

-- name: LettersAfter :many
SELECT * FROM letters WHERE source = sqlc.arg(source) AND seq > sqlc.arg(after) ORDER BY seq LIMIT sqlc.arg(n);

-- name: LettersAbout :many
SELECT letters.* FROM letter_meetings JOIN letters ON letters.source = letter_meetings.source AND letters.id = letter_meetings.letter
WHERE letter_meetings.source = sqlc.arg(source) AND letter_meetings.meeting = sqlc.arg(meeting) AND letters.state IN ('accepted', 'released')
ORDER BY letters.received_at, letters.seq;

-- name: LetterMeetings :many
SELECT DISTINCT meeting FROM letter_meetings WHERE source = sqlc.arg(source) AND meeting > sqlc.arg(after) ORDER BY meeting LIMIT sqlc.arg(n);

-- name: LettersOfState :many
SELECT * FROM letters WHERE state = sqlc.arg(state) ORDER BY received_at DESC, source, id LIMIT sqlc.arg(n);

-- name: LettersFrom :many
-- Those of the state whose ids are from the first one up to, without, the second.
SELECT * FROM letters WHERE state = sqlc.arg(state) AND id >= sqlc.arg(least) AND id < sqlc.arg(above) ORDER BY id LIMIT 2;

-- name: ReleaseLetter :exec
UPDATE letters SET state = 'released', seq = sqlc.arg(seq) WHERE source = sqlc.arg(source) AND id = sqlc.arg(id);

-- name: NewestLetter :one
SELECT CAST(COALESCE(MAX(seq), 0) AS bigint) FROM letters WHERE source = sqlc.arg(source);

-- name: ListLetters :many
SELECT * FROM letters
WHERE state = sqlc.arg(state)
  AND (received_at, source, id) < (sqlc.arg(before_received), CAST(sqlc.arg(before_source) AS text) || '', CAST(sqlc.arg(before_id) AS text) || '')
ORDER BY received_at DESC, source DESC, id DESC LIMIT sqlc.arg(most);

-- name: LettersOfID :many
SELECT * FROM letters WHERE state = sqlc.arg(state) AND id = sqlc.arg(id) ORDER BY source;

-- name: CountLetters :one
SELECT CAST(COUNT(*) AS bigint) FROM letters WHERE state = sqlc.arg(state);
