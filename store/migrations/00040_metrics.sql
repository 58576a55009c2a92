-- +goose Up

-- What was given up is few, and counted often.
CREATE INDEX messages_given_up ON messages (target) WHERE outcome = 2;

-- +goose Down
DROP INDEX messages_given_up;
