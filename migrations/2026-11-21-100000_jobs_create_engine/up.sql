-- The queue engine. A job is in exactly one of ready, deferred, leases, dead, done; every function
-- below moves it from one to another in one statement. The tables that are read all day hold only
-- work to do: rows are inserted and deleted, not updated.
CREATE SCHEMA jobs;
GRANT USAGE ON SCHEMA jobs TO veza_app, veza_jobs, veza_system;

CREATE FUNCTION jobs.share(target regclass, to_app text, to_jobs text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.protect_tenant_table(target, to_app);
    EXECUTE format('CREATE POLICY dispatch ON %s TO veza_jobs USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT %s ON %s TO veza_jobs', to_jobs, target);
END
$$;
COMMENT ON FUNCTION jobs.share IS
    'Lets a tenant see its own rows of a table, and veza_jobs, which dispatches, those of all tenants.';
REVOKE ALL ON FUNCTION jobs.share FROM PUBLIC;

CREATE TABLE jobs.ready (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    queue text COLLATE "C" NOT NULL,
    rank bigint NOT NULL,
    kind text NOT NULL,
    priority smallint NOT NULL,
    attempt smallint NOT NULL,
    max_attempts smallint NOT NULL,
    timeout_ms integer NOT NULL,
    keep boolean NOT NULL,
    enqueued_at timestamptz NOT NULL,
    ready_at timestamptz NOT NULL,
    unique_key text,
    payload json NOT NULL,
    meta json,
    PRIMARY KEY (tenant_id, queue, rank, job_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_vacuum_insert_scale_factor = 1);
COMMENT ON TABLE jobs.ready IS
    'A job that may run now. Within a lane (tenant and queue) the lowest rank comes first: the microsecond at which it '
    'became due, less a head start for its priority, so that nothing waits for ever. attempt counts the attempts begun.';
CREATE INDEX ready_by_job ON jobs.ready (tenant_id, job_id);
-- Locking a row takes UPDATE of some column.
SELECT jobs.share('jobs.ready', 'SELECT, INSERT, DELETE, UPDATE (rank)', 'SELECT, INSERT, DELETE, UPDATE (rank)');

CREATE TABLE jobs.deferred (LIKE jobs.ready, run_at timestamptz NOT NULL, PRIMARY KEY (tenant_id, job_id));
COMMENT ON TABLE jobs.deferred IS 'A job that may run at run_at: delayed by who enqueued it, put off, or waiting for its next attempt.';
CREATE INDEX deferred_by_time ON jobs.deferred (run_at);
CREATE INDEX deferred_by_tenant_and_time ON jobs.deferred (tenant_id, run_at);
SELECT jobs.share('jobs.deferred', 'SELECT, INSERT, DELETE, UPDATE (run_at)', 'SELECT, INSERT, DELETE, UPDATE (run_at)');

CREATE TABLE jobs.leases (
    LIKE jobs.ready,
    token uuid NOT NULL,
    process_id uuid,
    claimed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    limited boolean NOT NULL,
    progress json,
    PRIMARY KEY (tenant_id, job_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 1);
COMMENT ON TABLE jobs.leases IS
    'A job that somebody works on. Only who holds the token may end it. It is lost when expires_at has passed, or its '
    'process is gone from jobs.processes; leases of the pull API have no process.';
CREATE INDEX leases_limited ON jobs.leases (tenant_id, queue) WHERE limited;
SELECT jobs.share('jobs.leases', 'SELECT, INSERT, DELETE, UPDATE (expires_at, progress)',
                  'SELECT, INSERT, DELETE, UPDATE (expires_at, progress)');

CREATE TABLE jobs.dead (
    LIKE jobs.ready,
    died_at timestamptz NOT NULL,
    reason text NOT NULL CHECK (reason IN ('failed', 'fatal', 'lost', 'rejected')),
    error text NOT NULL,
    PRIMARY KEY (tenant_id, job_id)
);
COMMENT ON TABLE jobs.dead IS
    'A dead letter: attempts used up (failed), no use in trying (fatal), its worker went away each time (lost), refused '
    'through the pull API (rejected). meta holds the history of its attempts.';
CREATE INDEX dead_by_time ON jobs.dead (tenant_id, queue, died_at, job_id);
SELECT jobs.share('jobs.dead', 'SELECT, INSERT, DELETE, UPDATE (died_at)', 'SELECT, INSERT, DELETE, UPDATE (died_at)');

CREATE TABLE jobs.done (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    queue text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('done', 'cancelled')),
    attempt smallint NOT NULL,
    enqueued_at timestamptz NOT NULL,
    claimed_at timestamptz,
    finished_at timestamptz NOT NULL,
    result json
) PARTITION BY RANGE (finished_at);
COMMENT ON TABLE jobs.done IS 'A job that ended, when it asked to be kept, with its result. A partition is a day, and is dropped whole.';
CREATE INDEX done_by_job ON jobs.done (tenant_id, job_id);
SELECT jobs.share('jobs.done', 'SELECT, INSERT', 'SELECT, INSERT');
CREATE TABLE jobs.done_default PARTITION OF jobs.done DEFAULT;
COMMENT ON TABLE jobs.done_default IS 'What ended on a day without a partition of its own.';
SELECT core.protect_tenant_table('jobs.done_default', '');

CREATE TABLE jobs.unique_keys (
    tenant_id uuid NOT NULL,
    key text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 600),
    job_id uuid NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (tenant_id, key)
);
COMMENT ON TABLE jobs.unique_keys IS 'A job that must not exist twice. The key is held until the job has ended, or until expires_at.';
SELECT jobs.share('jobs.unique_keys', 'SELECT, INSERT, UPDATE, DELETE', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE jobs.cancellations (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, job_id)
);
COMMENT ON TABLE jobs.cancellations IS 'Somebody wants a running job to stop. Workers look each second.';
SELECT jobs.share('jobs.cancellations', 'SELECT, INSERT', 'SELECT, INSERT, DELETE');

CREATE TABLE jobs.processes (
    process_id uuid PRIMARY KEY,
    name text NOT NULL,
    started_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE jobs.processes IS
    'A process that works on jobs. It writes beat_at every few seconds, by the clock of the database; the leases of one that has no row here are lost.';
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.processes TO veza_jobs;

CREATE TABLE jobs.lanes (
    tenant_id uuid NOT NULL,
    queue text COLLATE "C" NOT NULL,
    weight integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
    max_running integer CHECK (max_running BETWEEN 1 AND 1000000),
    per_minute integer CHECK (per_minute BETWEEN 1 AND 100000000),
    tokens double precision NOT NULL DEFAULT 0,
    refilled_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (tenant_id, queue)
) WITH (fillfactor = 50);
COMMENT ON TABLE jobs.lanes IS
    'A tenant''s share of a queue, where it is not the usual one: weight against other tenants, jobs at once, jobs per minute. '
    'Who claims from a limited lane locks its row first, so limits hold over all processes.';
SELECT jobs.share('jobs.lanes', 'SELECT, INSERT, UPDATE', 'SELECT, INSERT, UPDATE');

CREATE TABLE jobs.holds (
    tenant_id uuid NOT NULL,
    queue text COLLATE "C" NOT NULL,
    held_by text NOT NULL CHECK (held_by IN ('tenant', 'operator', 'suspension')),
    reason text CHECK (char_length(reason) <= 500),
    held_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, queue, held_by)
);
COMMENT ON TABLE jobs.holds IS
    'Nothing of this tenant and queue begins. The nil UUID is every tenant, * is every queue. Each holder lifts its own hold alone.';
SELECT jobs.share('jobs.holds', 'SELECT, INSERT, DELETE', 'SELECT, INSERT, DELETE');
SELECT core.allow_system('jobs.holds', 'SELECT, INSERT, DELETE');

CREATE TABLE jobs.deltas (
    tenant_id uuid NOT NULL,
    queue text COLLATE "C" NOT NULL,
    waiting integer NOT NULL DEFAULT 0,
    deferred integer NOT NULL DEFAULT 0,
    running integer NOT NULL DEFAULT 0,
    dead integer NOT NULL DEFAULT 0,
    enqueued integer NOT NULL DEFAULT 0,
    done integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    died integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_vacuum_insert_scale_factor = 1);
COMMENT ON TABLE jobs.deltas IS
    'What one statement changed in the counts of a lane, until it is added up: writers of a counter would wait for each other, writers of these do not.';
SELECT jobs.share('jobs.deltas', 'SELECT, INSERT', 'SELECT, INSERT, DELETE, UPDATE (waiting)');

CREATE TABLE jobs.counts (
    tenant_id uuid NOT NULL,
    queue text COLLATE "C" NOT NULL,
    waiting bigint NOT NULL,
    deferred bigint NOT NULL,
    running bigint NOT NULL,
    dead bigint NOT NULL,
    enqueued bigint NOT NULL,
    done bigint NOT NULL,
    failed bigint NOT NULL,
    died bigint NOT NULL,
    cancelled bigint NOT NULL,
    PRIMARY KEY (tenant_id, queue)
) WITH (fillfactor = 50);
COMMENT ON TABLE jobs.counts IS 'Jobs of a lane by state, and totals since its first job; what is still in jobs.deltas comes on top.';
SELECT jobs.share('jobs.counts', 'SELECT', 'SELECT, INSERT, UPDATE');

CREATE TABLE jobs.totals (
    LIKE jobs.counts,
    PRIMARY KEY (queue)
) WITH (fillfactor = 50);
ALTER TABLE jobs.totals DROP COLUMN tenant_id;
COMMENT ON TABLE jobs.totals IS 'The same over all tenants, for metrics. All queues that tenants made count as one: pull.';
GRANT SELECT, INSERT, UPDATE ON jobs.totals TO veza_jobs;

-- Puts jobs into ready or deferred. Arrays, because one round trip carries any number.
CREATE FUNCTION jobs.enqueue(
    tenant uuid, at_time timestamptz, ids uuid[], queues text[], kinds text[], payloads text[], priorities smallint[],
    ranks bigint[], due timestamptz[], attempts smallint[], timeouts integer[], keeps boolean[], keys text[], metas text[]
) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    INSERT INTO jobs.ready (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                            enqueued_at, ready_at, unique_key, payload, meta)
    SELECT tenant, n.job_id, n.queue, n.rank, n.kind, n.priority, 0, n.attempts, n.timeout, n.keep, at_time, at_time,
           n.key, n.payload::json, n.meta::json
    FROM unnest(ids, queues, kinds, payloads, priorities, ranks, due, attempts, timeouts, keeps, keys, metas)
        AS n (job_id, queue, kind, payload, priority, rank, due, attempts, timeout, keep, key, meta)
    WHERE n.due <= at_time;
    IF EXISTS (SELECT FROM unnest(due) AS n (due) WHERE n.due > at_time) THEN
        INSERT INTO jobs.deferred (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                   enqueued_at, ready_at, unique_key, payload, meta, run_at)
        SELECT tenant, n.job_id, n.queue, n.rank, n.kind, n.priority, 0, n.attempts, n.timeout, n.keep, at_time, n.due,
               n.key, n.payload::json, n.meta::json, n.due
        FROM unnest(ids, queues, kinds, payloads, priorities, ranks, due, attempts, timeouts, keeps, keys, metas)
            AS n (job_id, queue, kind, payload, priority, rank, due, attempts, timeout, keep, key, meta)
        WHERE n.due > at_time;
    END IF;
    INSERT INTO jobs.deltas (tenant_id, queue, waiting, deferred, enqueued)
    SELECT tenant, n.queue, count(*) FILTER (WHERE n.due <= at_time), count(*) FILTER (WHERE n.due > at_time), count(*)
    FROM unnest(queues, due) AS n (queue, due)
    GROUP BY n.queue;
END
$$;

-- Leases the first jobs of each lane, as many as its limits allow. A floor is a rank below which
-- the caller knows that nothing is: index entries of rows long gone need not be passed again.
CREATE FUNCTION jobs.claim(
    process uuid, the_token uuid, at_time timestamptz, visibility_ms integer,
    tenants uuid[], queues text[], limits integer[], floors bigint[]
) RETURNS SETOF jobs.leases LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    rooms integer[];
    capped boolean[];
    lane record;
    busy integer;
    room integer;
BEGIN
    SELECT array_agg(CASE WHEN w.held OR w.limited THEN 0 ELSE w.room END ORDER BY w.i),
           array_agg(w.limited AND NOT w.held ORDER BY w.i)
    INTO rooms, capped
    FROM (
        SELECT w.i, w.room,
               EXISTS (SELECT FROM jobs.holds AS h
                       WHERE h.tenant_id IN (w.tenant_id, '00000000-0000-0000-0000-000000000000')
                         AND h.queue IN (w.queue, '*')) AS held,
               EXISTS (SELECT FROM jobs.lanes AS l
                       WHERE l.tenant_id = w.tenant_id AND l.queue = w.queue
                         AND (l.max_running IS NOT NULL OR l.per_minute IS NOT NULL)) AS limited
        FROM unnest(tenants, queues, limits) WITH ORDINALITY AS w (tenant_id, queue, room, i)
    ) AS w;
    IF true = ANY (capped) THEN
        FOR lane IN
            SELECT w.i, w.tenant_id, w.queue, w.room, l.max_running, l.per_minute,
                   least(l.per_minute, l.tokens + l.per_minute / 60.0 * least(
                       greatest(extract(epoch FROM at_time - greatest(l.refilled_at, at_time - interval '1 hour')), 0),
                       3600)) AS tokens
            FROM unnest(tenants, queues, limits) WITH ORDINALITY AS w (tenant_id, queue, room, i)
            JOIN jobs.lanes AS l ON l.tenant_id = w.tenant_id AND l.queue = w.queue
            WHERE capped[w.i]
            FOR UPDATE OF l SKIP LOCKED
        LOOP
            room := lane.room;
            IF lane.max_running IS NOT NULL THEN
                -- A statement of its own: its snapshot is younger than the lock.
                SELECT count(*) INTO busy FROM jobs.leases AS b
                WHERE b.tenant_id = lane.tenant_id AND b.queue = lane.queue AND b.limited;
                room := least(room, greatest(lane.max_running - busy, 0));
            END IF;
            IF lane.per_minute IS NOT NULL THEN
                room := least(room, floor(lane.tokens)::integer);
            END IF;
            rooms[lane.i] := room;
        END LOOP;
    END IF;
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        SELECT r.place, w.capped
        FROM unnest(tenants, queues, rooms, floors, capped) AS w (tenant_id, queue, room, floor, capped)
        CROSS JOIN LATERAL (
            SELECT r.ctid AS place FROM jobs.ready AS r
            WHERE r.tenant_id = w.tenant_id AND r.queue = w.queue AND r.rank >= w.floor
            ORDER BY r.rank, r.job_id
            LIMIT w.room
            FOR UPDATE SKIP LOCKED
        ) AS r
        WHERE w.room > 0
    ), taken AS (
        DELETE FROM jobs.ready AS r USING picked AS p WHERE r.ctid = p.place RETURNING r.*, p.capped
    ), leased AS (
        INSERT INTO jobs.leases (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                 enqueued_at, ready_at, unique_key, payload, meta,
                                 token, process_id, claimed_at, expires_at, limited)
        SELECT t.tenant_id, t.job_id, t.queue, t.rank, t.kind, t.priority, t.attempt + 1, t.max_attempts, t.timeout_ms,
               t.keep, t.enqueued_at, t.ready_at, t.unique_key, t.payload, t.meta, the_token, process, at_time,
               at_time + make_interval(secs => coalesce(visibility_ms, t.timeout_ms + 60000) / 1000.0), t.capped
        FROM taken AS t
        RETURNING *
    ), spent AS (
        UPDATE jobs.lanes AS l
        SET refilled_at = greatest(at_time, l.refilled_at),
            tokens = least(l.per_minute, l.tokens + l.per_minute / 60.0 * least(
                greatest(extract(epoch FROM at_time - greatest(l.refilled_at, at_time - interval '1 hour')), 0), 3600)) - n.count
        FROM (SELECT t.tenant_id, t.queue, count(*) FROM taken AS t WHERE t.capped GROUP BY 1, 2) AS n
        WHERE l.tenant_id = n.tenant_id AND l.queue = n.queue AND l.per_minute IS NOT NULL
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, waiting, running)
        SELECT t.tenant_id, t.queue, -count(*), count(*) FROM taken AS t GROUP BY 1, 2
    )
    SELECT * FROM leased;
