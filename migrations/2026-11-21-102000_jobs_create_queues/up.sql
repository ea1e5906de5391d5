-- The pull API: queues that tenants make. Their messages are jobs of kind message in the engine's
-- tables, in the lane pull:<name>.
CREATE TABLE jobs.queues (
    tenant_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z][a-z0-9._-]{0,62}$'),
    visibility_timeout_ms integer NOT NULL DEFAULT 300000 CHECK (visibility_timeout_ms BETWEEN 0 AND 43200000),
    delay_ms integer NOT NULL DEFAULT 0 CHECK (delay_ms BETWEEN 0 AND 900000),
    max_receives integer NOT NULL DEFAULT 5 CHECK (max_receives BETWEEN 1 AND 1000),
    max_message_bytes integer NOT NULL DEFAULT 262144 CHECK (max_message_bytes BETWEEN 1 AND 1048576),
    retention_seconds integer NOT NULL DEFAULT 345600 CHECK (retention_seconds BETWEEN 60 AND 1209600),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    removed_at timestamptz,
    PRIMARY KEY (tenant_id, name)
);
COMMENT ON TABLE jobs.queues IS
    'A queue that a tenant made, for workers that pull. A removed one stays for a minute and until its messages are gone, '
    'so that what was being sent meanwhile goes as well.';
SELECT jobs.share('jobs.queues',
    'SELECT, INSERT, DELETE, UPDATE (visibility_timeout_ms, delay_ms, max_receives, max_message_bytes, retention_seconds, '
    'version, updated_at, removed_at)', 'SELECT, DELETE');

-- What a pull queue holds is looked for by queue, what a program's holds is not: it pays nothing for these.
CREATE INDEX deferred_by_pull_queue ON jobs.deferred (tenant_id, queue, job_id) WHERE queue >= 'pull:' AND queue < 'pull;';
CREATE INDEX leases_by_pull_queue ON jobs.leases (tenant_id, queue, job_id) WHERE queue >= 'pull:' AND queue < 'pull;';

-- Whether a pull queue holds no message in any state. The order of each look is that of the index which
-- holds the queue, so that no other is taken: one queue may be rare among millions of rows. A queue is
-- compared as a range where equality would make its place in the order no matter.
CREATE FUNCTION jobs.is_empty(tenant uuid, lane text) RETURNS boolean LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (SELECT 1 FROM jobs.ready AS r WHERE r.tenant_id = tenant AND r.queue = lane
            ORDER BY r.rank, r.job_id LIMIT 1) IS NULL
       AND (SELECT 1 FROM jobs.deferred AS d
            WHERE d.tenant_id = tenant AND d.queue >= lane AND d.queue <= lane AND d.queue >= 'pull:' AND d.queue < 'pull;'
            ORDER BY d.queue, d.job_id LIMIT 1) IS NULL
       AND (SELECT 1 FROM jobs.leases AS l
            WHERE l.tenant_id = tenant AND l.queue >= lane AND l.queue <= lane AND l.queue >= 'pull:' AND l.queue < 'pull;'
            ORDER BY l.queue, l.job_id LIMIT 1) IS NULL
       AND (SELECT 1 FROM jobs.dead AS d WHERE d.tenant_id = tenant AND d.queue = lane
            ORDER BY d.died_at, d.job_id LIMIT 1) IS NULL;
END
$$;

-- Removes messages of a pull queue that were sent until a moment, at_most of each state; those that
-- somebody is moving at this moment are left. Gives how many went.
CREATE FUNCTION jobs.discard(tenant uuid, lane text, before timestamptz, with_dead boolean, at_most integer)
RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    removed bigint;
BEGIN
    WITH waiting AS MATERIALIZED (
        SELECT r.rank, r.job_id FROM jobs.ready AS r
        WHERE r.tenant_id = tenant AND r.queue = lane AND r.queue >= 'pull:' AND r.queue < 'pull;' AND r.enqueued_at <= before
        ORDER BY r.rank, r.job_id LIMIT at_most FOR UPDATE SKIP LOCKED
    ), delayed AS MATERIALIZED (
        SELECT d.job_id FROM jobs.deferred AS d
        WHERE d.tenant_id = tenant AND d.queue >= lane AND d.queue <= lane AND d.queue >= 'pull:' AND d.queue < 'pull;'
          AND d.enqueued_at <= before
        ORDER BY d.queue, d.job_id LIMIT at_most FOR UPDATE SKIP LOCKED
    ), held AS MATERIALIZED (
        SELECT l.job_id FROM jobs.leases AS l
        WHERE l.tenant_id = tenant AND l.queue >= lane AND l.queue <= lane AND l.queue >= 'pull:' AND l.queue < 'pull;'
          AND l.enqueued_at <= before
        ORDER BY l.queue, l.job_id LIMIT at_most FOR UPDATE SKIP LOCKED
    ), buried AS MATERIALIZED (
        SELECT d.job_id FROM jobs.dead AS d
        WHERE with_dead AND d.tenant_id = tenant AND d.queue = lane AND d.queue >= 'pull:' AND d.queue < 'pull;'
          AND d.enqueued_at <= before
        ORDER BY d.died_at, d.job_id LIMIT at_most FOR UPDATE SKIP LOCKED
    ), no_waiting AS (
        DELETE FROM jobs.ready AS r USING waiting AS w
        WHERE r.tenant_id = tenant AND r.queue = lane AND r.rank = w.rank AND r.job_id = w.job_id RETURNING 1
    ), no_delayed AS (
        DELETE FROM jobs.deferred AS d USING delayed AS w WHERE d.tenant_id = tenant AND d.job_id = w.job_id RETURNING 1
    ), no_held AS (
        DELETE FROM jobs.leases AS l USING held AS w WHERE l.tenant_id = tenant AND l.job_id = w.job_id RETURNING 1
    ), no_buried AS (
        DELETE FROM jobs.dead AS d USING buried AS w WHERE d.tenant_id = tenant AND d.job_id = w.job_id RETURNING 1
    ), gone AS (
        SELECT (SELECT count(*) FROM no_waiting) AS waiting, (SELECT count(*) FROM no_delayed) AS delayed,
               (SELECT count(*) FROM no_held) AS held, (SELECT count(*) FROM no_buried) AS buried
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, waiting, deferred, running, dead, cancelled)
        SELECT tenant, lane, -g.waiting, -g.delayed, -g.held, -g.buried, g.waiting + g.delayed + g.held
        FROM gone AS g WHERE g.waiting + g.delayed + g.held + g.buried > 0
    )
    SELECT g.waiting + g.delayed + g.held + g.buried INTO removed FROM gone AS g;
    RETURN removed;
