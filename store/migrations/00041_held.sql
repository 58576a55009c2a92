-- +goose Up

-- Meetings that are recorded only because a calendar can't be read any more are few, and counted often.
CREATE INDEX meeting_index_held ON meeting_index (start_at) WHERE held;

-- +goose Down
DROP INDEX meeting_index_held;
