-- All queues that tenants made counted as "pull" over all tenants, and a program may have a queue of that name. A
-- name with a colon and a star is nobody's.
COMMENT ON TABLE jobs.totals IS 'The same over all tenants, for metrics. All queues that tenants made count as one: pull:*.';

-- Adds deltas up. One process at a time does it; the others need not wait.
CREATE OR REPLACE FUNCTION jobs.fold(at_most integer) RETURNS integer LANGUAGE plpgsql SET jit = off AS $$
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
        SELECT CASE WHEN queue LIKE 'pull:%' THEN 'pull:*' ELSE queue END, sum(waiting), sum(deferred), sum(running),
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

-- What was in one row belongs to two: it is counted anew. The owner sees all tenants' counts for that moment.
ALTER TABLE jobs.counts NO FORCE ROW LEVEL SECURITY;
DELETE FROM jobs.totals WHERE queue = 'pull';
INSERT INTO jobs.totals (queue, waiting, deferred, running, dead, enqueued, done, failed, died, cancelled)
SELECT CASE WHEN queue LIKE 'pull:%' THEN 'pull:*' ELSE queue END, sum(waiting), sum(deferred), sum(running), sum(dead),
       sum(enqueued), sum(done), sum(failed), sum(died), sum(cancelled)
FROM jobs.counts WHERE queue = 'pull' OR queue LIKE 'pull:%' GROUP BY 1;
ALTER TABLE jobs.counts FORCE ROW LEVEL SECURITY;