END
$$;

-- Ends leases: done or cancelled. Gives the jobs whose token was the right one.
CREATE FUNCTION jobs.finish(
    at_time timestamptz, tenants uuid[], ids uuid[], tokens uuid[], states text[], results text[]
) RETURNS SETOF uuid LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    WITH ended AS (
        DELETE FROM jobs.leases AS l
        USING unnest(tenants, ids, tokens, states, results) AS a (tenant_id, job_id, token, state, result)
        WHERE l.tenant_id = a.tenant_id AND l.job_id = a.job_id AND l.token = a.token
        RETURNING l.tenant_id, l.job_id, l.queue, l.kind, l.attempt, l.keep, l.enqueued_at, l.claimed_at, l.unique_key,
                  a.state, a.result
    ), freed AS (
        DELETE FROM jobs.unique_keys AS u USING ended AS e
        WHERE e.unique_key IS NOT NULL AND u.tenant_id = e.tenant_id AND u.key = e.unique_key AND u.job_id = e.job_id
          AND (u.expires_at IS NULL OR u.expires_at <= at_time)
    ), kept AS (
        INSERT INTO jobs.done (tenant_id, job_id, queue, kind, state, attempt, enqueued_at, claimed_at, finished_at, result)
        SELECT e.tenant_id, e.job_id, e.queue, e.kind, e.state, e.attempt, e.enqueued_at, e.claimed_at, at_time, e.result::json
        FROM ended AS e WHERE e.keep
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, running, done, cancelled)
        SELECT e.tenant_id, e.queue, -count(*), count(*) FILTER (WHERE e.state = 'done'),
               count(*) FILTER (WHERE e.state = 'cancelled')
        FROM ended AS e GROUP BY 1, 2
    )
    SELECT e.job_id FROM ended AS e;
