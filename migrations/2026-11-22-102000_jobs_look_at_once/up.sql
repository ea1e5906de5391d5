-- What there is to do, by one look into an index for each kind of it: a process that works on jobs asks this once a
-- second, and nothing else while there is nothing.
CREATE FUNCTION jobs.look(at_time timestamptz)
RETURNS TABLE (ready boolean, due_at timestamptz, cancelled boolean, suspended boolean, uncounted boolean, expired boolean,
               redriving boolean, replaying boolean, tick_at timestamptz, totals json)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET jit = off AS $$
BEGIN
    RETURN QUERY SELECT
        (SELECT 1 FROM jobs.ready AS r ORDER BY r.tenant_id, r.queue, r.rank, r.job_id LIMIT 1) IS NOT NULL,
        (SELECT min(d.run_at) FROM jobs.deferred AS d),
        EXISTS (SELECT FROM jobs.cancellations),
        EXISTS (SELECT FROM jobs.holds AS h WHERE h.held_by = 'suspension'),
        EXISTS (SELECT FROM jobs.deltas),
        EXISTS (SELECT FROM jobs.leases AS l WHERE l.process_id IS NULL AND l.expires_at <= at_time),
        EXISTS (SELECT FROM jobs.redrives AS r WHERE r.finished_at IS NULL AND r.due_at <= at_time),
        EXISTS (SELECT FROM jobs.replays AS r WHERE r.finished_at IS NULL),
        (SELECT min(s.next_at) FROM jobs.schedules AS s WHERE NOT s.paused),
        (SELECT coalesce(json_agg(t), '[]') FROM jobs.totals AS t);
END
$$;
REVOKE ALL ON FUNCTION jobs.look FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobs.look TO veza_jobs;
