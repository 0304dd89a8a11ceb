-- The highest epoch that any scheduler of this installation took: one row.
CREATE TABLE leader (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL CHECK (epoch >= 0)
);

INSERT INTO leader (epoch) VALUES (0);
