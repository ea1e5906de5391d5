-- Schedules: a job at each tick of a cron expression or an interval.
CREATE TABLE jobs.schedules (
    tenant_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    cron text,
    every_s bigint CHECK (every_s BETWEEN 1 AND 31622400),
    zone text NOT NULL,
    missed text NOT NULL CHECK (missed IN ('skip', 'one', 'all')),
    missed_max smallint NOT NULL CHECK (missed_max BETWEEN 1 AND 100),
    queue text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    payload json NOT NULL,
    priority smallint NOT NULL,
    max_attempts smallint NOT NULL CHECK (max_attempts > 0),
    timeout_ms integer NOT NULL CHECK (timeout_ms > 0),
    keep boolean NOT NULL,
    paused boolean NOT NULL,
    anchor_at timestamptz NOT NULL,
    next_at timestamptz,
    last_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, schedule_id),
    UNIQUE (tenant_id, name),
    CHECK (num_nonnulls(cron, every_s) = 1)
) WITH (fillfactor = 70);
COMMENT ON TABLE jobs.schedules IS
    'A job that is enqueued at each tick: at the wall times of cron in zone, or every_s seconds after the other from anchor_at '
    'on. next_at is the tick to come; missed says what becomes of ticks that nobody was there for.';
CREATE INDEX schedules_due ON jobs.schedules (next_at) WHERE NOT paused;
SELECT jobs.share('jobs.schedules',
    'SELECT, INSERT, DELETE, UPDATE (name, cron, every_s, zone, missed, missed_max, queue, kind, payload, priority, '
    'max_attempts, timeout_ms, keep, paused, anchor_at, next_at, version)',
    'SELECT, UPDATE (next_at, last_at)');

CREATE TABLE jobs.schedule_ticks (
    tenant_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    tick_at timestamptz NOT NULL,
    job_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, schedule_id, tick_at)
);
COMMENT ON TABLE jobs.schedule_ticks IS
    'A tick that was enqueued, and its job. The key is why two schedulers cannot enqueue one tick twice.';
CREATE INDEX schedule_ticks_by_time ON jobs.schedule_ticks (tick_at);
SELECT jobs.share('jobs.schedule_ticks', 'SELECT', 'SELECT, INSERT, DELETE');
