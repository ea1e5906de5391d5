-- Rooms and their logs. Whatever happens in a room is an event with the next number of that room, given inside the
-- transaction that writes it, under the lock of the room's row: numbers have no gaps, and whoever sees one sees all
-- before it. Messages come in batches of many tenants, through chat.append; everything else in a transaction of its
-- own tenant.
CREATE SCHEMA chat;
GRANT USAGE ON SCHEMA chat TO veza_app, veza_jobs;

CREATE FUNCTION chat.share(target regclass, to_app text, to_batch text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    scope CONSTANT text := 'tenant_id = ANY ((SELECT string_to_array(current_setting(''veza.tenant_ids''), '','')::uuid[])::uuid[])';
BEGIN
    PERFORM core.protect_tenant_table(target, to_app);
    EXECUTE format('CREATE POLICY batch ON %s TO veza_jobs USING (%s) WITH CHECK (%s)', target, scope, scope);
    EXECUTE format('GRANT %s ON %s TO veza_jobs', to_batch, target);
END
$$;
COMMENT ON FUNCTION chat.share IS
    'Lets a tenant see its own rows of a table, and veza_jobs those of the tenants that veza.tenant_ids names: the '
    'senders of a batch. Unset, every access is an error.';
REVOKE ALL ON FUNCTION chat.share FROM PUBLIC;

CREATE TABLE chat.rooms (
    tenant_id uuid NOT NULL,
    room_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('public', 'private', 'direct', 'broadcast')),
    name text CHECK (char_length(name) BETWEEN 1 AND 100),
    topic text CHECK (char_length(topic) <= 1000),
    direct_key text COLLATE "C",
    last_seq bigint NOT NULL DEFAULT 0,
    messages bigint NOT NULL DEFAULT 0,
    last_message_at timestamptz,
    members integer NOT NULL DEFAULT 0 CHECK (members >= 0),
    version bigint NOT NULL DEFAULT 1,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    archived_at timestamptz,
    PRIMARY KEY (tenant_id, room_id),
    CHECK ((kind = 'direct') = (direct_key IS NOT NULL)),
    CHECK ((kind = 'direct') = (name IS NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE chat.rooms IS
    'A room. last_seq is the number of its last event, messages how many of them are messages. Both change with each '
    'batch, so neither is indexed.';
CREATE UNIQUE INDEX rooms_direct_unique ON chat.rooms (tenant_id, direct_key) WHERE direct_key IS NOT NULL;
CREATE INDEX rooms_open ON chat.rooms (tenant_id, room_id) WHERE kind IN ('public', 'broadcast') AND archived_at IS NULL;
SELECT chat.share('chat.rooms',
    'SELECT, INSERT, UPDATE (name, topic, last_seq, messages, last_message_at, members, version, updated_at, archived_at)',
    'SELECT, UPDATE (last_seq, messages, last_message_at)');

CREATE TABLE chat.members (
    tenant_id uuid NOT NULL,
    room_id uuid NOT NULL,
    member_id uuid NOT NULL,
    role text COLLATE "C" NOT NULL CHECK (role IN ('owner', 'moderator', 'member', 'reader')),
    joined_at timestamptz NOT NULL,
    read_seq bigint NOT NULL,
    read_messages bigint NOT NULL,
    PRIMARY KEY (tenant_id, room_id, member_id),
    FOREIGN KEY (tenant_id, room_id) REFERENCES chat.rooms (tenant_id, room_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE chat.members IS
    'Who belongs to a room. read_seq is the last event that they read, read_messages how many messages there were until '
    'then: the difference to the room''s is what they did not read.';
CREATE INDEX members_by_person ON chat.members (tenant_id, member_id, room_id);
SELECT chat.share('chat.members', 'SELECT, INSERT, DELETE, UPDATE (role, read_seq, read_messages)',
                  'SELECT, UPDATE (read_seq, read_messages)');

CREATE TABLE chat.events (
    tenant_id uuid NOT NULL,
    room_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    actor_id uuid NOT NULL,
    target_seq bigint,
    at timestamptz NOT NULL,
    messages bigint NOT NULL,
    body json,
    PRIMARY KEY (tenant_id, room_id, seq)
) PARTITION BY HASH (room_id);
COMMENT ON TABLE chat.events IS
    'What happened in a room, one row each. target_seq is the message that a reply answers, or that an edit, a deletion '
    'or a reaction is about; messages counts those of the room up to here. A deleted message has no body any more.';
CREATE INDEX events_by_target ON chat.events (tenant_id, room_id, target_seq, seq)
    WHERE target_seq IS NOT NULL AND kind IN ('message', 'edit');
SELECT chat.share('chat.events', 'SELECT, INSERT, UPDATE (body)', 'SELECT, INSERT');
DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format('CREATE TABLE chat.events_%s PARTITION OF chat.events FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
        EXECUTE format('ALTER TABLE chat.events_%s SET (autovacuum_vacuum_insert_scale_factor = 0.1)', part);
        EXECUTE format('COMMENT ON TABLE chat.events_%s IS ''A sixteenth of the rooms of chat.events.''', part);
        PERFORM core.protect_tenant_table(format('chat.events_%s', part), '');
    END LOOP;
END
$$;

CREATE TABLE chat.sends (
    tenant_id uuid NOT NULL,
    room_id uuid NOT NULL,
    sender_id uuid NOT NULL,
    client_id uuid NOT NULL,
    at timestamptz NOT NULL,
    seq bigint NOT NULL,
    messages bigint NOT NULL,
    PRIMARY KEY (tenant_id, room_id, sender_id, client_id, at)
) PARTITION BY RANGE (at);
COMMENT ON TABLE chat.sends IS
    'What a sender called a message, so that sending it again gives the first one. Kept for seven days at least; a '
    'partition is a week, and is dropped whole.';
SELECT chat.share('chat.sends', 'SELECT, INSERT', 'SELECT, INSERT');
CREATE TABLE chat.sends_default PARTITION OF chat.sends DEFAULT;
COMMENT ON TABLE chat.sends_default IS 'What was sent in a week without a partition of its own.';
SELECT core.protect_tenant_table('chat.sends_default', '');

CREATE TABLE chat.message_states (
    tenant_id uuid NOT NULL,
    room_id uuid NOT NULL,
    seq bigint NOT NULL,
    body json,
    edited_seq bigint,
    edited_at timestamptz,
    deleted_at timestamptz,
    replies integer NOT NULL DEFAULT 0,
    last_reply_seq bigint,
    reactions jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, room_id, seq)
) WITH (fillfactor = 70);
COMMENT ON TABLE chat.message_states IS
    'What became of a message: its newest body, its end, its replies, and how many reacted how. Messages to which nothing '
    'happened have no row.';
SELECT chat.share('chat.message_states',
    'SELECT, INSERT, UPDATE (body, edited_seq, edited_at, deleted_at, replies, last_reply_seq, reactions)',
    'SELECT, INSERT, UPDATE (replies, last_reply_seq)');

CREATE TABLE chat.reactions (
    tenant_id uuid NOT NULL,
    room_id uuid NOT NULL,
    seq bigint NOT NULL,
    emoji text COLLATE "C" NOT NULL CHECK (octet_length(emoji) BETWEEN 1 AND 64),
    member_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, room_id, seq, emoji, member_id)
);
COMMENT ON TABLE chat.reactions IS 'That somebody reacted to a message with an emoji.';
SELECT core.protect_tenant_table('chat.reactions', 'SELECT, INSERT, DELETE');

CREATE TABLE chat.last_seen (
    tenant_id uuid NOT NULL,
    member_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, member_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE chat.last_seen IS 'When somebody was connected last.';
SELECT chat.share('chat.last_seen', 'SELECT', 'SELECT, INSERT, UPDATE (at)');

-- Writes messages of any number of rooms and tenants, in their order, and says what became of each: `ok`, `known` (it
-- was sent before, and this is what it became then), `room` (no such room, or none that the sender may know of),
-- `member`, `reader`, `broadcast`, `archived` (the sender may not write there), `target` (the message replied to is none).
--
-- No two of them may have the same room, sender and client id.
CREATE FUNCTION chat.append(
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
              AND k.client_id = u.client_id AND k.at > at_time - interval '7 days'
            ORDER BY k.seq
            LIMIT 1
        ) AS k ON u.client_id IS NOT NULL
    ), numbered AS MATERIALIZED (
        SELECT j.*, j.last_seq + row_number() OVER room AS seq, j.last_message + row_number() OVER room AS message
        FROM judged AS j WHERE j.outcome = 'ok'
        WINDOW room AS (PARTITION BY j.tenant_id, j.room_id ORDER BY j.place)
    ), moved AS (
        UPDATE chat.rooms AS r SET last_seq = n.seq, messages = n.message, last_message_at = at_time
        FROM (SELECT n.tenant_id, n.room_id, max(n.seq) AS seq, max(n.message) AS message
              FROM numbered AS n GROUP BY 1, 2) AS n
        WHERE r.tenant_id = n.tenant_id AND r.room_id = n.room_id
    ), stored AS (
        INSERT INTO chat.events (tenant_id, room_id, seq, kind, actor_id, target_seq, at, messages, body)
        SELECT n.tenant_id, n.room_id, n.seq, 'message', n.sender_id, n.target, at_time, n.message, n.body::json
        FROM numbered AS n
    ), named AS (
        INSERT INTO chat.sends (tenant_id, room_id, sender_id, client_id, at, seq, messages)
        SELECT n.tenant_id, n.room_id, n.sender_id, n.client_id, at_time, n.seq, n.message
        FROM numbered AS n WHERE n.client_id IS NOT NULL
    ), answered AS (
        INSERT INTO chat.message_states AS s (tenant_id, room_id, seq, replies, last_reply_seq)
        SELECT n.tenant_id, n.room_id, n.target, count(*), max(n.seq)
        FROM numbered AS n WHERE n.target IS NOT NULL GROUP BY 1, 2, 3
        ON CONFLICT (tenant_id, room_id, seq)
        DO UPDATE SET replies = s.replies + excluded.replies, last_reply_seq = excluded.last_reply_seq
    ), read AS (
        -- Who writes has read.
        UPDATE chat.members AS m SET read_seq = n.seq, read_messages = n.message
        FROM (SELECT n.tenant_id, n.room_id, n.sender_id, max(n.seq) AS seq, max(n.message) AS message
              FROM numbered AS n GROUP BY 1, 2, 3) AS n
        WHERE m.tenant_id = n.tenant_id AND m.room_id = n.room_id AND m.member_id = n.sender_id
    )
    SELECT j.place::integer, j.outcome, coalesce(j.known_seq, n.seq), coalesce(j.known_at, at_time),
           coalesce(j.known_messages, n.message)
    FROM judged AS j LEFT JOIN numbered AS n ON n.place = j.place;
END
$$;

-- Weeks of chat.sends: makes those to come, drops those that ended more than a week ago.
CREATE FUNCTION chat.rotate(today date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    monday date := date_trunc('week', today)::date;
    week date;
    part text;
    old text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('chat.rotate')) THEN
        RETURN;
    END IF;
    FOR week IN SELECT monday + 7 * n FROM generate_series(0, 2) AS n LOOP
        part := format('sends_%s', to_char(week, 'YYYYMMDD'));
        CONTINUE WHEN to_regclass('chat.' || part) IS NOT NULL;
        EXECUTE format('CREATE TABLE chat.%I (LIKE chat.sends INCLUDING ALL)', part);
        EXECUTE format('COMMENT ON TABLE chat.%I IS %L', part, format('chat.sends of the week from %s', week));
        PERFORM core.protect_tenant_table(format('chat.%I', part)::regclass, '');
        EXECUTE format('ALTER TABLE chat.sends ATTACH PARTITION chat.%I FOR VALUES FROM (%L) TO (%L)',
                       part, week::timestamp AT TIME ZONE 'UTC', (week + 7)::timestamp AT TIME ZONE 'UTC');
    END LOOP;
    FOR old IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'chat.sends'::regclass AND c.relname ~ '^sends_[0-9]{8}$'
          AND c.relname < format('sends_%s', to_char(monday - 14, 'YYYYMMDD'))
    LOOP
        EXECUTE format('DROP TABLE chat.%I', old);
    END LOOP;
END
$$;
COMMENT ON FUNCTION chat.rotate IS 'Makes the partitions of chat.sends to come and drops those that nobody needs any more.';

REVOKE ALL ON FUNCTION chat.append, chat.rotate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.append, chat.rotate TO veza_jobs;

SELECT chat.rotate((now() AT TIME ZONE 'UTC')::date);
