-- +goose Up

-- Who reads a source now, until when at most, and under which fence: a process that wakes up behind its lease finds a
-- higher one, and stores nothing.
ALTER TABLE sources ADD COLUMN leased_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN leased_by TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;
-- When a pull ended last, well or not, and when one brought a change.
ALTER TABLE sources ADD COLUMN tried_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
-- At how many starts of recordings it had been read as late as promised, at how many it had not.
ALTER TABLE sources ADD COLUMN fresh BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN stale BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sources_leased ON sources (leased_until) WHERE leased_until > 0;
CREATE INDEX copies_start ON copies (source, start_at);
CREATE INDEX copies_end ON copies (end_at);
CREATE INDEX decisions_end ON decisions (end_at);

-- Counts how often a meeting was marked: who decided it takes the mark off that it saw, and no later one.
ALTER TABLE undecided ADD COLUMN mark BIGINT NOT NULL DEFAULT 0;
-- What can't be decided is tried again later and later.
ALTER TABLE undecided ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE undecided ADD COLUMN error TEXT NOT NULL DEFAULT '';

-- When the next step in a schedule's life is due; 0: there is none. And the lease of who takes it.
ALTER TABLE schedules ADD COLUMN step_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE schedules ADD COLUMN leased_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE schedules ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;
CREATE INDEX schedules_step ON schedules (step_at) WHERE step_at > 0;
CREATE INDEX schedules_end ON schedules (end_at);

-- Work that comes round: a row for each connection's roster, and some others.
CREATE TABLE chores (
    name         TEXT PRIMARY KEY,
    next_at      BIGINT NOT NULL,
    leased_until BIGINT NOT NULL DEFAULT 0,
    fence        BIGINT NOT NULL DEFAULT 0,
    done_at      BIGINT NOT NULL DEFAULT 0,
    error        TEXT   NOT NULL DEFAULT ''
);

-- Whom a provider has told to wait: a connection, or one user of it.
CREATE TABLE parked (
    who      TEXT PRIMARY KEY,
    until_at BIGINT NOT NULL
);

-- What a provider allows, as all replicas together use it up: the time at which the bucket is empty (GCRA), in
-- microseconds.
CREATE TABLE budgets (
    name TEXT PRIMARY KEY,
    tat  BIGINT NOT NULL
);

-- What all processes have in common: which rules are in force, how often the access to calendars changed.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Every revision of every schedule, in order: the change feed.
CREATE TABLE revisions (
    seq        BIGINT PRIMARY KEY,
    -- The first seq of the plan that the revision is part of.
    plan       BIGINT NOT NULL,
    schedule   TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    data       TEXT   NOT NULL,
    written_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX revisions_schedule ON revisions (schedule, revision);
INSERT INTO revisions (seq, plan, schedule, revision, data, written_at)
SELECT seq, plan, schedule, revision, data, written_at FROM outbox;

-- Messages to targets, each about a revision. What is outcome 0 waits; 1 was delivered, 2 was given up, for a person
-- to look at, 3 was overtaken by a later one before it was to be told.
CREATE TABLE messages (
    id           BIGINT PRIMARY KEY,
    target       TEXT   NOT NULL,
    plan         BIGINT NOT NULL,
    schedule     TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    data         TEXT   NOT NULL,
    -- Nobody waits for it: the recorder is not to be told yet.
    early        BOOLEAN NOT NULL DEFAULT FALSE,
    -- Behind a recorder that was out of capacity, the same message has another key.
    keys         BIGINT NOT NULL DEFAULT 0,
    written_at   BIGINT NOT NULL,
    -- The recording's start: what starts first is told first.
    starts_at    BIGINT NOT NULL DEFAULT 0,
    due_at       BIGINT NOT NULL,
    attempts     BIGINT NOT NULL DEFAULT 0,
    error        TEXT   NOT NULL DEFAULT '',
    outcome      BIGINT NOT NULL DEFAULT 0,
    done_at      BIGINT NOT NULL DEFAULT 0,
    leased_until BIGINT NOT NULL DEFAULT 0,
    fence        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX messages_waiting ON messages (target, starts_at, id) WHERE outcome = 0;
CREATE INDEX messages_schedule ON messages (schedule, target, id);
CREATE INDEX messages_plan ON messages (plan, target, id);
INSERT INTO messages (id, target, plan, schedule, revision, state, data, written_at, due_at, attempts, error, outcome, done_at)
SELECT outbox.seq, 'file', outbox.plan, outbox.schedule, outbox.revision, schedules.state, outbox.data, outbox.written_at, outbox.written_at,
       outbox.attempts, outbox.error, CASE WHEN outbox.delivered_at > 0 THEN 1 ELSE 0 END, outbox.delivered_at
FROM outbox JOIN schedules ON schedules.id = outbox.schedule;
DROP TABLE outbox;

-- What a target's sink has noted of a schedule.
CREATE TABLE notes (
    target   TEXT NOT NULL,
    schedule TEXT NOT NULL,
    note     TEXT NOT NULL,
    PRIMARY KEY (target, schedule)
);

INSERT INTO sequences (name, value) SELECT 'revisions', value FROM sequences WHERE name = 'outbox';
INSERT INTO sequences (name, value) SELECT 'messages', value FROM sequences WHERE name = 'outbox';
DELETE FROM sequences WHERE name = 'outbox';
-- Rows that are there to be held: by who counts a change of access, by who takes messages.
INSERT INTO sequences (name, value) VALUES ('access', 0), ('taking', 0);

-- When the last of what a letter tells of ends; 0: never, or nobody knows.
ALTER TABLE letters ADD COLUMN ends_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
SELECT 1;
