-- What is on its way to targets. Leases are those of pulls.sql.

-- name: PutMessage :exec
INSERT INTO messages (id, target, plan, schedule, revision, state, data, written_at, starts_at, due_at)
VALUES (sqlc.arg(id), sqlc.arg(target), sqlc.arg(plan), sqlc.arg(schedule), sqlc.arg(revision), sqlc.arg(state), sqlc.arg(data), sqlc.arg(written_at), sqlc.arg(starts_at), sqlc.arg(due_at));

-- name: LastMessage :one
-- What a target was told of a schedule last, or will be before anything else.
SELECT * FROM messages WHERE schedule = sqlc.arg(schedule) AND target = sqlc.arg(target) AND outcome <> 2 ORDER BY id DESC LIMIT 1;

-- name: Untold :many
-- Live schedules of which a target has never been told.
SELECT schedules.* FROM schedules
WHERE schedules.end_at > CAST(sqlc.arg(now) AS bigint) AND schedules.state <> 'cancelled' AND schedules.id > sqlc.arg(after)
  AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.schedule = schedules.id AND messages.target = sqlc.arg(target))
ORDER BY schedules.id LIMIT sqlc.arg(most);

-- name: DueMessages :many
-- Messages that may be delivered now, what starts first in front: nothing of the same schedule, plan or meeting waits before them. One that was
-- written, or tried last, in the future waits for a clock that has been set back since.
-- SQLite joins in the order of CROSS JOIN: left to itself it looks at everything that waits, for each message.
SELECT m.* FROM messages AS m
WHERE m.target = sqlc.arg(target) AND m.outcome = 0
  AND (m.due_at <= CAST(sqlc.arg(now) AS bigint) OR CASE WHEN m.done_at = 0 THEN m.written_at ELSE m.done_at END > CAST(sqlc.arg(skewed) AS bigint))
  AND (m.leased_until <= CAST(sqlc.arg(now) AS bigint) OR m.leased_until > CAST(sqlc.arg(latest) AS bigint))
  AND NOT EXISTS (SELECT 1 FROM messages AS b WHERE b.schedule = m.schedule AND b.target = m.target AND b.id < m.id AND b.outcome = 0 AND NOT b.early)
  AND NOT EXISTS (SELECT 1 FROM messages AS b WHERE b.plan = m.plan AND b.target = m.target AND b.id < m.id AND b.outcome = 0 AND NOT b.early)
  AND NOT EXISTS (
    SELECT 1 FROM schedule_meetings AS own CROSS JOIN schedule_meetings AS other CROSS JOIN messages AS b
    WHERE own.schedule = m.schedule AND other.meeting = own.meeting AND b.schedule = other.schedule AND b.target = m.target AND b.id < m.id AND b.outcome = 0 AND NOT b.early)
ORDER BY m.starts_at, m.id LIMIT sqlc.arg(most);

-- name: LeaseMessage :one
UPDATE messages SET leased_until = sqlc.arg(leased_until), fence = fence + 1, attempts = attempts + 1, early = FALSE WHERE id = sqlc.arg(id) RETURNING fence, attempts;

-- name: EndMessage :execrows
-- Who comes behind its lease notes nothing: somebody else delivers it. What waits on was "done" when it was tried last.
UPDATE messages SET outcome = sqlc.arg(outcome), done_at = sqlc.arg(done_at), due_at = sqlc.arg(due_at), early = sqlc.arg(early), keys = keys + CAST(sqlc.arg(keys) AS bigint),
    error = sqlc.arg(error), leased_until = 0
WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence) AND outcome = 0;

-- name: ReplaceEarlier :exec
-- What a recorder was not to be told yet has been overtaken.
UPDATE messages SET outcome = 3, done_at = sqlc.arg(done_at)
WHERE schedule = sqlc.arg(schedule) AND target = sqlc.arg(target) AND id < CAST(sqlc.arg(id) AS bigint) AND outcome = 0 AND early AND leased_until = 0;

-- name: HurryEarlier :exec
-- There is something newer to say, which waits for what failed before: that is tried at once.
UPDATE messages SET due_at = CAST(sqlc.arg(now) AS bigint)
WHERE schedule = sqlc.arg(schedule) AND target = sqlc.arg(target) AND outcome = 0 AND leased_until = 0 AND due_at > CAST(sqlc.arg(now) AS bigint);

-- name: LaterMessages :one
SELECT count(*) FROM messages WHERE schedule = sqlc.arg(schedule) AND target = sqlc.arg(target) AND id > CAST(sqlc.arg(id) AS bigint);

-- name: ReviveMessage :execrows
-- One that was given up is tried again, unless something later has been delivered since.
UPDATE messages SET outcome = 0, due_at = sqlc.arg(now), done_at = 0, attempts = 0
WHERE messages.id = sqlc.arg(id) AND messages.outcome = 2
  AND NOT EXISTS (SELECT 1 FROM messages AS l WHERE l.schedule = messages.schedule AND l.target = messages.target AND l.id > messages.id AND l.outcome <> 2);

-- name: CountMessages :one
SELECT CAST((SELECT COUNT(*) FROM messages WHERE outcome = 0) AS bigint) AS open,
       CAST((SELECT COUNT(*) FROM messages WHERE outcome = 0 AND attempts > 0 AND error <> '' AND NOT early) AS bigint) AS failing,
       CAST((SELECT COUNT(*) FROM messages WHERE outcome = 2) AS bigint) AS dead,
       CAST((SELECT COUNT(*) FROM messages WHERE outcome = 1 AND done_at >= CAST(sqlc.arg(since) AS bigint)) AS bigint) AS delivered;

-- name: CountDead :one
SELECT CAST(COUNT(*) AS bigint) FROM messages WHERE outcome = 2;
