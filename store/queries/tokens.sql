-- Who gets in: tokens, sessions, and the keys that sign.

-- name: PutToken :exec
INSERT INTO tokens (id, name, hash, scopes, email, made_at, until_at)
VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(hash), sqlc.arg(scopes), sqlc.arg(email), sqlc.arg(made_at), sqlc.arg(until_at));

-- name: Token :one
SELECT * FROM tokens WHERE id = sqlc.arg(id);

-- name: Tokens :many
SELECT * FROM tokens ORDER BY made_at, id;

-- name: RevokeToken :execrows
UPDATE tokens SET revoked_at = sqlc.arg(revoked_at) WHERE id = sqlc.arg(id) AND revoked_at = 0;

-- name: UseToken :exec
UPDATE tokens SET used_at = CAST(sqlc.arg(used_at) AS bigint) WHERE id = sqlc.arg(id) AND used_at < CAST(sqlc.arg(used_at) AS bigint);

-- name: Session :one
SELECT data FROM sessions WHERE token = sqlc.arg(token) AND until_at > sqlc.arg(now);

-- name: PutSession :exec
INSERT INTO sessions (token, data, until_at) VALUES (sqlc.arg(token), sqlc.arg(data), sqlc.arg(until_at))
ON CONFLICT (token) DO UPDATE SET data = excluded.data, until_at = excluded.until_at;

-- name: DropSession :exec
DELETE FROM sessions WHERE token = sqlc.arg(token);

-- name: DropSessionsOver :exec
DELETE FROM sessions WHERE until_at <= sqlc.arg(now);

-- name: PutServeKey :exec
INSERT INTO serve_keys (name, value) VALUES (sqlc.arg(name), sqlc.arg(value)) ON CONFLICT (name) DO NOTHING;

-- name: ServeKey :one
SELECT value FROM serve_keys WHERE name = sqlc.arg(name);
