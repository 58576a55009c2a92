-- One dialect for SQLite and PostgreSQL: BIGINT Unix milliseconds for instants (0: unknown), TEXT for
-- JSON, no functions of the database.

-- +goose Up

-- A row for each calendar or mailbox of each connection.
CREATE TABLE sources (
    id         TEXT PRIMARY KEY,
    driver     TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    calendar   TEXT    NOT NULL,
    is_primary BOOLEAN NOT NULL,
    -- How far it has been read. Only the connector understands it; moved by compare-and-swap.
    cursor     TEXT    NOT NULL DEFAULT '',
    -- The fingerprint of how its events were read; a source of another reading is listed anew.
    reading    TEXT    NOT NULL DEFAULT '',
    -- The full listing under way, or the last one. A copy carries the number of the listing that saw it.
    listing    BIGINT  NOT NULL DEFAULT 0,
    -- A listing came back empty where there had been many: its copies are held until another agrees.
    held       BOOLEAN NOT NULL DEFAULT FALSE,
    no_access  BOOLEAN NOT NULL DEFAULT FALSE,
    -- What the last pull came to.
    next_at    BIGINT  NOT NULL DEFAULT 0,
    pulled_at  BIGINT  NOT NULL DEFAULT 0,
    failures   BIGINT  NOT NULL DEFAULT 0,
    error      TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX sources_due ON sources (next_at);

-- A row for each occurrence that a source holds. Bodies are not among what is stored.
CREATE TABLE copies (
    source   TEXT   NOT NULL REFERENCES sources (id),
    ref      TEXT   NOT NULL,
    meeting  TEXT   NOT NULL,
    start_at BIGINT NOT NULL,
    end_at   BIGINT NOT NULL,
    listing  BIGINT NOT NULL,
    data     TEXT   NOT NULL,
    PRIMARY KEY (source, ref)
);
CREATE INDEX copies_meeting ON copies (meeting);

-- Meetings whose copies, or whose rules, changed since they were decided.
CREATE TABLE undecided (
    meeting TEXT PRIMARY KEY,
    since   BIGINT NOT NULL
);
CREATE INDEX undecided_since ON undecided (since, meeting);

-- The decision in force for each meeting. seq grows with every write: a change index.
CREATE TABLE decisions (
    meeting    TEXT PRIMARY KEY,
    seq        BIGINT  NOT NULL,
    record     BOOLEAN NOT NULL,
    title      TEXT    NOT NULL,
    start_at   BIGINT  NOT NULL,
    end_at     BIGINT  NOT NULL,
    decided_at BIGINT  NOT NULL,
    meeting_id TEXT    NOT NULL,
    call_keys  TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    -- What goes on being recorded although data says no, because the access to calendars was lost.
    held       TEXT    NOT NULL
);
CREATE UNIQUE INDEX decisions_seq ON decisions (seq);

-- The calls of decisions to record, to find two meetings that are one call.
CREATE TABLE calls (
    call    TEXT NOT NULL,
    meeting TEXT NOT NULL,
    PRIMARY KEY (call, meeting)
);
CREATE INDEX calls_meeting ON calls (meeting);

CREATE TABLE schedules (
    id       TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    state    TEXT   NOT NULL,
    start_at BIGINT NOT NULL,
    end_at   BIGINT NOT NULL,
    data     TEXT   NOT NULL
);
CREATE INDEX schedules_start ON schedules (start_at);

-- Every meeting that a schedule has ever named: rows are never taken out, so that a founder finds its
-- schedule again.
CREATE TABLE schedule_meetings (
    schedule TEXT NOT NULL REFERENCES schedules (id),
    meeting  TEXT NOT NULL,
    PRIMARY KEY (schedule, meeting)
);
CREATE INDEX schedule_meetings_meeting ON schedule_meetings (meeting);

-- Revisions on their way to the sinks, in order.
CREATE TABLE outbox (
    seq          BIGINT PRIMARY KEY,
    -- The first seq of the plan that the revision is part of.
    plan         BIGINT NOT NULL,
    schedule     TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    data         TEXT   NOT NULL,
    written_at   BIGINT NOT NULL,
    delivered_at BIGINT NOT NULL DEFAULT 0,
    attempts     BIGINT NOT NULL DEFAULT 0,
    error        TEXT   NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX outbox_revision ON outbox (schedule, revision);
CREATE INDEX outbox_waiting ON outbox (delivered_at, seq);

-- Counters, moved in the transaction that uses the number.
CREATE TABLE sequences (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO sequences (name, value) VALUES ('decisions', 0), ('outbox', 0);

-- +goose Down
DROP TABLE sequences;
DROP TABLE outbox;
DROP TABLE schedule_meetings;
DROP TABLE schedules;
DROP TABLE calls;
DROP TABLE decisions;
DROP TABLE undecided;
DROP TABLE copies;
DROP TABLE sources;
