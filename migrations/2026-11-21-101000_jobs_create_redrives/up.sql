-- What people do to jobs: end them, take them back from the dead, one by one or by the million.

-- Setting a cap makes the jobs that run already count against it.
GRANT UPDATE (limited) ON jobs.leases TO veza_app;
-- A job that lives again is not cancelled by what was asked of its former life.
GRANT DELETE ON jobs.cancellations TO veza_app;

-- A hold of the operator, or of a suspension, is not the tenant's to make or to lift.
CREATE POLICY own_hold ON jobs.holds AS RESTRICTIVE FOR INSERT TO veza_app WITH CHECK (held_by = 'tenant');
CREATE POLICY own_release ON jobs.holds AS RESTRICTIVE FOR DELETE TO veza_app USING (held_by = 'tenant');
-- Who claims inside one tenant obeys what holds everybody.
CREATE POLICY everybody ON jobs.holds FOR SELECT TO veza_app USING (tenant_id = '00000000-0000-0000-0000-000000000000');

-- With the job in it, it is an order that a list can be read in, page by page.
DROP INDEX jobs.deferred_by_tenant_and_time;
CREATE INDEX deferred_by_tenant_and_time ON jobs.deferred (tenant_id, run_at, job_id);

CREATE TABLE jobs.redrives (
    tenant_id uuid NOT NULL,
    redrive_id uuid NOT NULL,
    queue text COLLATE "C" NOT NULL,
    kind text,
    reason text,
    died_until timestamptz NOT NULL,
    target text COLLATE "C",
    per_minute integer CHECK (per_minute BETWEEN 1 AND 100000000),
    moved bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    cancelled boolean NOT NULL DEFAULT false,
    passed_at timestamptz NOT NULL,
    passed_job uuid NOT NULL,
    due_at timestamptz NOT NULL,
    stepped_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (tenant_id, redrive_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE jobs.redrives IS
    'Dead letters of a queue on their way back, oldest death first. Those up to (passed_at, passed_job) have been looked '
    'at; the next step is due at due_at. Whose turn it is goes by stepped_at, by the clock of the database.';
CREATE INDEX redrives_open ON jobs.redrives (tenant_id, stepped_at) WHERE finished_at IS NULL;
SELECT jobs.share('jobs.redrives', 'SELECT, INSERT, UPDATE (finished_at, cancelled)', 'SELECT, INSERT, UPDATE, DELETE');

-- Ends jobs that wait, now or for their time; gives those that it found.
CREATE FUNCTION jobs.end_waiting(at_time timestamptz, tenant uuid, ids uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    WITH waiting AS (
        DELETE FROM jobs.ready AS r USING unnest(ids) AS a (job_id)
        WHERE r.tenant_id = tenant AND r.job_id = a.job_id
        RETURNING r.tenant_id, r.job_id, r.queue, r.kind, r.attempt, r.keep, r.enqueued_at, r.unique_key, false AS later
    ), later AS (
        DELETE FROM jobs.deferred AS d USING unnest(ids) AS a (job_id)
        WHERE d.tenant_id = tenant AND d.job_id = a.job_id
        RETURNING d.tenant_id, d.job_id, d.queue, d.kind, d.attempt, d.keep, d.enqueued_at, d.unique_key, true AS later
    ), ended AS (
        SELECT * FROM waiting UNION ALL SELECT * FROM later
    ), freed AS (
        DELETE FROM jobs.unique_keys AS u USING ended AS e
        WHERE e.unique_key IS NOT NULL AND u.tenant_id = e.tenant_id AND u.key = e.unique_key AND u.job_id = e.job_id
    ), kept AS (
        INSERT INTO jobs.done (tenant_id, job_id, queue, kind, state, attempt, enqueued_at, finished_at)
        SELECT e.tenant_id, e.job_id, e.queue, e.kind, 'cancelled', e.attempt, e.enqueued_at, at_time
        FROM ended AS e WHERE e.keep
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, waiting, deferred, cancelled)
        SELECT e.tenant_id, e.queue, -count(*) FILTER (WHERE NOT e.later), -count(*) FILTER (WHERE e.later), count(*)
        FROM ended AS e GROUP BY 1, 2
    )
    SELECT e.job_id FROM ended AS e;
END
$$;

-- Makes deferred jobs ready now; gives where they went.
CREATE FUNCTION jobs.hasten(at_time timestamptz, head_start bigint, tenant uuid, ids uuid[])
RETURNS TABLE (job_id uuid, queue text, rank bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS (
        DELETE FROM jobs.deferred AS d USING unnest(ids) AS a (job_id)
        WHERE d.tenant_id = tenant AND d.job_id = a.job_id
        RETURNING d.*
    ), moved AS (
        INSERT INTO jobs.ready (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                enqueued_at, ready_at, unique_key, payload, meta)
        SELECT d.tenant_id, d.job_id, d.queue, (extract(epoch FROM at_time) * 1000000)::bigint - d.priority * head_start,
               d.kind, d.priority, d.attempt, d.max_attempts, d.timeout_ms, d.keep, d.enqueued_at, at_time, d.unique_key,
               d.payload, d.meta
        FROM due AS d
        RETURNING ready.job_id, ready.queue, ready.rank
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, waiting, deferred)
        SELECT d.tenant_id, d.queue, count(*), -count(*) FROM due AS d GROUP BY 1, 2
    )
    SELECT m.job_id, m.queue::text, m.rank FROM moved AS m;
END
$$;

-- Makes dead letters ready again, in the order of ids, in their queue or another, their attempts not
-- begun and their history kept. One whose unique key somebody else has by now stays dead, and so does
-- one that somebody else is taking back at this moment. Gives where the others went.
CREATE FUNCTION jobs.revive(at_time timestamptz, head_start bigint, tenant uuid, ids uuid[], target text)
RETURNS TABLE (job_id uuid, queue text, rank bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH wanted AS MATERIALIZED (
        SELECT d.tenant_id, d.job_id, d.unique_key, a.place
        FROM unnest(ids) WITH ORDINALITY AS a (job_id, place)
        JOIN jobs.dead AS d ON d.tenant_id = tenant AND d.job_id = a.job_id
        FOR UPDATE OF d SKIP LOCKED
    ), reserved AS (
        -- In the order of keys, as everybody takes them, so that nobody waits in a circle.
        INSERT INTO jobs.unique_keys AS u (tenant_id, key, job_id)
        SELECT DISTINCT ON (w.unique_key) w.tenant_id, w.unique_key, w.job_id
        FROM wanted AS w WHERE w.unique_key IS NOT NULL
        ORDER BY w.unique_key, w.place
        ON CONFLICT (tenant_id, key) DO UPDATE
        SET job_id = excluded.job_id, expires_at = CASE WHEN u.job_id = excluded.job_id THEN u.expires_at END
        WHERE u.job_id = excluded.job_id OR u.expires_at <= at_time
        RETURNING u.job_id
    ), back AS (
        DELETE FROM jobs.dead AS d USING wanted AS w
        WHERE d.tenant_id = w.tenant_id AND d.job_id = w.job_id
          AND (w.unique_key IS NULL OR EXISTS (SELECT FROM reserved AS r WHERE r.job_id = w.job_id))
        RETURNING d.*, w.place
    ), forgotten AS (
        DELETE FROM jobs.cancellations AS c USING back AS b
        WHERE c.tenant_id = b.tenant_id AND c.job_id = b.job_id
    ), moved AS (
        INSERT INTO jobs.ready (tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep,
                                enqueued_at, ready_at, unique_key, payload, meta)
        SELECT b.tenant_id, b.job_id, coalesce(target, b.queue),
               (extract(epoch FROM at_time) * 1000000)::bigint - b.priority * head_start + b.place,
               b.kind, b.priority, 0, b.max_attempts, b.timeout_ms, b.keep, b.enqueued_at, at_time, b.unique_key,
               b.payload, b.meta
        FROM back AS b
        RETURNING ready.job_id, ready.queue, ready.rank
    ), noted AS (
        INSERT INTO jobs.deltas (tenant_id, queue, waiting, dead)
        SELECT b.tenant_id, b.queue, 0, -count(*) FROM back AS b GROUP BY 1, 2
        UNION ALL
        SELECT b.tenant_id, coalesce(target, b.queue), count(*), 0 FROM back AS b GROUP BY 1, 2
    )
    SELECT m.job_id, m.queue::text, m.rank FROM moved AS m;
END
$$;

-- One step of the redrive whose turn it is: first of the tenant that has waited longest. It looks at
-- at_most dead letters. Gives the lane that got jobs and how many; no row when nothing is due.
CREATE FUNCTION jobs.step_redrive(at_time timestamptz, head_start bigint, at_most integer)
RETURNS TABLE (tenant_id uuid, queue text, rank bigint, count bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    plan jobs.redrives;
    room integer;
    seen integer;
    picked uuid[];
    last record;
    first_rank bigint;
    done bigint;
BEGIN
    SELECT r.* INTO plan FROM jobs.redrives AS r
    WHERE r.finished_at IS NULL AND r.due_at <= at_time
    ORDER BY (SELECT max(o.stepped_at) FROM jobs.redrives AS o WHERE o.tenant_id = r.tenant_id AND o.finished_at IS NULL),
             r.stepped_at, r.redrive_id
    LIMIT 1 FOR UPDATE OF r SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- A rate gets a second's worth at once.
    room := CASE WHEN plan.per_minute IS NULL THEN at_most ELSE least(at_most, ceil(plan.per_minute / 60.0)) END;
    WITH looked AS MATERIALIZED (
        SELECT d.died_at, d.job_id,
               (plan.kind IS NULL OR d.kind = plan.kind) AND (plan.reason IS NULL OR d.reason = plan.reason) AS fits
        FROM jobs.dead AS d
        WHERE d.tenant_id = plan.tenant_id AND d.queue = plan.queue
          AND (d.died_at, d.job_id) > (plan.passed_at, plan.passed_job) AND d.died_at <= plan.died_until
        ORDER BY d.died_at, d.job_id LIMIT at_most
    ), chosen AS MATERIALIZED (
        SELECT l.died_at, l.job_id FROM looked AS l WHERE l.fits ORDER BY l.died_at, l.job_id LIMIT room
    ), passed AS (
        -- When the room was used up there may be more behind the last; otherwise all were looked at.
        (SELECT c.died_at, c.job_id FROM chosen AS c WHERE (SELECT count(*) FROM chosen) = room
         ORDER BY c.died_at DESC, c.job_id DESC LIMIT 1)
        UNION ALL
        (SELECT l.died_at, l.job_id FROM looked AS l WHERE (SELECT count(*) FROM chosen) < room
         ORDER BY l.died_at DESC, l.job_id DESC LIMIT 1)
    )
    SELECT (SELECT count(*) FROM looked) AS looked, p.died_at, p.job_id,
           (SELECT array_agg(c.job_id ORDER BY c.died_at, c.job_id) FROM chosen AS c) AS ids
    INTO last FROM (SELECT) AS one LEFT JOIN passed AS p ON true;
    seen := last.looked;
    picked := coalesce(last.ids, '{}');
    SELECT min(v.rank), count(*) INTO first_rank, done
    FROM jobs.revive(at_time, head_start, plan.tenant_id, picked, plan.target) AS v;
    UPDATE jobs.redrives AS r
    SET moved = r.moved + done,
        skipped = r.skipped + cardinality(picked) - done,
        passed_at = coalesce(last.died_at, r.passed_at),
        passed_job = coalesce(last.job_id, r.passed_job),
        stepped_at = clock_timestamp(),
        due_at = CASE WHEN r.per_minute IS NULL THEN r.due_at
                      ELSE greatest(r.due_at, at_time - interval '1 second')
                           + make_interval(secs => cardinality(picked) * 60.0 / r.per_minute) END,
        finished_at = CASE WHEN seen < at_most AND cardinality(picked) < room THEN at_time END
    WHERE r.tenant_id = plan.tenant_id AND r.redrive_id = plan.redrive_id;
    RETURN QUERY SELECT plan.tenant_id, coalesce(plan.target, plan.queue)::text, first_rank, done;
END
$$;

REVOKE ALL ON FUNCTION jobs.end_waiting, jobs.hasten, jobs.revive, jobs.step_redrive FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobs.end_waiting, jobs.hasten, jobs.revive TO veza_app, veza_jobs;
GRANT EXECUTE ON FUNCTION jobs.step_redrive TO veza_jobs;
