-- What was said of schedules, in its order, and what targets noted.

-- name: PutRevision :exec
INSERT INTO revisions (seq, plan, schedule, revision, data, written_at)
VALUES (sqlc.arg(seq), sqlc.arg(plan), sqlc.arg(schedule), sqlc.arg(revision), sqlc.arg(data), sqlc.arg(written_at));

-- name: RevisionsAfter :many
SELECT * FROM revisions WHERE seq > sqlc.arg(after) ORDER BY seq LIMIT sqlc.arg(most);

-- name: Note :one
SELECT note FROM notes WHERE target = sqlc.arg(target) AND schedule = sqlc.arg(schedule);

-- name: PutNote :exec
INSERT INTO notes (target, schedule, note) VALUES (sqlc.arg(target), sqlc.arg(schedule), sqlc.arg(note))
ON CONFLICT (target, schedule) DO UPDATE SET note = excluded.note;

-- name: RevisionsOf :many
SELECT * FROM revisions WHERE schedule = sqlc.arg(schedule) ORDER BY revision;

-- name: NewestRevision :one
SELECT CAST(COALESCE(MAX(seq), 0) AS bigint) FROM revisions;

-- name: LastRevisions :many
SELECT * FROM revisions WHERE schedule = sqlc.arg(schedule) ORDER BY revision DESC LIMIT sqlc.arg(most);
