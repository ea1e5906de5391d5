-- A batch costs what its messages cost, whatever its tenants have besides. PostgreSQL took the list of tenants for a
-- condition to look up in an index: once for each tenant of the batch and each message, and for the locks all rooms of
-- all these tenants. Behind coalesce it is checked for the rows that the batch asks for.
CREATE OR REPLACE FUNCTION chat.share(target regclass, to_app text, to_batch text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    scope CONSTANT text :=
        'coalesce(tenant_id = ANY ((SELECT string_to_array(current_setting(''veza.tenant_ids''), '','')::uuid[])::uuid[]), false)';
BEGIN
    PERFORM core.protect_tenant_table(target, to_app);
    EXECUTE format('CREATE POLICY batch ON %s TO veza_jobs USING (%s) WITH CHECK (%s)', target, scope, scope);
    EXECUTE format('GRANT %s ON %s TO veza_jobs', to_batch, target);
END
$$;
COMMENT ON FUNCTION chat.share IS
    'Lets a tenant see its own rows of a table, and veza_jobs those of the tenants that veza.tenant_ids names: the '
    'senders of a batch. Unset, looking at any row is an error.';

DO $$
DECLARE
    part text;
    scope CONSTANT text :=
        'coalesce(tenant_id = ANY ((SELECT string_to_array(current_setting(''veza.tenant_ids''), '','')::uuid[])::uuid[]), false)';
BEGIN
    FOREACH part IN ARRAY ARRAY['rooms', 'members', 'events', 'sends', 'message_states', 'last_seen'] LOOP
        EXECUTE format('ALTER POLICY batch ON chat.%I USING (%s) WITH CHECK (%s)', part, scope, scope);
    END LOOP;
END
$$;

-- What it does is said where it was made first. Each message goes once through what is numbered, instead of being joined
-- with all others of its batch.
CREATE OR REPLACE FUNCTION chat.append(
    at_time timestamptz, tenants uuid[], the_rooms uuid[], senders uuid[], free boolean[], clients uuid[],
    targets bigint[], bodies text[]
) RETURNS TABLE (place integer, outcome text, seq bigint, at timestamptz, messages bigint)
LANGUAGE plpgsql
SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    -- In the same order everywhere, so that no two batches wait for each other. What follows are statements of their
    -- own: their snapshots are younger than the locks.
    PERFORM FROM chat.rooms AS r
    JOIN (SELECT DISTINCT u.tenant_id, u.room_id FROM unnest(tenants, the_rooms) AS u (tenant_id, room_id)) AS u
        ON r.tenant_id = u.tenant_id AND r.room_id = u.room_id
    ORDER BY r.tenant_id, r.room_id
    FOR NO KEY UPDATE OF r;
    RETURN QUERY
    WITH judged AS MATERIALIZED (
        SELECT u.*, r.last_seq, r.messages AS last_message, k.seq AS known_seq, k.at AS known_at, k.messages AS known_messages,
               CASE WHEN k.seq IS NOT NULL THEN 'known'
                    WHEN r.room_id IS NULL THEN 'room'
                    WHEN m.role IS NULL AND NOT u.free AND r.kind IN ('private', 'direct') THEN 'room'
                    WHEN m.role IS NULL AND NOT u.free THEN 'member'
                    WHEN r.archived_at IS NOT NULL THEN 'archived'
                    WHEN m.role = 'reader' AND NOT u.free THEN 'reader'
                    WHEN r.kind = 'broadcast' AND m.role = 'member' AND NOT u.free THEN 'broadcast'
                    WHEN u.target IS NOT NULL AND NOT EXISTS (
                        SELECT FROM chat.events AS e
                        WHERE e.tenant_id = u.tenant_id AND e.room_id = u.room_id AND e.seq = u.target
                          AND e.kind = 'message' AND e.target_seq IS NULL) THEN 'target'
                    ELSE 'ok' END AS outcome
        FROM unnest(tenants, the_rooms, senders, free, clients, targets, bodies)
            WITH ORDINALITY AS u (tenant_id, room_id, sender_id, free, client_id, target, body, place)
        LEFT JOIN chat.rooms AS r ON r.tenant_id = u.tenant_id AND r.room_id = u.room_id
        LEFT JOIN chat.members AS m
            ON m.tenant_id = u.tenant_id AND m.room_id = u.room_id AND m.member_id = u.sender_id
        LEFT JOIN LATERAL (
            SELECT k.seq, k.at, k.messages FROM chat.sends AS k
            WHERE k.tenant_id = u.tenant_id AND k.room_id = u.room_id AND k.sender_id = u.sender_id
              AND k.client_id = u.client_id
              -- Weeks to come are left out; other processes' clocks may be ahead a little.
              AND k.at > at_time - interval '7 days' AND k.at < at_time + interval '1 day'
            ORDER BY k.seq
            LIMIT 1
        ) AS k ON u.client_id IS NOT NULL
    ), numbered AS MATERIALIZED (
        SELECT j.*,
               CASE WHEN j.outcome = 'ok' THEN j.last_seq + row_number() OVER room ELSE j.known_seq END AS seq,
               CASE WHEN j.outcome = 'ok' THEN j.last_message + row_number() OVER room ELSE j.known_messages END AS message
        FROM judged AS j
        WINDOW room AS (PARTITION BY j.tenant_id, j.room_id, j.outcome = 'ok' ORDER BY j.place)
    ), moved AS (
        UPDATE chat.rooms AS r SET last_seq = n.seq, messages = n.message, last_message_at = at_time
        FROM (SELECT n.tenant_id, n.room_id, max(n.seq) AS seq, max(n.message) AS message
              FROM numbered AS n WHERE n.outcome = 'ok' GROUP BY 1, 2) AS n
        WHERE r.tenant_id = n.tenant_id AND r.room_id = n.room_id
    ), stored AS (
        INSERT INTO chat.events (tenant_id, room_id, seq, kind, actor_id, target_seq, at, messages, body)
        SELECT n.tenant_id, n.room_id, n.seq, 'message', n.sender_id, n.target, at_time, n.message, n.body::json
        FROM numbered AS n WHERE n.outcome = 'ok'
    ), named AS (
        INSERT INTO chat.sends (tenant_id, room_id, sender_id, client_id, at, seq, messages)
        SELECT n.tenant_id, n.room_id, n.sender_id, n.client_id, at_time, n.seq, n.message
        FROM numbered AS n WHERE n.outcome = 'ok' AND n.client_id IS NOT NULL
    ), answered AS (
        INSERT INTO chat.message_states AS s (tenant_id, room_id, seq, replies, last_reply_seq)
        SELECT n.tenant_id, n.room_id, n.target, count(*), max(n.seq)
        FROM numbered AS n WHERE n.outcome = 'ok' AND n.target IS NOT NULL GROUP BY 1, 2, 3
        ON CONFLICT (tenant_id, room_id, seq)
        DO UPDATE SET replies = s.replies + excluded.replies, last_reply_seq = excluded.last_reply_seq
    ), read AS (
        -- Who writes has read.
        UPDATE chat.members AS m SET read_seq = n.seq, read_messages = n.message
        FROM (SELECT n.tenant_id, n.room_id, n.sender_id, max(n.seq) AS seq, max(n.message) AS message
              FROM numbered AS n WHERE n.outcome = 'ok' GROUP BY 1, 2, 3) AS n
        WHERE m.tenant_id = n.tenant_id AND m.room_id = n.room_id AND m.member_id = n.sender_id
    )
    SELECT n.place::integer, n.outcome, n.seq, coalesce(n.known_at, at_time), n.message
    FROM numbered AS n;
END
$$;
