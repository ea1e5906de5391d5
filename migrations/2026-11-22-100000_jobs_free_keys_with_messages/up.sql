-- A message that is discarded, or too old, frees its deduplication id like one that was acknowledged: an id that a
-- redrive took anew has no end of its own, and would stand in the way for ever.
-- Removes messages of a pull queue that were sent until a moment, at_most of each state; those that
-- somebody is moving at this moment are left. Gives how many went. A deduplication id that would end by that
-- moment, or that stands for nothing but its message, goes as well; one of the last five minutes stays.
CREATE OR REPLACE FUNCTION jobs.discard(tenant uuid, lane text, before timestamptz, with_dead boolean, at_most integer)
RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan SET jit = off AS $$
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
        WHERE r.tenant_id = tenant AND r.queue = lane AND r.rank = w.rank AND r.job_id = w.job_id RETURNING r.job_id, r.unique_key
    ), no_delayed AS (
        DELETE FROM jobs.deferred AS d USING delayed AS w WHERE d.tenant_id = tenant AND d.job_id = w.job_id RETURNING d.job_id, d.unique_key
    ), no_held AS (
        DELETE FROM jobs.leases AS l USING held AS w WHERE l.tenant_id = tenant AND l.job_id = w.job_id RETURNING l.job_id, l.unique_key
    ), no_buried AS (
        DELETE FROM jobs.dead AS d USING buried AS w WHERE d.tenant_id = tenant AND d.job_id = w.job_id RETURNING d.job_id, d.unique_key
    ), freed AS (
        DELETE FROM jobs.unique_keys AS u USING (
            SELECT * FROM no_waiting UNION ALL SELECT * FROM no_delayed UNION ALL SELECT * FROM no_held
            UNION ALL SELECT * FROM no_buried
        ) AS m
        WHERE m.unique_key IS NOT NULL AND u.tenant_id = tenant AND u.key = m.unique_key AND u.job_id = m.job_id
          AND (u.expires_at IS NULL OR u.expires_at <= before)
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
CREATE OR REPLACE FUNCTION jobs.outdate(tenant uuid, lane text, cutoff timestamptz, at_most integer) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan SET jit = off AS $$
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
        WHERE r.tenant_id = tenant AND r.queue = lane AND r.rank = w.rank AND r.job_id = w.job_id RETURNING r.job_id, r.unique_key
    ), no_buried AS (
        DELETE FROM jobs.dead AS d USING buried AS w WHERE d.tenant_id = tenant AND d.job_id = w.job_id RETURNING d.job_id, d.unique_key
    ), freed AS (
        DELETE FROM jobs.unique_keys AS u USING (SELECT * FROM no_waiting UNION ALL SELECT * FROM no_buried) AS m
        WHERE m.unique_key IS NOT NULL AND u.tenant_id = tenant AND u.key = m.unique_key AND u.job_id = m.job_id
          AND u.expires_at IS NULL
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
