-- +goose Up

-- What connectors must not lose and nobody else may read: refresh tokens, sealed. The key is not in here.
CREATE TABLE secrets (
    connection TEXT   NOT NULL, -- DRIVER:ACCOUNT
    name       TEXT   NOT NULL, -- the connector's own: an address, for one
    sealed     BYTEA  NOT NULL, -- for this connection and name alone: rows can't be swapped
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (connection, name)
);

-- +goose Down
DROP TABLE secrets;
