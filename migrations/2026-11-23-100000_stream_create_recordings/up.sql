-- What was published, written down as it came. A recording is kept as segments, each an object of the tenant's, with the
-- headers that they need; when it has ended and all is stored, it becomes one file.
CREATE SCHEMA IF NOT EXISTS stream;
GRANT USAGE ON SCHEMA stream TO veza_app;

CREATE TABLE stream.recordings (
    tenant_id uuid NOT NULL,
    recording_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    bucket text COLLATE "C" NOT NULL,
    container text COLLATE "C" NOT NULL CHECK (container IN ('mp4', 'webm', 'matroska')),
    tracks jsonb NOT NULL CHECK (jsonb_typeof(tracks) = 'array'),
    bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    duration_ms bigint NOT NULL DEFAULT 0 CHECK (duration_ms >= 0),
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    reason text COLLATE "C",
    stored_at timestamptz,
    file_key text COLLATE "C",
    file_bytes bigint CHECK (file_bytes >= 0),
    file_version uuid,
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, recording_id),
    CHECK ((ended_at IS NULL) = (reason IS NULL)),
    CHECK (stored_at IS NULL OR ended_at IS NOT NULL),
    CHECK (deleted_at IS NULL OR ended_at IS NOT NULL),
    CHECK ((file_key IS NULL) = (file_bytes IS NULL) AND (file_key IS NULL) = (file_version IS NULL))
);
COMMENT ON TABLE stream.recordings IS
    'A recording of what was published on a channel. bytes and duration_ms are of the segments that are stored. ended_at: '
    'nothing more is recorded; stored_at: all of it is stored; file_key: it is one file. deleted_at: a job removes it.';
CREATE INDEX recordings_by_channel ON stream.recordings (tenant_id, channel_id, recording_id) WHERE deleted_at IS NULL;
SELECT core.protect_tenant_table('stream.recordings',
    'SELECT, INSERT, DELETE, UPDATE (bytes, duration_ms, ended_at, reason, stored_at, file_key, file_bytes, file_version, deleted_at)');

CREATE TABLE stream.recording_segments (
    tenant_id uuid NOT NULL,
    recording_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('header', 'media')),
    number integer NOT NULL CHECK (number > 0),
    header integer NOT NULL CHECK (header > 0),
    key text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL CHECK (bytes >= 0),
    begin_ms bigint NOT NULL CHECK (begin_ms >= 0),
    duration_ms bigint NOT NULL CHECK (duration_ms >= 0),
    keyframe boolean NOT NULL,
    PRIMARY KEY (tenant_id, recording_id, kind, number),
    CONSTRAINT recording_segments_recording_exists FOREIGN KEY (tenant_id, recording_id) REFERENCES stream.recordings
);
COMMENT ON TABLE stream.recording_segments IS
    'The objects that a recording is kept as: media, by number in the order of time from begin_ms on, and the headers '
    'that stand before them. A header serves all media that came before it as well. keyframe: a player can begin with it.';
SELECT core.protect_tenant_table('stream.recording_segments', 'SELECT, INSERT, DELETE');
