-- Changes that the control stream does not hold yet, in the order in which it must get them.
CREATE TABLE outbox (
    generation bigint PRIMARY KEY,
    setting    jsonb  NOT NULL
);
