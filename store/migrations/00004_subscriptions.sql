-- +goose Up

-- Providers' promises to tell of a calendar's changes. Whoever knows a secret may have a calendar looked at
-- early, so its SHA-256 alone is kept. A row may outlive its source: it is over within days.
CREATE TABLE subscriptions (
    id          TEXT PRIMARY KEY,
    source      TEXT   NOT NULL,
    resource    TEXT   NOT NULL,
    secret_hash TEXT   NOT NULL,
    address     TEXT   NOT NULL,
    until_at    BIGINT NOT NULL,
    made_at     BIGINT NOT NULL
);
CREATE INDEX subscriptions_source ON subscriptions (source);
CREATE INDEX subscriptions_until ON subscriptions (until_at);

-- How many pushes have said that something changed. A pull during which there were more is not the last word.
ALTER TABLE sources ADD COLUMN pushes BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE sources DROP COLUMN pushes;
DROP TABLE subscriptions;
