-- For forgetting those that are old enough.
CREATE INDEX client_ids_made ON client_ids (made);
