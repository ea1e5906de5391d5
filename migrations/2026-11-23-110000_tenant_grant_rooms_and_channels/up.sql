-- Organisations that were made before there were rooms and channels get the permissions that new ones begin with. Members get
-- them with their next access token. The owner sees all roles for that moment; nobody can change built-in ones meanwhile.
ALTER TABLE tenant.roles NO FORCE ROW LEVEL SECURITY;
WITH granted (role, place, permission) AS (
    VALUES ('admin', 1, 'chat.rooms.create'),
           ('admin', 2, 'chat.rooms.manage'),
           ('admin', 3, 'chat.rooms.use'),
           ('admin', 4, 'stream.channels.manage'),
           ('admin', 5, 'stream.channels.publish'),
           ('admin', 6, 'stream.channels.read'),
           ('admin', 7, 'stream.channels.watch'),
           ('admin', 8, 'stream.recordings.delete'),
           ('admin', 9, 'stream.recordings.read'),
           ('admin', 10, 'stream.tokens.create'),
           ('member', 1, 'chat.rooms.create'),
           ('member', 2, 'chat.rooms.use'),
           ('member', 3, 'stream.channels.read'),
           ('member', 4, 'stream.channels.watch'),
           ('member', 5, 'stream.recordings.read')
), missing AS (
    SELECT r.tenant_id, r.role_id, array_agg(g.permission ORDER BY g.place) AS permissions
    FROM tenant.roles AS r
    JOIN granted AS g ON g.role = r.name
    WHERE r.builtin AND g.permission <> ALL (r.permissions)
    GROUP BY r.tenant_id, r.role_id
)
UPDATE tenant.roles AS r
SET permissions = r.permissions || m.permissions, version = r.version + 1, updated_at = now()
FROM missing AS m
WHERE r.tenant_id = m.tenant_id AND r.role_id = m.role_id;
ALTER TABLE tenant.roles FORCE ROW LEVEL SECURITY;
