-- Lists of what is on its way, or came to an end, written as those of meeting_lists.sql.

-- name: Message :one
SELECT * FROM messages WHERE id = sqlc.arg(id);

-- name: MessagesOfOutcome :many
SELECT * FROM messages WHERE outcome = sqlc.arg(outcome) AND id < CAST(sqlc.arg(before) AS bigint) ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: LastMessages :many
SELECT * FROM messages WHERE schedule = sqlc.arg(schedule) ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: PageOfMessages :many
-- All, the newest first.
SELECT * FROM messages WHERE id < CAST(sqlc.arg(before) AS bigint) ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: MessagesTo :many
SELECT * FROM messages WHERE target = sqlc.arg(target) AND id < CAST(sqlc.arg(before) AS bigint) ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: MessagesOfOutcomeTo :many
-- Most messages have one outcome, and most targets a good part of it: the index by outcomes leads on.
SELECT * FROM messages
WHERE outcome = sqlc.arg(outcome) AND id < CAST(sqlc.arg(before) AS bigint) AND target || '' = CAST(sqlc.arg(target) AS text)
ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: MessagesAbout :many
SELECT * FROM messages
WHERE schedule = sqlc.arg(schedule) AND id < CAST(sqlc.arg(before) AS bigint)
  AND (CAST(sqlc.arg(outcome) AS bigint) = -1 OR outcome = CAST(sqlc.arg(outcome) AS bigint))
  AND (CAST(sqlc.arg(target) AS text) = '' OR target = CAST(sqlc.arg(target) AS text))
ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: OpenMessages :many
-- Those that wait, the oldest first: those that fail, or the others.
SELECT * FROM messages
WHERE outcome = 0 AND id > CAST(sqlc.arg(after) AS bigint)
  AND (attempts > 0 AND error <> '' AND NOT early) = CAST(sqlc.arg(failing) AS boolean)
ORDER BY id LIMIT sqlc.arg(most);

-- name: DeadMessages :many
SELECT * FROM messages WHERE outcome = 2 AND id > CAST(sqlc.arg(after) AS bigint) ORDER BY id LIMIT sqlc.arg(most);

-- name: DeliveredMessages :many
-- Those that arrived last come first.
SELECT * FROM messages
WHERE outcome = 1 AND (done_at, id) < (sqlc.arg(before_done), CAST(sqlc.arg(before_id) AS bigint)) AND done_at >= CAST(sqlc.arg(since) AS bigint)
ORDER BY done_at DESC, id DESC LIMIT sqlc.arg(most);

-- name: HastenMessage :execrows
-- One that waits is tried at once, unless it is being tried.
UPDATE messages SET due_at = CAST(sqlc.arg(now) AS bigint) WHERE id = sqlc.arg(id) AND outcome = 0;
