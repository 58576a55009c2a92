-- What is due, who works on it, and what came of it. "Leased" rows are somebody's; a lease that reaches further than
-- any lease does was given by a clock that has been set back since, and does not count.

-- name: DueSources :many
-- The sources of a connection to pull, those that wait longest first.
SELECT sources.id, sources.next_at FROM sources
WHERE sources.driver = sqlc.arg(driver) AND sources.account = sqlc.arg(account) AND sources.next_at <= CAST(sqlc.arg(now) AS bigint)
  AND (sources.leased_until <= CAST(sqlc.arg(now) AS bigint) OR sources.leased_until > CAST(sqlc.arg(latest) AS bigint))
  AND NOT EXISTS (
    SELECT 1 FROM parked
    WHERE parked.until_at > CAST(sqlc.arg(now) AS bigint) AND parked.until_at <= CAST(sqlc.arg(unparked) AS bigint)
      AND parked.who IN (sources.driver || ':' || sources.account,
                         sources.driver || ':' || sources.account || '/' || CASE WHEN sources.read_as = '' THEN sources.calendar ELSE sources.read_as END))
ORDER BY sources.next_at, sources.id LIMIT sqlc.arg(most);

-- name: ReadInFuture :exec
-- A source that was tried in the future was tried before the clock was set back.
UPDATE sources SET next_at = CAST(sqlc.arg(now) AS bigint), tried_at = 0 WHERE tried_at > CAST(sqlc.arg(skewed) AS bigint);

-- name: LeasesOf :many
-- How many sources of each connection are being pulled on behalf of one process. "> 0" is the index's, here and below.
SELECT driver, account, count(*) AS pulls FROM sources
WHERE leased_until > 0 AND leased_until > CAST(sqlc.arg(now) AS bigint) AND leased_until <= CAST(sqlc.arg(latest) AS bigint) AND leased_by = sqlc.arg(leased_by)
GROUP BY driver, account;

-- name: LeaseSource :one
UPDATE sources SET leased_until = sqlc.arg(leased_until), leased_by = sqlc.arg(leased_by), fence = fence + 1
WHERE id = sqlc.arg(id) RETURNING fence;

-- name: ExtendSource :execrows
UPDATE sources SET leased_until = sqlc.arg(leased_until) WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence);

-- name: NextDue :one
-- When the next source of any connection is due, and the next step, chore and message, behind now.
SELECT CAST(COALESCE((SELECT MIN(next_at) FROM sources WHERE next_at > CAST(sqlc.arg(now) AS bigint)), 0) AS bigint) AS source,
       CAST(COALESCE((SELECT MIN(step_at) FROM schedules WHERE step_at > 0 AND step_at > CAST(sqlc.arg(now) AS bigint)), 0) AS bigint) AS step,
       CAST(COALESCE((SELECT MIN(next_at) FROM chores WHERE next_at > CAST(sqlc.arg(now) AS bigint)), 0) AS bigint) AS chore,
       CAST(COALESCE((SELECT MIN(due_at) FROM messages WHERE outcome = 0 AND due_at > CAST(sqlc.arg(now) AS bigint)), 0) AS bigint) AS message;

-- name: DueSteps :many
SELECT id FROM schedules
WHERE step_at > 0 AND step_at <= CAST(sqlc.arg(now) AS bigint)
  AND (leased_until <= CAST(sqlc.arg(now) AS bigint) OR leased_until > CAST(sqlc.arg(latest) AS bigint))
ORDER BY step_at, id LIMIT sqlc.arg(most);

-- name: LeaseStep :one
UPDATE schedules SET leased_until = sqlc.arg(leased_until), fence = fence + 1 WHERE id = sqlc.arg(id) RETURNING fence;

-- name: SetStep :exec
UPDATE schedules SET step_at = sqlc.arg(step_at), leased_until = 0, fence = fence + 1 WHERE id = sqlc.arg(id);

-- name: ScheduleRow :one
SELECT * FROM schedules WHERE id = sqlc.arg(id);

-- name: PutChore :exec
INSERT INTO chores (name, next_at) VALUES (sqlc.arg(name), sqlc.arg(next_at)) ON CONFLICT (name) DO NOTHING;

