-- +goose Up

-- The address as whom a calendar is read, where that is not its own.
ALTER TABLE sources ADD COLUMN read_as TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE sources DROP COLUMN read_as;
