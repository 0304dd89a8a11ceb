-- name: Queue :one
SELECT definition FROM queues WHERE name = sqlc.arg(name);

-- name: LockQueue :one
SELECT definition FROM queues WHERE name = sqlc.arg(name) FOR UPDATE;

-- name: Queues :many
SELECT definition FROM queues WHERE name > sqlc.arg(behind) ORDER BY name LIMIT sqlc.arg(at_most);

-- name: CreateQueue :execrows
INSERT INTO queues (name, definition) VALUES (sqlc.arg(name), sqlc.arg(definition)) ON CONFLICT (name) DO NOTHING;

-- name: UpdateQueue :execrows
UPDATE queues SET definition = sqlc.arg(definition) WHERE name = sqlc.arg(name);

-- name: DeleteQueue :execrows
DELETE FROM queues WHERE name = sqlc.arg(name);
