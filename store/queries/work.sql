-- What all processes share: order, chores, budgets, and what is parked. Leases are those of pulls.sql.

-- name: Next :one
UPDATE sequences SET value = value + 1 WHERE name = sqlc.arg(name) RETURNING value;

-- name: NextDue :one
-- When the next source of any connection is due, and the next step, chore and message, behind now.
SELECT CAST(COALESCE((SELECT MIN(next_at) FROM sources WHERE next_at > CAST(sqlc.arg(now) AS bigint)), 0) AS bigint) AS source,
       CAST(COALESCE((SELECT MIN(step_at) FROM schedules WHERE step_at > 0 AND step_at > CAST(sqlc.arg(now) AS bigint)), 0) AS bigint) AS step,
       CAST(COALESCE((SELECT MIN(next_at) FROM chores WHERE next_at > CAST(sqlc.arg(now) AS bigint)), 0) AS bigint) AS chore,
       CAST(COALESCE((SELECT MIN(due_at) FROM messages WHERE outcome = 0 AND due_at > CAST(sqlc.arg(now) AS bigint)), 0) AS bigint) AS message;

-- name: PutChore :exec
INSERT INTO chores (name, next_at) VALUES (sqlc.arg(name), sqlc.arg(next_at)) ON CONFLICT (name) DO NOTHING;

-- name: MakeChoreDue :exec
INSERT INTO chores (name, next_at) VALUES (sqlc.arg(name), sqlc.arg(next_at))
ON CONFLICT (name) DO UPDATE SET next_at = CASE WHEN chores.next_at < excluded.next_at THEN chores.next_at ELSE excluded.next_at END;

-- name: DueChores :many
-- What was never done is due at once, whatever the clock was when it was noted.
SELECT * FROM chores
WHERE (next_at <= CAST(sqlc.arg(now) AS bigint) OR done_at = 0 OR done_at > CAST(sqlc.arg(skewed) AS bigint))
  AND (leased_until <= CAST(sqlc.arg(now) AS bigint) OR leased_until > CAST(sqlc.arg(latest) AS bigint))
ORDER BY next_at, name;

-- name: LeaseChore :one
UPDATE chores SET leased_until = sqlc.arg(leased_until), fence = fence + 1 WHERE name = sqlc.arg(name) RETURNING fence;

-- name: ExtendChore :execrows
UPDATE chores SET leased_until = sqlc.arg(leased_until) WHERE name = sqlc.arg(name) AND fence = sqlc.arg(fence);

-- name: DoneChore :execrows
UPDATE chores SET next_at = sqlc.arg(next_at), done_at = sqlc.arg(done_at), error = sqlc.arg(error), leased_until = 0
WHERE name = sqlc.arg(name) AND fence = sqlc.arg(fence);

-- name: Chores :many
SELECT * FROM chores ORDER BY name;

-- name: Park :exec
INSERT INTO parked (who, until_at) VALUES (sqlc.arg(who), sqlc.arg(until_at))
ON CONFLICT (who) DO UPDATE SET until_at = CASE WHEN parked.until_at > excluded.until_at THEN parked.until_at ELSE excluded.until_at END;

-- name: Unpark :exec
DELETE FROM parked WHERE until_at <= CAST(sqlc.arg(now) AS bigint) OR until_at > CAST(sqlc.arg(unparked) AS bigint);

-- name: ParkedUntil :one
SELECT CAST(COALESCE(MAX(until_at), 0) AS bigint) FROM parked WHERE who IN (sqlc.arg(connection), sqlc.arg(reader));

-- name: Spend :one
-- One request within a rate (GCRA): no row means that the budget is used up. All in microseconds.
INSERT INTO budgets (name, tat) VALUES (sqlc.arg(name), CAST(sqlc.arg(now) AS bigint) + CAST(sqlc.arg(cost) AS bigint))
ON CONFLICT (name) DO UPDATE
SET tat = CASE WHEN budgets.tat > CAST(sqlc.arg(now) AS bigint) AND budgets.tat <= CAST(sqlc.arg(absurd) AS bigint) THEN budgets.tat ELSE CAST(sqlc.arg(now) AS bigint) END + CAST(sqlc.arg(cost) AS bigint)
WHERE budgets.tat <= CAST(sqlc.arg(now) AS bigint) + CAST(sqlc.arg(burst) AS bigint) - CAST(sqlc.arg(cost) AS bigint) OR budgets.tat > CAST(sqlc.arg(absurd) AS bigint)
RETURNING tat;

-- name: Budget :one
SELECT tat FROM budgets WHERE name = sqlc.arg(name);

-- name: Setting :one
SELECT value FROM settings WHERE name = sqlc.arg(name);

-- name: PutSetting :exec
INSERT INTO settings (name, value) VALUES (sqlc.arg(name), sqlc.arg(value)) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: Lock :exec
-- Whoever moves a counter holds it until the transaction ends.
UPDATE sequences SET value = value WHERE name = sqlc.arg(name);

-- name: WhatChanged :one
-- Numbers that move when something does that people see.
SELECT CAST(COALESCE(SUM(value), 0) AS bigint) AS written,
       CAST(COALESCE((SELECT SUM(delivered + failed) FROM delivery_hours WHERE hour >= CAST(sqlc.arg(since) AS bigint)), 0) AS bigint) AS delivered,
       CAST((SELECT COUNT(*) FROM messages WHERE outcome = 2) AS bigint) AS dead,
       CAST(COALESCE((SELECT MAX(tried_at) FROM sources), 0) AS bigint) AS tried
FROM sequences;
