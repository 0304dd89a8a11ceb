CREATE TABLE queues (
    name       text  COLLATE "C" PRIMARY KEY CHECK (name <> ''),
    definition jsonb NOT NULL
);
