-- Ends leases whose jobs are to run again: at once (run_at is null) or later. steps says by how much
-- the number of attempts changes: 0 after a failure, -1 when none was used up. One whose cancellation was
-- asked for while somebody held it ends here: nobody is to begin it again.
CREATE OR REPLACE FUNCTION jobs.put_back(
    at_time timestamptz, tenants uuid[], ids uuid[], tokens uuid[], run_ats timestamptz[], steps smallint[], metas text[]
) RETURNS SETOF uuid LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan SET jit = off AS $$
BEGIN
    -- A statement of its own: the next one sees the requests of those for whom this one waits.
    PERFORM FROM unnest(tenants, ids, tokens) AS a (tenant_id, job_id, token)
    JOIN jobs.leases AS l ON l.tenant_id = a.tenant_id AND l.job_id = a.job_id AND l.token = a.token
    FOR UPDATE OF l;
    RETURN QUERY
    WITH ended AS (
        DELETE FROM jobs.leases AS l
        USING unnest(tenants, ids, tokens, run_ats, steps, metas) AS a (tenant_id, job_id, token, run_at, step, meta)
        WHERE l.tenant_id = a.tenant_id AND l.job_id = a.job_id AND l.token = a.token
        RETURNING l.*, a.run_at, a.step, coalesce(a.meta::json, l.meta) AS new_meta,
                  EXISTS (SELECT FROM jobs.cancellations AS c
                          WHERE c.tenant_id = l.tenant_id AND c.job_id = l.job_id) AS cancelled
    ), again AS (
        INSERT INTO jobs.ready (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                enqueued_at, ready_at, unique_key, payload, meta)
        SELECT e.tenant_id, e.job_id, e.queue, e.rank, e.kind, e.priority, e.attempt + e.step, e.max_attempts,
               e.timeout_ms, e.keep, e.enqueued_at, e.ready_at, e.unique_key, e.payload, e.new_meta
        FROM ended AS e WHERE e.run_at IS NULL AND NOT e.cancelled
    ), later AS (
        INSERT INTO jobs.deferred (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                   enqueued_at, ready_at, unique_key, payload, meta, run_at)
        SELECT e.tenant_id, e.job_id, e.queue, e.rank, e.kind, e.priority, e.attempt + e.step, e.max_attempts,
               e.timeout_ms, e.keep, e.enqueued_at, e.run_at, e.unique_key, e.payload, e.new_meta, e.run_at
        FROM ended AS e WHERE e.run_at IS NOT NULL AND NOT e.cancelled
    ), freed AS (
        DELETE FROM jobs.unique_keys AS u USING ended AS e
        WHERE e.cancelled AND e.unique_key IS NOT NULL AND u.tenant_id = e.tenant_id AND u.key = e.unique_key
          AND u.job_id = e.job_id AND (u.expires_at IS NULL OR u.expires_at <= at_time)
    ), kept AS (
        INSERT INTO jobs.done (tenant_id, job_id, queue, kind, state, attempt, enqueued_at, claimed_at, finished_at)
        SELECT e.tenant_id, e.job_id, e.queue, e.kind, 'cancelled', e.attempt, e.enqueued_at, e.claimed_at, at_time
        FROM ended AS e WHERE e.cancelled AND e.keep
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, running, waiting, deferred, failed, cancelled)
        SELECT e.tenant_id, e.queue, -count(*), count(*) FILTER (WHERE e.run_at IS NULL AND NOT e.cancelled),
               count(e.run_at) FILTER (WHERE NOT e.cancelled), count(*) FILTER (WHERE e.step = 0 AND NOT e.cancelled),
               count(*) FILTER (WHERE e.cancelled)
        FROM ended AS e GROUP BY 1, 2
    )
    SELECT e.job_id FROM ended AS e;
END
$$;

-- Takes back leases that expired or whose process is gone: to ready, or to dead after the last attempt. A job
-- remembers its last ten failures. Without a silence only what was received and not ended in time: that needs
-- nobody's heartbeat, and a receiver was told when its time is over.
CREATE INDEX leases_received ON jobs.leases (expires_at) WHERE process_id IS NULL;
CREATE OR REPLACE FUNCTION jobs.rescue(at_time timestamptz, silence interval, at_most integer)
RETURNS TABLE (tenant_id uuid, queue text, rank bigint, count bigint, buried bigint) LANGUAGE plpgsql SET jit = off AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM jobs.processes AS p WHERE p.beat_at < clock_timestamp() - silence;
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        SELECT r.tenant_id, r.job_id FROM (
            SELECT l.tenant_id, l.job_id FROM jobs.leases AS l
            WHERE l.process_id IS NULL AND l.expires_at <= at_time
            ORDER BY l.expires_at LIMIT at_most FOR UPDATE OF l SKIP LOCKED
        ) AS r
        UNION ALL
        SELECT r.tenant_id, r.job_id FROM (
            SELECT l.tenant_id, l.job_id FROM jobs.leases AS l
            WHERE silence IS NOT NULL AND l.process_id IS NOT NULL
              AND (l.expires_at <= at_time
                   OR NOT EXISTS (SELECT FROM jobs.processes AS p WHERE p.process_id = l.process_id))
            LIMIT at_most FOR UPDATE OF l SKIP LOCKED
        ) AS r
    ), lost AS (
        DELETE FROM jobs.leases AS l USING picked AS p
        WHERE l.tenant_id = p.tenant_id AND l.job_id = p.job_id
        RETURNING l.*, l.attempt >= l.max_attempts AS spent,
                  EXISTS (SELECT FROM jobs.cancellations AS c
                          WHERE c.tenant_id = l.tenant_id AND c.job_id = l.job_id) AS cancelled,
                  jsonb_set(coalesce(l.meta::jsonb, '{}'), '{errors}',
                      jsonb_path_query_array(coalesce(l.meta::jsonb -> 'errors', '[]'), '$[last - 8 to last]') || jsonb_build_object(
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
