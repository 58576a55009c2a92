-- How many deliveries there are, and were by the hour.

-- name: CountHourOfDelivery :exec
INSERT INTO delivery_hours (hour, target, delivered, failed) VALUES (sqlc.arg(hour), sqlc.arg(target), sqlc.arg(delivered), sqlc.arg(failed))
ON CONFLICT (hour, target) DO UPDATE SET delivered = delivery_hours.delivered + excluded.delivered, failed = delivery_hours.failed + excluded.failed;

-- name: DropHoursOfDelivery :exec
DELETE FROM delivery_hours WHERE hour < CAST(sqlc.arg(before) AS bigint);

-- name: HoursOfDelivery :many
SELECT hour, CAST(SUM(delivered) AS bigint) AS delivered, CAST(SUM(failed) AS bigint) AS failed
FROM delivery_hours WHERE hour >= CAST(sqlc.arg(since) AS bigint) GROUP BY hour ORDER BY hour;