END
$$;

-- Removes what is older than a pull queue keeps it: messages by when they were sent, dead letters by
-- when they died. Who was put off comes later in the order of the lane, and goes when its turn comes.
CREATE FUNCTION jobs.outdate(tenant uuid, lane text, cutoff timestamptz, at_most integer) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    removed bigint;
    -- The longest delay and the lowest priority move a message back by 24 minutes.
    bound CONSTANT bigint := (extract(epoch FROM cutoff) * 1000000)::bigint + 1440000000;
BEGIN
    WITH waiting AS MATERIALIZED (
        SELECT r.rank, r.job_id FROM jobs.ready AS r
        WHERE r.tenant_id = tenant AND r.queue = lane AND r.rank <= bound AND r.enqueued_at < cutoff
        ORDER BY r.rank, r.job_id LIMIT at_most FOR UPDATE SKIP LOCKED
    ), buried AS MATERIALIZED (
        SELECT d.job_id FROM jobs.dead AS d
        WHERE d.tenant_id = tenant AND d.queue = lane AND d.died_at < cutoff
        ORDER BY d.died_at, d.job_id LIMIT at_most FOR UPDATE SKIP LOCKED
    ), no_waiting AS (
        DELETE FROM jobs.ready AS r USING waiting AS w
        WHERE r.tenant_id = tenant AND r.queue = lane AND r.rank = w.rank AND r.job_id = w.job_id RETURNING 1
    ), no_buried AS (
        DELETE FROM jobs.dead AS d USING buried AS w WHERE d.tenant_id = tenant AND d.job_id = w.job_id RETURNING 1
    ), gone AS (
        SELECT (SELECT count(*) FROM no_waiting) AS waiting, (SELECT count(*) FROM no_buried) AS buried
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, waiting, dead, cancelled)
        SELECT tenant, lane, -g.waiting, -g.buried, g.waiting FROM gone AS g WHERE g.waiting + g.buried > 0
    )
    SELECT g.waiting + g.buried INTO removed FROM gone AS g;
    RETURN removed;
END
$$;

-- Sweeps the pull queues after a name, some at a time, and gives what went of each. One process at a
-- time does it; the others need not wait.
CREATE FUNCTION jobs.expire(at_time timestamptz, after_tenant uuid, after_name text, queues integer, at_most integer)
RETURNS TABLE (tenant_id uuid, name text, removed bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    swept record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('jobs.expire')) THEN
        RETURN;
    END IF;
    FOR swept IN
        SELECT q.tenant_id, q.name, 'pull:' || q.name AS lane, q.removed_at,
               at_time - make_interval(secs => q.retention_seconds) AS cutoff
        FROM jobs.queues AS q WHERE (q.tenant_id, q.name) > (after_tenant, after_name)
        ORDER BY q.tenant_id, q.name LIMIT queues
    LOOP
        tenant_id := swept.tenant_id;
        name := swept.name;
        IF swept.removed_at IS NULL THEN
            removed := jobs.outdate(swept.tenant_id, swept.lane, swept.cutoff, at_most);
        ELSE
            removed := jobs.discard(swept.tenant_id, swept.lane, 'infinity', true, at_most);
            DELETE FROM jobs.queues AS q
            WHERE q.tenant_id = swept.tenant_id AND q.name = swept.name AND q.removed_at < at_time - interval '1 minute'
              AND jobs.is_empty(swept.tenant_id, swept.lane);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Which of these lanes have something ready.
CREATE FUNCTION jobs.awaited(tenants uuid[], queues text[]) RETURNS TABLE (tenant_id uuid, queue text) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT w.tenant_id, w.queue FROM unnest(tenants, queues) AS w (tenant_id, queue)
    CROSS JOIN LATERAL (
        SELECT FROM jobs.ready AS r WHERE r.tenant_id = w.tenant_id AND r.queue = w.queue
        ORDER BY r.rank, r.job_id LIMIT 1
    ) AS r;
END
$$;

REVOKE ALL ON FUNCTION jobs.is_empty, jobs.discard, jobs.outdate, jobs.expire, jobs.awaited FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobs.is_empty, jobs.discard TO veza_app, veza_jobs;
GRANT EXECUTE ON FUNCTION jobs.outdate, jobs.expire, jobs.awaited TO veza_jobs;