-- name: MakeChoreDue :exec
INSERT INTO chores (name, next_at) VALUES (sqlc.arg(name), sqlc.arg(next_at))
ON CONFLICT (name) DO UPDATE SET next_at = CASE WHEN chores.next_at < excluded.next_at THEN chores.next_at ELSE excluded.next_at END;

-- name: DueChores :many
-- What was never done is due at once, whatever the clock was when it was noted.
SELECT * FROM chores
WHERE (next_at <= CAST(sqlc.arg(now) AS bigint) OR done_at = 0 OR done_at > CAST(sqlc.arg(skewed) AS bigint))
  AND (leased_until <= CAST(sqlc.arg(now) AS bigint) OR leased_until > CAST(sqlc.arg(latest) AS bigint))
ORDER BY next_at, name;

-- name: LeaseChore :one
UPDATE chores SET leased_until = sqlc.arg(leased_until), fence = fence + 1 WHERE name = sqlc.arg(name) RETURNING fence;

-- name: ExtendChore :execrows
UPDATE chores SET leased_until = sqlc.arg(leased_until) WHERE name = sqlc.arg(name) AND fence = sqlc.arg(fence);

-- name: DoneChore :execrows
UPDATE chores SET next_at = sqlc.arg(next_at), done_at = sqlc.arg(done_at), error = sqlc.arg(error), leased_until = 0
WHERE name = sqlc.arg(name) AND fence = sqlc.arg(fence);

-- name: Chores :many
SELECT * FROM chores ORDER BY name;

-- name: Park :exec
INSERT INTO parked (who, until_at) VALUES (sqlc.arg(who), sqlc.arg(until_at))
ON CONFLICT (who) DO UPDATE SET until_at = CASE WHEN parked.until_at > excluded.until_at THEN parked.until_at ELSE excluded.until_at END;

-- name: Unpark :exec
DELETE FROM parked WHERE until_at <= CAST(sqlc.arg(now) AS bigint) OR until_at > CAST(sqlc.arg(unparked) AS bigint);

-- name: ParkedUntil :one
SELECT CAST(COALESCE(MAX(until_at), 0) AS bigint) FROM parked WHERE who IN (sqlc.arg(connection), sqlc.arg(reader));

-- name: Spend :one
-- One request within a rate (GCRA): no row means that the budget is used up. All in microseconds.
INSERT INTO budgets (name, tat) VALUES (sqlc.arg(name), CAST(sqlc.arg(now) AS bigint) + CAST(sqlc.arg(cost) AS bigint))
ON CONFLICT (name) DO UPDATE
SET tat = CASE WHEN budgets.tat > CAST(sqlc.arg(now) AS bigint) AND budgets.tat <= CAST(sqlc.arg(absurd) AS bigint) THEN budgets.tat ELSE CAST(sqlc.arg(now) AS bigint) END + CAST(sqlc.arg(cost) AS bigint)
WHERE budgets.tat <= CAST(sqlc.arg(now) AS bigint) + CAST(sqlc.arg(burst) AS bigint) - CAST(sqlc.arg(cost) AS bigint) OR budgets.tat > CAST(sqlc.arg(absurd) AS bigint)
RETURNING tat;

-- name: Budget :one
SELECT tat FROM budgets WHERE name = sqlc.arg(name);

-- name: Setting :one
SELECT value FROM settings WHERE name = sqlc.arg(name);

-- name: PutSetting :exec
INSERT INTO settings (name, value) VALUES (sqlc.arg(name), sqlc.arg(value)) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: Lock :exec
-- Whoever moves a counter holds it until the transaction ends.
UPDATE sequences SET value = value WHERE name = sqlc.arg(name);

-- name: NextStart :one
-- The first start of an entry of the source behind a time.
SELECT CAST(COALESCE(MIN(start_at), 0) AS bigint) FROM copies WHERE source = sqlc.arg(source) AND start_at > CAST(sqlc.arg(behind) AS bigint);

-- name: MakeAllDue :exec
-- Sources that the provider refused, or whose events were read in another way than this one: in none, for all that do not
-- wait because they failed.
UPDATE sources SET next_at = CAST(sqlc.arg(now) AS bigint)
WHERE next_at > CAST(sqlc.arg(now) AS bigint) AND (no_access OR failures = 0 AND reading <> sqlc.arg(reading) AND reading <> '');