END
$$;

-- Ends leases whose jobs are to run again: at once (run_at is null) or later. steps says by how much
-- the number of attempts changes: 0 after a failure, -1 when none was used up.
CREATE FUNCTION jobs.put_back(
    at_time timestamptz, tenants uuid[], ids uuid[], tokens uuid[], run_ats timestamptz[], steps smallint[], metas text[]
) RETURNS SETOF uuid LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    WITH ended AS (
        DELETE FROM jobs.leases AS l
        USING unnest(tenants, ids, tokens, run_ats, steps, metas) AS a (tenant_id, job_id, token, run_at, step, meta)
        WHERE l.tenant_id = a.tenant_id AND l.job_id = a.job_id AND l.token = a.token
        RETURNING l.*, a.run_at, a.step, coalesce(a.meta::json, l.meta) AS new_meta
    ), again AS (
        INSERT INTO jobs.ready (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                enqueued_at, ready_at, unique_key, payload, meta)
        SELECT e.tenant_id, e.job_id, e.queue, e.rank, e.kind, e.priority, e.attempt + e.step, e.max_attempts,
               e.timeout_ms, e.keep, e.enqueued_at, e.ready_at, e.unique_key, e.payload, e.new_meta
        FROM ended AS e WHERE e.run_at IS NULL
    ), later AS (
        INSERT INTO jobs.deferred (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                   enqueued_at, ready_at, unique_key, payload, meta, run_at)
        SELECT e.tenant_id, e.job_id, e.queue, e.rank, e.kind, e.priority, e.attempt + e.step, e.max_attempts,
               e.timeout_ms, e.keep, e.enqueued_at, e.run_at, e.unique_key, e.payload, e.new_meta, e.run_at
        FROM ended AS e WHERE e.run_at IS NOT NULL
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, running, waiting, deferred, failed)
        SELECT e.tenant_id, e.queue, -count(*), count(*) FILTER (WHERE e.run_at IS NULL), count(e.run_at),
               count(*) FILTER (WHERE e.step = 0)
        FROM ended AS e GROUP BY 1, 2
    )
    SELECT e.job_id FROM ended AS e;
