-- +goose Up

-- What mails say of meetings, distilled, for connectors that learn of meetings by mail.
CREATE TABLE letters (
    source      TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    -- Grows whenever a letter becomes known or is released.
    seq         BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    sender      TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    data        TEXT   NOT NULL,
    PRIMARY KEY (source, id)
);
CREATE UNIQUE INDEX letters_seq ON letters (source, seq);
CREATE INDEX letters_state ON letters (state, received_at);

-- The mails that letters were read from. A mail that is not among them is read.
CREATE TABLE letter_origins (
    source TEXT NOT NULL,
    origin TEXT NOT NULL,
    letter TEXT NOT NULL,
    PRIMARY KEY (source, origin)
);

-- The meetings that letters tell of.
CREATE TABLE letter_meetings (
    source  TEXT NOT NULL,
    meeting TEXT NOT NULL,
    letter  TEXT NOT NULL,
    PRIMARY KEY (source, meeting, letter)
);

INSERT INTO sequences (name, value) VALUES ('letters', 0);

-- +goose Down
DELETE FROM sequences WHERE name = 'letters';
DROP TABLE letter_meetings;
DROP TABLE letter_origins;
DROP TABLE letters;