-- name: MakeReaderDue :exec
UPDATE sources SET next_at = CAST(sqlc.arg(now) AS bigint)
WHERE driver = sqlc.arg(driver) AND account = sqlc.arg(account) AND CASE WHEN read_as = '' THEN calendar ELSE read_as END = sqlc.arg(reader);

-- name: PutRevision :exec
INSERT INTO revisions (seq, plan, schedule, revision, data, written_at)
VALUES (sqlc.arg(seq), sqlc.arg(plan), sqlc.arg(schedule), sqlc.arg(revision), sqlc.arg(data), sqlc.arg(written_at));

-- name: RevisionsAfter :many
SELECT * FROM revisions WHERE seq > sqlc.arg(after) ORDER BY seq LIMIT sqlc.arg(most);

-- name: PutMessage :exec
INSERT INTO messages (id, target, plan, schedule, revision, state, data, written_at, starts_at, due_at)
VALUES (sqlc.arg(id), sqlc.arg(target), sqlc.arg(plan), sqlc.arg(schedule), sqlc.arg(revision), sqlc.arg(state), sqlc.arg(data), sqlc.arg(written_at), sqlc.arg(starts_at), sqlc.arg(due_at));

-- name: LastMessage :one
-- What a target was told of a schedule last, or will be before anything else.
SELECT * FROM messages WHERE schedule = sqlc.arg(schedule) AND target = sqlc.arg(target) AND outcome <> 2 ORDER BY id DESC LIMIT 1;

-- name: Untold :many
-- Live schedules of which a target has never been told.
SELECT schedules.* FROM schedules
WHERE schedules.end_at > CAST(sqlc.arg(now) AS bigint) AND schedules.state <> 'cancelled' AND schedules.id > sqlc.arg(after)
  AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.schedule = schedules.id AND messages.target = sqlc.arg(target))
ORDER BY schedules.id LIMIT sqlc.arg(most);

-- name: DueMessages :many
-- Messages that may be delivered now, what starts first in front: nothing of the same schedule, plan or meeting waits before them. One that was
-- written, or tried last, in the future waits for a clock that has been set back since.
-- SQLite joins in the order of CROSS JOIN: left to itself it looks at everything that waits, for each message.
SELECT m.* FROM messages AS m
WHERE m.target = sqlc.arg(target) AND m.outcome = 0
  AND (m.due_at <= CAST(sqlc.arg(now) AS bigint) OR CASE WHEN m.done_at = 0 THEN m.written_at ELSE m.done_at END > CAST(sqlc.arg(skewed) AS bigint))
  AND (m.leased_until <= CAST(sqlc.arg(now) AS bigint) OR m.leased_until > CAST(sqlc.arg(latest) AS bigint))
  AND NOT EXISTS (SELECT 1 FROM messages AS b WHERE b.schedule = m.schedule AND b.target = m.target AND b.id < m.id AND b.outcome = 0 AND NOT b.early)
  AND NOT EXISTS (SELECT 1 FROM messages AS b WHERE b.plan = m.plan AND b.target = m.target AND b.id < m.id AND b.outcome = 0 AND NOT b.early)
  AND NOT EXISTS (
    SELECT 1 FROM schedule_meetings AS own CROSS JOIN schedule_meetings AS other CROSS JOIN messages AS b
    WHERE own.schedule = m.schedule AND other.meeting = own.meeting AND b.schedule = other.schedule AND b.target = m.target AND b.id < m.id AND b.outcome = 0 AND NOT b.early)
ORDER BY m.starts_at, m.id LIMIT sqlc.arg(most);

-- name: LeaseMessage :one
UPDATE messages SET leased_until = sqlc.arg(leased_until), fence = fence + 1, attempts = attempts + 1, early = FALSE WHERE id = sqlc.arg(id) RETURNING fence, attempts;