END
$$;

-- Ends leases whose jobs are given up.
CREATE FUNCTION jobs.bury(
    at_time timestamptz, tenants uuid[], ids uuid[], tokens uuid[], reasons text[], errors text[], metas text[]
) RETURNS SETOF uuid LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    WITH ended AS (
        DELETE FROM jobs.leases AS l
        USING unnest(tenants, ids, tokens, reasons, errors, metas) AS a (tenant_id, job_id, token, reason, error, meta)
        WHERE l.tenant_id = a.tenant_id AND l.job_id = a.job_id AND l.token = a.token
        RETURNING l.*, a.reason, a.error, coalesce(a.meta::json, l.meta) AS new_meta
    ), freed AS (
        DELETE FROM jobs.unique_keys AS u USING ended AS e
        WHERE e.unique_key IS NOT NULL AND u.tenant_id = e.tenant_id AND u.key = e.unique_key AND u.job_id = e.job_id
          AND (u.expires_at IS NULL OR u.expires_at <= at_time)
    ), buried AS (
        INSERT INTO jobs.dead (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                               enqueued_at, ready_at, unique_key, payload, meta, died_at, reason, error)
        SELECT e.tenant_id, e.job_id, e.queue, e.rank, e.kind, e.priority, e.attempt, e.max_attempts, e.timeout_ms, e.keep,
               e.enqueued_at, e.ready_at, e.unique_key, e.payload, e.new_meta, at_time, e.reason, e.error
        FROM ended AS e
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, running, dead, died, failed)
        SELECT e.tenant_id, e.queue, -count(*), count(*), count(*), count(*) FROM ended AS e GROUP BY 1, 2
    )
    SELECT e.job_id FROM ended AS e;
