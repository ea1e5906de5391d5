-- Roles that serve must exist and must not be able to pass row-level security.
SELECT 'role_exists' AS rule, wanted.name AS object,
       'the role does not exist; run `veza migrate --admin-url …` or create it' AS detail
FROM unnest(ARRAY['veza_owner', 'veza_app', 'veza_jobs', 'veza_system']) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name)
UNION ALL
SELECT 'role_unprivileged', rolname::text,
       'a serving role must be NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION'
FROM pg_roles
WHERE rolname IN ('veza_app', 'veza_jobs', 'veza_system')
  AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication)
UNION ALL
SELECT 'role_membership', member.rolname::text,
       'a serving role must not be a member of ' || granted.rolname
FROM pg_auth_members AS edge
JOIN pg_roles AS member ON member.oid = edge.member
JOIN pg_roles AS granted ON granted.oid = edge.roleid
WHERE member.rolname IN ('veza_app', 'veza_jobs', 'veza_system')