-- name: EndMessage :execrows
-- Who comes behind its lease notes nothing: somebody else delivers it. What waits on was "done" when it was tried last.
UPDATE messages SET outcome = sqlc.arg(outcome), done_at = sqlc.arg(done_at), due_at = sqlc.arg(due_at), early = sqlc.arg(early), keys = keys + CAST(sqlc.arg(keys) AS bigint),
    error = sqlc.arg(error), leased_until = 0
WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence) AND outcome = 0;

-- name: ReplaceEarlier :exec
-- What a recorder was not to be told yet has been overtaken.
UPDATE messages SET outcome = 3, done_at = sqlc.arg(done_at)
WHERE schedule = sqlc.arg(schedule) AND target = sqlc.arg(target) AND id < CAST(sqlc.arg(id) AS bigint) AND outcome = 0 AND early AND leased_until = 0;

-- name: HurryEarlier :exec
-- There is something newer to say, which waits for what failed before: that is tried at once.
UPDATE messages SET due_at = CAST(sqlc.arg(now) AS bigint)
WHERE schedule = sqlc.arg(schedule) AND target = sqlc.arg(target) AND outcome = 0 AND leased_until = 0 AND due_at > CAST(sqlc.arg(now) AS bigint);

-- name: LaterMessages :one
SELECT count(*) FROM messages WHERE schedule = sqlc.arg(schedule) AND target = sqlc.arg(target) AND id > CAST(sqlc.arg(id) AS bigint);

-- name: ReviveMessage :execrows
-- One that was given up is tried again, unless something later has been delivered since.
UPDATE messages SET outcome = 0, due_at = sqlc.arg(now), done_at = 0, attempts = 0
WHERE messages.id = sqlc.arg(id) AND messages.outcome = 2
  AND NOT EXISTS (SELECT 1 FROM messages AS l WHERE l.schedule = messages.schedule AND l.target = messages.target AND l.id > messages.id AND l.outcome <> 2);

-- name: Message :one
SELECT * FROM messages WHERE id = sqlc.arg(id);

-- name: MessagesOfOutcome :many
SELECT * FROM messages WHERE outcome = sqlc.arg(outcome) AND id < CAST(sqlc.arg(before) AS bigint) ORDER BY id DESC LIMIT sqlc.arg(most);

-- name: Note :one
SELECT note FROM notes WHERE target = sqlc.arg(target) AND schedule = sqlc.arg(schedule);

-- name: PutNote :exec
INSERT INTO notes (target, schedule, note) VALUES (sqlc.arg(target), sqlc.arg(schedule), sqlc.arg(note))
ON CONFLICT (target, schedule) DO UPDATE SET note = excluded.note;

-- name: ScheduleSources :many
-- The sources that hold a copy of one of a schedule's meetings.
SELECT DISTINCT sources.id, sources.pulled_at, sources.tried_at, sources.no_access, sources.driver, sources.account
FROM schedule_meetings JOIN copies ON copies.meeting = schedule_meetings.meeting JOIN sources ON sources.id = copies.source
WHERE schedule_meetings.schedule = sqlc.arg(schedule) ORDER BY sources.id;

-- name: ScheduleUndecided :one
SELECT count(*) FROM schedule_meetings JOIN undecided ON undecided.meeting = schedule_meetings.meeting
WHERE schedule_meetings.schedule = sqlc.arg(schedule) AND undecided.tries = 0;

-- name: CountFreshness :exec
UPDATE sources SET fresh = fresh + CAST(sqlc.arg(fresh) AS bigint), stale = stale + CAST(sqlc.arg(stale) AS bigint) WHERE id = sqlc.arg(id);

-- name: UndecidedBefore :one
SELECT CAST(EXISTS (SELECT 1 FROM undecided WHERE since <= CAST(sqlc.arg(before) AS bigint))
    OR EXISTS (SELECT 1 FROM undecided WHERE since > CASE WHEN tries = 0 THEN CAST(sqlc.arg(skewed) AS bigint) ELSE CAST(sqlc.arg(put_off) AS bigint) END) AS boolean);

-- name: Progress :one
SELECT (SELECT count(*) FROM sources) AS sources,
       (SELECT count(*) FROM sources WHERE pulled_at = 0 AND failures = 0) AS unread,
       (SELECT count(*) FROM undecided WHERE since <= CAST(sqlc.arg(now) AS bigint)) AS undecided;