END
$$;

-- Moves what is due from deferred to ready; per_tenant bounds how much of it may be one tenant's.
-- A job whose cancellation came while it was between two attempts ends here.
CREATE FUNCTION jobs.promote(at_time timestamptz, at_most integer, per_tenant integer, head_start bigint)
RETURNS TABLE (tenant_id uuid, queue text, rank bigint, count bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE candidates AS (
        (SELECT d.tenant_id FROM jobs.deferred AS d
         WHERE per_tenant IS NOT NULL AND d.run_at <= at_time ORDER BY d.tenant_id LIMIT 1)
        UNION ALL
        SELECT n.tenant_id FROM candidates AS c CROSS JOIN LATERAL (
            SELECT d.tenant_id FROM jobs.deferred AS d
            WHERE d.tenant_id > c.tenant_id AND d.run_at <= at_time ORDER BY d.tenant_id LIMIT 1
        ) AS n
    ), picked AS MATERIALIZED (
        SELECT d.place FROM (
            SELECT d.ctid AS place FROM jobs.deferred AS d
            WHERE per_tenant IS NULL AND d.run_at <= at_time
            ORDER BY d.run_at LIMIT at_most FOR UPDATE SKIP LOCKED
        ) AS d
        UNION ALL
        SELECT d.place FROM candidates AS c CROSS JOIN LATERAL (
            SELECT d.ctid AS place FROM jobs.deferred AS d
            WHERE per_tenant IS NOT NULL AND d.tenant_id = c.tenant_id AND d.run_at <= at_time
            ORDER BY d.run_at LIMIT per_tenant FOR UPDATE SKIP LOCKED
        ) AS d
    ), due AS (
        DELETE FROM jobs.deferred AS d USING picked AS p WHERE d.ctid = p.place
        RETURNING d.*, EXISTS (SELECT FROM jobs.cancellations AS c
                               WHERE c.tenant_id = d.tenant_id AND c.job_id = d.job_id) AS cancelled
    ), moved AS (
        INSERT INTO jobs.ready (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                enqueued_at, ready_at, unique_key, payload, meta)
        SELECT d.tenant_id, d.job_id, d.queue, (extract(epoch FROM d.run_at) * 1000000)::bigint - d.priority * head_start,
               d.kind, d.priority, d.attempt, d.max_attempts, d.timeout_ms, d.keep, d.enqueued_at, d.run_at, d.unique_key,
               d.payload, d.meta
        FROM due AS d WHERE NOT d.cancelled
        RETURNING ready.tenant_id, ready.queue, ready.rank
    ), freed AS (
        DELETE FROM jobs.unique_keys AS u USING due AS d
        WHERE d.cancelled AND d.unique_key IS NOT NULL AND u.tenant_id = d.tenant_id AND u.key = d.unique_key
          AND u.job_id = d.job_id
    ), kept AS (
        INSERT INTO jobs.done (tenant_id, job_id, queue, kind, state, attempt, enqueued_at, finished_at)
        SELECT d.tenant_id, d.job_id, d.queue, d.kind, 'cancelled', d.attempt, d.enqueued_at, at_time
        FROM due AS d WHERE d.cancelled AND d.keep
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, deferred, waiting, cancelled)
        SELECT d.tenant_id, d.queue, -count(*), count(*) FILTER (WHERE NOT d.cancelled), count(*) FILTER (WHERE d.cancelled)
        FROM due AS d GROUP BY 1, 2
    )
    SELECT m.tenant_id, m.queue::text, min(m.rank), count(*) FROM moved AS m GROUP BY 1, 2;
