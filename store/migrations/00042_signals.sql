-- +goose Up

-- What people said of meetings. The meeting is a key, or a UID: then it is said of the whole series.
CREATE TABLE signals (
    seq     bigint PRIMARY KEY,
    meeting text NOT NULL,
    email   text NOT NULL,
    signal  text NOT NULL,
    at      bigint NOT NULL
);
CREATE INDEX signals_meeting ON signals (meeting, seq);

INSERT INTO sequences (name, value) VALUES ('signals', 0);

-- +goose Down
DELETE FROM sequences WHERE name = 'signals';
DROP TABLE signals;
