-- +goose Up

-- What people look for a meeting by: its title, who takes part, its links and their numbers, with tabs between, in lower case.
-- Nothing of private meetings. Written with the decision, and gone with it.
CREATE TABLE meeting_words (
    meeting TEXT PRIMARY KEY REFERENCES meeting_index (meeting) ON DELETE CASCADE,
    words   TEXT NOT NULL
);

-- How many deliveries to a target went well and how many failed, in the hour that begins then.
CREATE TABLE delivery_hours (
    hour      BIGINT NOT NULL,
    target    TEXT   NOT NULL,
    delivered BIGINT NOT NULL,
    failed    BIGINT NOT NULL,
    PRIMARY KEY (hour, target)
);

-- Messages by what became of them, and by whom they are to; those that arrived by when they did.
CREATE INDEX messages_outcome ON messages (outcome, id);
CREATE INDEX messages_target ON messages (target, id);
CREATE INDEX messages_done ON messages (done_at, id) WHERE outcome = 1;

-- What lasts for more than a day is rare. Everything else that goes on at a time has begun within the day before.
CREATE INDEX meeting_index_long ON meeting_index (end_at) WHERE end_at - start_at > 86400000;
CREATE INDEX schedules_long ON schedules (end_at) WHERE end_at - start_at > 86400000;

-- +goose Down
DROP INDEX schedules_long;
DROP INDEX meeting_index_long;
DROP INDEX messages_done;
DROP INDEX messages_target;
DROP INDEX messages_outcome;
DROP TABLE delivery_hours;
DROP TABLE meeting_words;
