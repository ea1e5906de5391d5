-- Whoever serves tenants must not be able to pass row-level security, by itself or as a member.
SELECT 'serving_role' AS rule, current_user::text AS object,
       'database.url and database.replica_url must name veza_app, or a role with no more rights' AS detail
FROM pg_roles
WHERE rolname = current_user
  AND (rolsuper OR rolbypassrls
       OR pg_has_role(current_user, 'veza_system', 'MEMBER')
       OR pg_has_role(current_user, 'veza_jobs', 'MEMBER')
       OR pg_has_role(current_user, 'veza_owner', 'MEMBER'))
