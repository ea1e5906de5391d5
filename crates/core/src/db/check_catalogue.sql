-- $1: the schemas to check. One SELECT per rule; see docs/design/tenant-boundary.md for the reasons.
WITH tables AS (
    SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relrowsecurity,
           c.relforcerowsecurity, c.relispartition, c.relowner, c.relacl, c.reloptions,
           (SELECT a.attnum FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull
              AND a.atttypid = 'uuid'::regtype) AS tenant_column
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY ($1)
), base AS (
    SELECT * FROM tables WHERE relkind IN ('r', 'p')
), policies AS (
    SELECT p.*, t.name AS table_name,
           EXISTS (SELECT FROM unnest(p.polroles) AS r (oid)
                   WHERE r.oid = 0 OR r.oid = (SELECT oid FROM pg_roles WHERE rolname = 'veza_app')) AS for_app,
           regexp_replace(coalesce(pg_get_expr(p.polqual, p.polrelid), ''), '\s+', ' ', 'g') AS using_text,
           regexp_replace(coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''), '\s+', ' ', 'g') AS check_text
    FROM pg_policy AS p JOIN base AS t ON t.oid = p.polrelid
), grants AS (
    SELECT t.name, t.relispartition, t.relowner, acl.grantee, acl.privilege_type
    FROM tables AS t, aclexplode(t.relacl) AS acl
    UNION
    SELECT t.name, t.relispartition, t.relowner, acl.grantee, acl.privilege_type
    FROM tables AS t JOIN pg_attribute AS a ON a.attrelid = t.oid, aclexplode(a.attacl) AS acl
), scope (text) AS (
    VALUES ('(tenant_id = ( SELECT (current_setting(''veza.tenant_id''::text))::uuid AS current_setting))')
), keys AS (
    SELECT i.indrelid, i.indexrelid::regclass::text AS name, i.indkey[0] AS leading, i.indisunique
    FROM pg_index AS i JOIN base AS t ON t.oid = i.indrelid
)
SELECT 'tenant_column' AS rule, name AS object,
       'needs a column tenant_id uuid NOT NULL' AS detail
FROM base WHERE tenant_column IS NULL
UNION ALL
SELECT 'forced_rls', name, 'needs ENABLE and FORCE ROW LEVEL SECURITY'
FROM base WHERE NOT (relrowsecurity AND relforcerowsecurity)
UNION ALL
SELECT 'policy_missing', name, 'no policy for veza_app; use core.protect_tenant_table'
FROM base WHERE NOT EXISTS (SELECT FROM policies WHERE polrelid = base.oid AND for_app)
UNION ALL
SELECT 'policy_scope', table_name, 'policy ' || polname || ' lets veza_app see more than its tenant'
FROM policies, scope
WHERE for_app AND polpermissive
  AND NOT (CASE polcmd WHEN 'a' THEN check_text = scope.text
                       WHEN 'r' THEN using_text = scope.text
                       WHEN 'd' THEN using_text = scope.text
                       ELSE using_text = scope.text AND check_text IN (scope.text, '') END)
UNION ALL
SELECT 'unique_scope', k.name, 'a unique key must begin with tenant_id'
FROM keys AS k JOIN base AS t ON t.oid = k.indrelid
WHERE k.indisunique AND t.tenant_column IS NOT NULL AND k.leading <> t.tenant_column
UNION ALL
SELECT 'tenant_index', name, 'no index begins with tenant_id'
FROM base AS t
WHERE tenant_column IS NOT NULL
  AND NOT EXISTS (SELECT FROM keys AS k WHERE k.indrelid = t.oid AND k.leading = t.tenant_column)
UNION ALL
SELECT 'composite_key', t.name || '.' || c.conname,
       'a foreign key between tenant tables must pair tenant_id with tenant_id'
FROM pg_constraint AS c
JOIN base AS t ON t.oid = c.conrelid
JOIN base AS target ON target.oid = c.confrelid
WHERE c.contype = 'f' AND t.tenant_column IS NOT NULL AND target.tenant_column IS NOT NULL
  AND NOT EXISTS (SELECT FROM unnest(c.conkey, c.confkey) AS pair (own, other)
                  WHERE pair.own = t.tenant_column AND pair.other = target.tenant_column)
UNION ALL
SELECT 'view_invoker', name, 'a view must be security_invoker; materialised views are not allowed'
FROM tables
WHERE relkind = 'm' OR (relkind = 'v' AND NOT coalesce(reloptions @> '{security_invoker=true}', false))
UNION ALL
SELECT 'foreign_table', name, 'row-level security does not reach a foreign table'
FROM tables WHERE relkind = 'f'
UNION ALL
SELECT 'grant', name, grantee::regrole || ' holds ' || privilege_type
FROM grants
WHERE privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER') AND grantee <> relowner
UNION ALL
SELECT 'public_grant', name, 'PUBLIC holds ' || privilege_type
FROM grants WHERE grantee = 0
UNION ALL
SELECT 'partition_grant', name, 'a partition must be reached through its parent only'
FROM grants WHERE relispartition AND grantee <> relowner
UNION ALL
SELECT 'owner', name, 'must be owned by veza_owner'
FROM tables WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND relowner <> 'veza_owner'::regrole
UNION ALL
SELECT 'definer_path', p.oid::regprocedure::text, 'a SECURITY DEFINER function needs a fixed search_path'
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = ANY ($1) AND p.prosecdef
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c (setting) WHERE c.setting LIKE 'search_path=%')
UNION ALL
SELECT 'comment', name, 'needs a COMMENT that says what a row is'
FROM base WHERE obj_description(oid, 'pg_class') IS NULL
ORDER BY 2, 1
