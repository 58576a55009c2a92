-- Where providers are asked to push.

-- name: PutSubscription :exec
INSERT INTO subscriptions (id, source, resource, secret_hash, address, until_at, made_at)
VALUES (sqlc.arg(id), sqlc.arg(source), sqlc.arg(resource), sqlc.arg(secret_hash), sqlc.arg(address), sqlc.arg(until_at), sqlc.arg(made_at))
ON CONFLICT (id) DO UPDATE
SET source = excluded.source, resource = excluded.resource, secret_hash = excluded.secret_hash, address = excluded.address,
    until_at = excluded.until_at, made_at = excluded.made_at;

-- name: Subscription :one
SELECT sqlc.embed(subscriptions), sqlc.embed(sources)
FROM subscriptions JOIN sources ON sources.id = subscriptions.source
WHERE subscriptions.id = sqlc.arg(id);

-- name: Subscriptions :many
SELECT * FROM subscriptions ORDER BY id;

-- name: SubscriptionsOf :many
SELECT * FROM subscriptions WHERE source = sqlc.arg(source) ORDER BY made_at DESC, id;

-- name: DropSubscription :exec
DELETE FROM subscriptions WHERE id = sqlc.arg(id);

-- name: DropSubscriptionsOver :exec
DELETE FROM subscriptions WHERE until_at <= sqlc.arg(at);

-- name: PushesByConnection :many
SELECT sources.driver, sources.account, CAST(COUNT(DISTINCT sources.id) AS bigint) AS calendars
FROM subscriptions JOIN sources ON sources.id = subscriptions.source WHERE subscriptions.until_at > CAST(sqlc.arg(now) AS bigint)
GROUP BY sources.driver, sources.account;
