-- name: OpenAuthor :exec
INSERT INTO authors (id, renewed) VALUES (sqlc.arg(id), sqlc.arg(now));

-- name: LockOpenAuthor :one
-- Keeps the author's row open until the transaction ends.
SELECT id FROM authors WHERE id = sqlc.arg(id) AND closed IS NULL FOR SHARE;

-- name: LockAuthors :many
-- Keeps authors as they are until the transaction ends, in one order, so that two who lock the same do not wait for
-- each other.
SELECT id, (closed IS NULL)::boolean AS open FROM authors WHERE id = ANY(sqlc.arg(ids)::bytea[]) ORDER BY id FOR UPDATE;

-- name: AuthorIsOpen :one
SELECT EXISTS (SELECT FROM authors WHERE id = sqlc.arg(id) AND closed IS NULL);

-- name: RenewAuthor :execrows
UPDATE authors SET renewed = sqlc.arg(now) WHERE id = sqlc.arg(id) AND closed IS NULL;

-- name: CloseAuthor :exec
UPDATE authors SET closed = sqlc.arg(now)::timestamptz WHERE id = sqlc.arg(id) AND closed IS NULL;

-- name: AbandonedAuthors :many
SELECT id FROM authors WHERE closed IS NULL AND renewed < sqlc.arg(before) ORDER BY renewed, id LIMIT sqlc.arg(at_most);

-- name: UnannouncedAuthors :many
SELECT id FROM authors WHERE closed < sqlc.arg(before)::timestamptz AND NOT announced ORDER BY closed, id LIMIT sqlc.arg(at_most);

-- name: AnnounceAuthor :exec
UPDATE authors SET announced = true WHERE id = sqlc.arg(id) AND closed IS NOT NULL;

-- name: ForgetAuthors :execrows
DELETE FROM authors a WHERE a.closed < sqlc.arg(before)::timestamptz AND a.announced
    AND NOT EXISTS (SELECT FROM claims c WHERE c.author = a.id);
