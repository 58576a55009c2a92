-- What is sealed.

-- name: PutSecret :exec
INSERT INTO secrets (connection, name, sealed, changed_at)
VALUES (sqlc.arg(connection), sqlc.arg(name), sqlc.arg(sealed), sqlc.arg(changed_at))
ON CONFLICT (connection, name) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at;

-- name: Secret :one
SELECT sealed FROM secrets WHERE connection = sqlc.arg(connection) AND name = sqlc.arg(name);

-- name: SecretNames :many
SELECT name FROM secrets WHERE connection = sqlc.arg(connection) ORDER BY name;

-- name: DropSecret :exec
DELETE FROM secrets WHERE connection = sqlc.arg(connection) AND name = sqlc.arg(name);

-- name: SecretsChanged :many
-- What every connection has, and since when: cheap to compare.
SELECT connection, name, changed_at FROM secrets ORDER BY connection, name;