END
$$;

-- Takes back leases that expired or whose process is gone: to ready, or to dead after the last attempt.
CREATE FUNCTION jobs.rescue(at_time timestamptz, silence interval, at_most integer)
RETURNS TABLE (tenant_id uuid, queue text, rank bigint, count bigint, buried bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM jobs.processes AS p WHERE p.beat_at < clock_timestamp() - silence;
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        SELECT l.tenant_id, l.job_id FROM jobs.leases AS l
        WHERE l.expires_at <= at_time
           OR (l.process_id IS NOT NULL AND NOT EXISTS (SELECT FROM jobs.processes AS p WHERE p.process_id = l.process_id))
        LIMIT at_most FOR UPDATE OF l SKIP LOCKED
    ), lost AS (
        DELETE FROM jobs.leases AS l USING picked AS p
        WHERE l.tenant_id = p.tenant_id AND l.job_id = p.job_id
        RETURNING l.*, l.attempt >= l.max_attempts AS spent,
                  EXISTS (SELECT FROM jobs.cancellations AS c
                          WHERE c.tenant_id = l.tenant_id AND c.job_id = l.job_id) AS cancelled,
                  jsonb_set(coalesce(l.meta::jsonb, '{}'), '{errors}',
                      coalesce(l.meta::jsonb -> 'errors', '[]') || jsonb_build_object(
                          'attempt', l.attempt, 'at', at_time,
                          'error', CASE WHEN l.process_id IS NULL THEN 'the visibility timeout passed'
                                        ELSE 'the worker went away' END))::json AS new_meta
    ), again AS (
        INSERT INTO jobs.ready (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                enqueued_at, ready_at, unique_key, payload, meta)
        SELECT l.tenant_id, l.job_id, l.queue, l.rank, l.kind, l.priority, l.attempt, l.max_attempts, l.timeout_ms, l.keep,
               l.enqueued_at, l.ready_at, l.unique_key, l.payload, l.new_meta
        FROM lost AS l WHERE NOT l.spent AND NOT l.cancelled
    ), freed AS (
        DELETE FROM jobs.unique_keys AS u USING lost AS l
        WHERE (l.spent OR l.cancelled) AND l.unique_key IS NOT NULL AND u.tenant_id = l.tenant_id
          AND u.key = l.unique_key AND u.job_id = l.job_id AND (u.expires_at IS NULL OR u.expires_at <= at_time)
    ), buried AS (
        INSERT INTO jobs.dead (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                               enqueued_at, ready_at, unique_key, payload, meta, died_at, reason, error)
        SELECT l.tenant_id, l.job_id, l.queue, l.rank, l.kind, l.priority, l.attempt, l.max_attempts, l.timeout_ms, l.keep,
               l.enqueued_at, l.ready_at, l.unique_key, l.payload, l.new_meta, at_time, 'lost',
               CASE WHEN l.process_id IS NULL THEN 'the visibility timeout passed' ELSE 'the worker went away' END
        FROM lost AS l WHERE l.spent AND NOT l.cancelled
    ), kept AS (
        INSERT INTO jobs.done (tenant_id, job_id, queue, kind, state, attempt, enqueued_at, claimed_at, finished_at)
        SELECT l.tenant_id, l.job_id, l.queue, l.kind, 'cancelled', l.attempt, l.enqueued_at, l.claimed_at, at_time
        FROM lost AS l WHERE l.cancelled AND l.keep
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, running, waiting, failed, dead, died, cancelled)
        SELECT l.tenant_id, l.queue, -count(*), count(*) FILTER (WHERE NOT l.spent AND NOT l.cancelled),
               count(*) FILTER (WHERE NOT l.cancelled), count(*) FILTER (WHERE l.spent AND NOT l.cancelled),
               count(*) FILTER (WHERE l.spent AND NOT l.cancelled), count(*) FILTER (WHERE l.cancelled)
        FROM lost AS l GROUP BY 1, 2
    )
    SELECT l.tenant_id, l.queue::text, min(l.rank), count(*), count(*) FILTER (WHERE l.spent AND NOT l.cancelled)
    FROM lost AS l GROUP BY 1, 2;
