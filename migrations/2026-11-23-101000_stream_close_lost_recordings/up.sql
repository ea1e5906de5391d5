-- A recording whose machine does not come back is brought to its end by another process.
ALTER TABLE stream.recordings ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();
COMMENT ON TABLE stream.recordings IS
    'A recording of what was published on a channel. bytes and duration_ms are of the segments that were stored. ended_at: '
    'nothing more is recorded; stored_at: all of it is stored; file_key: it is one file, and its segments are removed. seen_at: '
    'when who records or stores it last said so; others end what nobody speaks for. deleted_at: a job removes it.';
GRANT UPDATE (seen_at) ON stream.recordings TO veza_app;
CREATE INDEX recordings_unstored ON stream.recordings (seen_at) WHERE stored_at IS NULL;
-- Who finds what a machine left behind knows no tenant.
SELECT core.allow_system('stream.recordings', 'SELECT');
