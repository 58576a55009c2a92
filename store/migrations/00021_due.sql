-- +goose Up

-- What is due of one connection, without a look at the others'; and what was read in the future.
CREATE INDEX sources_due_of ON sources (driver, account, next_at, id);
CREATE INDEX sources_tried ON sources (tried_at);
-- What was never read.
CREATE INDEX sources_unread ON sources (id) WHERE pulled_at = 0 AND failures = 0;
-- What waits for a time.
CREATE INDEX messages_due ON messages (due_at) WHERE outcome = 0;

-- +goose Down
DROP INDEX messages_due;
DROP INDEX sources_unread;
DROP INDEX sources_tried;
DROP INDEX sources_due_of;
