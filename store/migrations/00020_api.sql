-- +goose Up

-- Bearer tokens of the API. Whoever has a token's text may use it, so its SHA-256 alone is kept.
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    scopes     TEXT   NOT NULL,
    email      TEXT   NOT NULL,
    made_at    BIGINT NOT NULL,
    until_at   BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0,
    revoked_at BIGINT NOT NULL DEFAULT 0
);

-- People who are logged in, by the SHA-256 of what their cookie holds.
CREATE TABLE sessions (
    token    TEXT PRIMARY KEY,
    data     BYTEA  NOT NULL,
    until_at BIGINT NOT NULL
);
CREATE INDEX sessions_until ON sessions (until_at);

-- What the HTTP side signs with: cursors of this store, log-ins under way. A new store has new ones.
CREATE TABLE serve_keys (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

-- What decisions are found by, and what a list shows of them. Written with the decision, and gone with it. recorded says
-- what is done, held included.
CREATE TABLE meeting_index (
    meeting    TEXT PRIMARY KEY REFERENCES decisions (meeting) ON DELETE CASCADE,
    series     TEXT    NOT NULL,
    start_at   BIGINT  NOT NULL,
    end_at     BIGINT  NOT NULL,
    decided_at BIGINT  NOT NULL,
    recorded   BOOLEAN NOT NULL,
    held       BOOLEAN NOT NULL,
    title      TEXT    NOT NULL,
    folded     TEXT    NOT NULL, -- the title in lower case, to look for words in
    provider   TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    failing    TEXT    NOT NULL  -- rules, with commas between them
);
CREATE INDEX meeting_index_start ON meeting_index (start_at, meeting, folded);
CREATE INDEX meeting_index_recorded ON meeting_index (recorded, start_at, meeting);
CREATE INDEX meeting_index_series ON meeting_index (series);

-- The rules that fail, to find the meetings that a rule keeps from being recorded.
CREATE TABLE meeting_failures (
    rule     TEXT   NOT NULL,
    start_at BIGINT NOT NULL,
    meeting  TEXT   NOT NULL REFERENCES meeting_index (meeting) ON DELETE CASCADE,
    PRIMARY KEY (rule, start_at, meeting)
);
CREATE INDEX meeting_failures_meeting ON meeting_failures (meeting);

-- The same for schedules; data is the newest revision without its reasons.
CREATE TABLE schedule_index (
    schedule TEXT PRIMARY KEY REFERENCES schedules (id) ON DELETE CASCADE,
    start_at BIGINT NOT NULL,
    state    TEXT   NOT NULL,
    provider TEXT   NOT NULL,
    data     TEXT   NOT NULL
);
CREATE INDEX schedule_index_start ON schedule_index (start_at, schedule);
CREATE INDEX schedule_index_state ON schedule_index (state, start_at, schedule);
CREATE INDEX schedule_index_provider ON schedule_index (provider, start_at, schedule);

-- The members for whom something is recorded, in lower case: the owner, and those on whose behalf it is.
CREATE TABLE schedule_members (
    member   TEXT   NOT NULL,
    start_at BIGINT NOT NULL,
    schedule TEXT   NOT NULL REFERENCES schedule_index (schedule) ON DELETE CASCADE,
    PRIMARY KEY (member, start_at, schedule)
);
CREATE INDEX schedule_members_schedule ON schedule_members (schedule);

CREATE INDEX sources_calendar ON sources (lower(calendar));

-- +goose Down
DROP INDEX sources_calendar;
DROP TABLE schedule_members;
DROP TABLE schedule_index;
DROP TABLE meeting_failures;
DROP TABLE meeting_index;
DROP TABLE serve_keys;
DROP TABLE sessions;
DROP TABLE tokens;
