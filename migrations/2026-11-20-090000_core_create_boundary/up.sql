-- The tenant boundary as two functions, so that every table is protected in the same words.

CREATE FUNCTION core.protect_tenant_table(target regclass, privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE')
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    scope CONSTANT text := 'tenant_id = (SELECT current_setting(''veza.tenant_id'')::uuid)';
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant ON %s TO veza_app USING (%s) WITH CHECK (%s)', target, scope, scope);
    IF privileges <> '' THEN
        EXECUTE format('GRANT %s ON %s TO veza_app', privileges, target);
    END IF;
END
$$;
COMMENT ON FUNCTION core.protect_tenant_table IS
    'Forces row-level security on a table with a tenant_id and lets veza_app see the rows of the tenant that '
    'veza.tenant_id names. Unset, every access is an error.';

CREATE FUNCTION core.allow_system(target regclass, privileges text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY system ON %s TO veza_system USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT %s ON %s TO veza_system', privileges, target);
END
$$;
COMMENT ON FUNCTION core.allow_system IS
    'Lets veza_system reach a table across tenants, with the privileges named and no others.';

REVOKE ALL ON FUNCTION core.protect_tenant_table, core.allow_system FROM PUBLIC;