END
$$;

-- The lanes that have something ready, each by one look into the index, never by counting.
CREATE FUNCTION jobs.backlog()
RETURNS TABLE (tenant_id uuid, queue text, rank bigint, ready_at timestamptz, weight integer, limited boolean) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE lane AS (
        (SELECT r.tenant_id, r.queue, r.rank, r.ready_at FROM jobs.ready AS r
         ORDER BY r.tenant_id, r.queue, r.rank, r.job_id LIMIT 1)
        UNION ALL
        SELECT n.* FROM lane AS l CROSS JOIN LATERAL (
            SELECT r.tenant_id, r.queue, r.rank, r.ready_at FROM jobs.ready AS r
            WHERE (r.tenant_id, r.queue) > (l.tenant_id, l.queue)
            ORDER BY r.tenant_id, r.queue, r.rank, r.job_id LIMIT 1
        ) AS n
    )
    SELECT l.tenant_id, l.queue::text, l.rank, l.ready_at, coalesce(s.weight, 1),
           coalesce(s.max_running IS NOT NULL OR s.per_minute IS NOT NULL, false)
    FROM lane AS l LEFT JOIN jobs.lanes AS s ON s.tenant_id = l.tenant_id AND s.queue = l.queue;
END
$$;

-- Adds deltas up. One process at a time does it; the others need not wait.
CREATE FUNCTION jobs.fold(at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    folded integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('jobs.fold')) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM jobs.deltas
        WHERE ctid = ANY (ARRAY(SELECT d.ctid FROM jobs.deltas AS d LIMIT at_most FOR UPDATE SKIP LOCKED))
        RETURNING *
    ), lane AS (
        SELECT tenant_id, queue, sum(waiting) AS waiting, sum(deferred) AS deferred, sum(running) AS running,
               sum(dead) AS dead, sum(enqueued) AS enqueued, sum(done) AS done, sum(failed) AS failed, sum(died) AS died,
               sum(cancelled) AS cancelled, count(*) AS rows
        FROM gone GROUP BY 1, 2
    ), counted AS (
        INSERT INTO jobs.counts AS c
        SELECT tenant_id, queue, waiting, deferred, running, dead, enqueued, done, failed, died, cancelled FROM lane
        ON CONFLICT (tenant_id, queue) DO UPDATE SET
            waiting = c.waiting + excluded.waiting, deferred = c.deferred + excluded.deferred,
            running = c.running + excluded.running, dead = c.dead + excluded.dead,
            enqueued = c.enqueued + excluded.enqueued, done = c.done + excluded.done,
            failed = c.failed + excluded.failed, died = c.died + excluded.died, cancelled = c.cancelled + excluded.cancelled
    ), summed AS (
        INSERT INTO jobs.totals AS c
            (queue, waiting, deferred, running, dead, enqueued, done, failed, died, cancelled)
        SELECT CASE WHEN queue LIKE 'pull:%' THEN 'pull' ELSE queue END, sum(waiting), sum(deferred), sum(running),
               sum(dead), sum(enqueued), sum(done), sum(failed), sum(died), sum(cancelled)
        FROM lane GROUP BY 1
        ON CONFLICT (queue) DO UPDATE SET
            waiting = c.waiting + excluded.waiting, deferred = c.deferred + excluded.deferred,
            running = c.running + excluded.running, dead = c.dead + excluded.dead,
            enqueued = c.enqueued + excluded.enqueued, done = c.done + excluded.done,
            failed = c.failed + excluded.failed, died = c.died + excluded.died, cancelled = c.cancelled + excluded.cancelled
    )
    SELECT coalesce(sum(rows), 0) INTO folded FROM lane;
    RETURN folded;
