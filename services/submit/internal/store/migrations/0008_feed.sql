-- The generation that was given last, and who relays the outbox until when. One row.
CREATE TABLE feed (
    one_row    boolean     PRIMARY KEY DEFAULT true CHECK (one_row),
    generation bigint      NOT NULL CHECK (generation >= 0),
    relay      bytea       NOT NULL,
    relay_till timestamptz NOT NULL
);
