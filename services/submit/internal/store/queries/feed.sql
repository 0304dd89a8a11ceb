-- name: NextGeneration :one
-- Holds the row until the transaction ends, so that generations become visible in order.
UPDATE feed SET generation = generation + 1 RETURNING generation;

-- name: RaiseGeneration :exec
UPDATE feed SET generation = sqlc.arg(at_least) WHERE generation < sqlc.arg(at_least);

-- name: PutIntoOutbox :exec
INSERT INTO outbox (generation, setting) VALUES (sqlc.arg(generation), sqlc.arg(setting));

-- name: Outbox :many
SELECT generation, setting FROM outbox ORDER BY generation LIMIT sqlc.arg(at_most);

-- name: InOutbox :one
SELECT EXISTS (SELECT FROM outbox WHERE generation <= sqlc.arg(generation));

-- name: EmptyOutbox :exec
DELETE FROM outbox WHERE generation <= sqlc.arg(generation);

-- name: LeaseRelay :execrows
UPDATE feed SET relay = sqlc.arg(holder), relay_till = sqlc.arg(till) WHERE relay_till < sqlc.arg(now);

-- name: ReleaseRelay :exec
UPDATE feed SET relay_till = '-infinity' WHERE relay = sqlc.arg(holder);

-- name: Installation :one
SELECT id, incarnation, partitions, recorded FROM installation;

-- name: AgreeInstallation :exec
INSERT INTO installation (id, incarnation, partitions, recorded)
VALUES (sqlc.arg(id), sqlc.arg(incarnation), sqlc.arg(partitions), false) ON CONFLICT DO NOTHING;

-- name: RecordInstallation :exec
UPDATE installation SET recorded = true;
