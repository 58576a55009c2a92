-- Recording schedules, and what they are found by.

-- name: SchedulesOfMeeting :many
SELECT schedules.* FROM schedules JOIN schedule_meetings ON schedule_meetings.schedule = schedules.id
WHERE schedule_meetings.meeting = sqlc.arg(meeting) ORDER BY schedules.id;

-- name: MeetingsOfSchedule :many
SELECT meeting FROM schedule_meetings WHERE schedule = sqlc.arg(schedule) ORDER BY meeting;

-- name: PutSchedule :execrows
-- Revisions count up by one: a row of another revision is somebody else's work.
INSERT INTO schedules (id, revision, state, start_at, end_at, data)
VALUES (sqlc.arg(id), sqlc.arg(revision), sqlc.arg(state), sqlc.arg(start_at), sqlc.arg(end_at), sqlc.arg(data))
ON CONFLICT (id) DO UPDATE
SET revision = excluded.revision, state = excluded.state, start_at = excluded.start_at, end_at = excluded.end_at, data = excluded.data
WHERE schedules.revision = excluded.revision - 1;

-- name: PutScheduleMeeting :exec
INSERT INTO schedule_meetings (schedule, meeting) VALUES (sqlc.arg(schedule), sqlc.arg(meeting))
ON CONFLICT (schedule, meeting) DO NOTHING;

-- name: Schedules :many
SELECT * FROM schedules WHERE end_at > sqlc.arg(ending_after) ORDER BY start_at, id;

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

-- name: ScheduleUndecided :one
SELECT count(*) FROM schedule_meetings JOIN undecided ON undecided.meeting = schedule_meetings.meeting
WHERE schedule_meetings.schedule = sqlc.arg(schedule) AND undecided.tries = 0;

-- name: PutScheduleIndex :exec
INSERT INTO schedule_index (schedule, start_at, state, provider, data)
VALUES (sqlc.arg(schedule), sqlc.arg(start_at), sqlc.arg(state), sqlc.arg(provider), sqlc.arg(data))
ON CONFLICT (schedule) DO UPDATE SET start_at = excluded.start_at, state = excluded.state, provider = excluded.provider, data = excluded.data;

-- name: DropScheduleMembers :exec
DELETE FROM schedule_members WHERE schedule = sqlc.arg(schedule);

-- name: PutScheduleMember :exec
INSERT INTO schedule_members (member, start_at, schedule) VALUES (sqlc.arg(member), sqlc.arg(start_at), sqlc.arg(schedule)) ON CONFLICT DO NOTHING;

-- name: UnindexedSchedules :many
SELECT schedules.data FROM schedules LEFT JOIN schedule_index ON schedule_index.schedule = schedules.id
WHERE schedule_index.schedule IS NULL ORDER BY schedules.id LIMIT sqlc.arg(most);

-- name: ScheduleData :one
SELECT data FROM schedules WHERE id = sqlc.arg(id);

-- name: SchedulePrivate :one
SELECT CAST(EXISTS (SELECT 1 FROM schedule_meetings AS p JOIN meeting_failures AS f ON f.meeting = p.meeting AND f.rule || '' = 'private'
    WHERE p.schedule = sqlc.arg(schedule)) AS boolean);
