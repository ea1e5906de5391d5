-- A pull queue to which a binding points cannot be removed, so bindings are looked for by queue.
CREATE INDEX bindings_by_queue ON jobs.bindings (tenant_id, queue);

-- What somebody outside the program published never becomes a program's job, whenever it is replayed.
ALTER TABLE jobs.events ADD COLUMN outside boolean NOT NULL DEFAULT false;
COMMENT ON TABLE jobs.events IS
    'An event that is kept to be replayed. delivered names the bindings that got it when it was published; one from outside the '
    'program goes to pull queues alone. A partition is a day, and is dropped whole.';
