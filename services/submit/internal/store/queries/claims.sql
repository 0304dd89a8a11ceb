-- name: TakeClientIDs :many
-- In the order of the ids, so that two requests for the same ones do not wait for each other.
INSERT INTO client_ids (queue, client_id, job, claim, made)
SELECT sqlc.arg(queue), w.client_id, w.job, sqlc.arg(claim), sqlc.arg(made)
FROM (SELECT unnest(sqlc.arg(client_ids)::text[]) AS client_id, unnest(sqlc.arg(jobs)::bytea[]) AS job ORDER BY 1) w
ON CONFLICT (queue, client_id) DO NOTHING
RETURNING client_id;

-- name: AdoptClientIDs :many
-- From claims whose entry is known not to count.
UPDATE client_ids SET claim = sqlc.arg(claim), made = sqlc.arg(made)
WHERE queue = sqlc.arg(queue) AND client_id = ANY (sqlc.arg(client_ids)::text[]) AND claim = ANY (sqlc.arg(dead)::bytea[])
RETURNING client_id, job;

-- name: HeldClientIDs :many
SELECT k.client_id, k.job, c.id, c.queue, c.client_ids, c.author, c.partition, c.after, c.job AS claim_job, c.made
FROM client_ids k LEFT JOIN claims c ON c.id = k.claim
WHERE k.queue = sqlc.arg(queue) AND k.client_id = ANY (sqlc.arg(client_ids)::text[]);

-- name: MakeClaim :exec
INSERT INTO claims (id, queue, client_ids, author, partition, after, job, made)
VALUES (sqlc.arg(id), sqlc.arg(queue), sqlc.arg(client_ids), sqlc.arg(author), sqlc.arg(partition), sqlc.arg(after), sqlc.arg(job), sqlc.arg(made));

-- name: DropEmptyClaims :exec
-- Those of the dead from which every client id was adopted.
DELETE FROM claims c WHERE c.id = ANY (sqlc.arg(dead)::bytea[]) AND NOT EXISTS (
    SELECT FROM client_ids k WHERE k.queue = c.queue AND k.client_id = ANY (c.client_ids) AND k.claim = c.id);

-- name: ConfirmClaim :execrows
-- Only while the author's row is open, and the row stays so until this is committed.
WITH open AS (SELECT a.id FROM authors a WHERE a.id = sqlc.arg(author) AND a.closed IS NULL FOR SHARE)
DELETE FROM claims c USING open WHERE c.id = sqlc.arg(id);

-- name: DropClaim :exec
DELETE FROM claims WHERE id = sqlc.arg(id);

-- name: DropClientIDs :exec
-- Those that are still held under the claim.
DELETE FROM client_ids k USING claims c
WHERE c.id = sqlc.arg(id) AND k.queue = c.queue AND k.client_id = ANY (c.client_ids) AND k.claim = c.id;

-- name: OldClaims :many
SELECT id, queue, client_ids, author, partition, after, job, made FROM claims
WHERE made < sqlc.arg(before) ORDER BY made, id LIMIT sqlc.arg(at_most);

-- name: ForgetClientIDs :execrows
DELETE FROM client_ids WHERE (queue, client_id) IN (
    SELECT k.queue, k.client_id FROM client_ids k
    WHERE k.made < sqlc.arg(before) AND NOT EXISTS (SELECT FROM claims c WHERE c.id = k.claim)
    ORDER BY k.made LIMIT sqlc.arg(at_most));