END
$$;

-- Makes the day partitions that will be needed and drops those that are older than keep_days.
CREATE FUNCTION jobs.rotate(parent text, today date, keep_days integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    day date;
    part text;
    old record;
BEGIN
    IF parent NOT IN ('done', 'events') THEN
        RAISE EXCEPTION 'jobs.% has no day partitions', parent;
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('jobs.rotate')) THEN
        RETURN;
    END IF;
    FOR day IN SELECT today + n FROM generate_series(-1, 2) AS n LOOP
        part := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
        CONTINUE WHEN to_regclass('jobs.' || part) IS NOT NULL;
        EXECUTE format('CREATE TABLE jobs.%I (LIKE jobs.%I INCLUDING ALL)', part, parent);
        EXECUTE format('COMMENT ON TABLE jobs.%I IS %L', part, format('jobs.%s of %s', parent, day));
        PERFORM core.protect_tenant_table(format('jobs.%I', part)::regclass, '');
        EXECUTE format('ALTER TABLE jobs.%I ATTACH PARTITION jobs.%I FOR VALUES FROM (%L) TO (%L)',
                       parent, part, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    END LOOP;
    FOR old IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('jobs.%I', parent)::regclass AND c.relname ~ ('^' || parent || '_[0-9]{8}$')
          AND c.relname < format('%s_%s', parent, to_char(today - keep_days, 'YYYYMMDD'))
    LOOP
        EXECUTE format('DROP TABLE jobs.%I', old.relname);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION jobs.enqueue, jobs.claim, jobs.finish, jobs.put_back, jobs.bury, jobs.promote, jobs.rescue,
    jobs.backlog, jobs.fold, jobs.rotate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobs.enqueue, jobs.claim, jobs.finish, jobs.put_back, jobs.bury, jobs.promote TO veza_app, veza_jobs;
GRANT EXECUTE ON FUNCTION jobs.rescue, jobs.backlog, jobs.fold, jobs.rotate TO veza_jobs;
