//! The checker of the tenant boundary: every rule fires.

use veza_core::db::{CatalogueException, check_catalogue, check_server};
use veza_testing::{DbTest, db_test};

/// A table without fault.
const GOOD: &str = "CREATE SCHEMA shop AUTHORIZATION veza_owner; SET ROLE veza_owner;
    CREATE TABLE shop.orders (tenant_id uuid, order_id uuid, PRIMARY KEY (tenant_id, order_id));
    COMMENT ON TABLE shop.orders IS 'What somebody bought.';
    SELECT core.protect_tenant_table('shop.orders');";

/// What the checker says after `sql`, as `rule object`.
fn findings(t: &DbTest, sql: &str) -> Vec<String> {
    let mut superuser = t.database.superuser();
    superuser.execute(&format!("{GOOD} {sql}; RESET ROLE"));
    let found = check_catalogue(superuser.connection(), &["shop"], &[]).unwrap();
    found.iter().map(|finding| format!("{} {}", finding.rule, finding.object)).collect()
}

/// `rule name: "sql" => [findings]`: a broken thing, and all that is said about it.
macro_rules! rules {
    ($($name:ident: $sql:expr => $expected:expr;)*) => {$(
        #[db_test]
        async fn $name(t: DbTest) {
            let expected: &[&str] = &$expected;
            assert_eq!(findings(&t, $sql), expected);
        }
    )*};
}

const SCOPE: &str = "(tenant_id = (SELECT current_setting('veza.tenant_id')::uuid))";

rules! {
    nothing_is_said_of_a_good_table: "" => [];
    a_table_without_tenant:
        "CREATE TABLE shop.colours (name text PRIMARY KEY); COMMENT ON TABLE shop.colours IS 'A colour.';
         ALTER TABLE shop.colours ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.colours FORCE ROW LEVEL SECURITY"
        => ["policy_missing shop.colours", "tenant_column shop.colours"];
    a_tenant_that_may_be_null:
        "CREATE TABLE shop.b (tenant_id uuid); CREATE INDEX ON shop.b (tenant_id);
         COMMENT ON TABLE shop.b IS 'B.'; SELECT core.protect_tenant_table('shop.b')"
        => ["tenant_column shop.b"];
    a_tenant_of_another_type:
        "CREATE TABLE shop.b (tenant_id text PRIMARY KEY); COMMENT ON TABLE shop.b IS 'B.';
         ALTER TABLE shop.b ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.b FORCE ROW LEVEL SECURITY"
        => ["policy_missing shop.b", "tenant_column shop.b"];
    policies_that_are_not_enabled: "ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY"
        => ["forced_rls shop.orders"];
    policies_that_spare_the_owner: "ALTER TABLE shop.orders NO FORCE ROW LEVEL SECURITY"
        => ["forced_rls shop.orders"];
    no_policy: "DROP POLICY tenant ON shop.orders" => ["policy_missing shop.orders"];
    a_policy_for_all_rows: "CREATE POLICY more ON shop.orders TO veza_app USING (true)"
        => ["policy_scope shop.orders"];
    a_policy_for_everybody: "CREATE POLICY more ON shop.orders FOR SELECT USING (true)"
        => ["policy_scope shop.orders"];
    a_policy_that_lets_write_anything:
        &format!("DROP POLICY tenant ON shop.orders;
                  CREATE POLICY tenant ON shop.orders TO veza_app USING {SCOPE} WITH CHECK (true)")
        => ["policy_scope shop.orders"];
    a_policy_that_is_quiet_without_a_tenant:
        "DROP POLICY tenant ON shop.orders; CREATE POLICY tenant ON shop.orders TO veza_app
         USING (tenant_id = (SELECT nullif(current_setting('veza.tenant_id', true), '')::uuid))"
        => ["policy_scope shop.orders"];
    a_restriction_on_top_is_fine: "CREATE POLICY less ON shop.orders AS RESTRICTIVE TO veza_app USING (true)"
        => [];
    a_unique_key_over_all_tenants: "ALTER TABLE shop.orders ADD CONSTRAINT one UNIQUE (order_id)"
        => ["unique_scope shop.one"];
    a_unique_expression_over_all_tenants: "CREATE UNIQUE INDEX one ON shop.orders (lower(order_id::text))"
        => ["unique_scope shop.one"];
    no_index_for_the_tenant:
        "CREATE TABLE shop.b (tenant_id uuid NOT NULL, n int); CREATE INDEX ON shop.b (n);
         COMMENT ON TABLE shop.b IS 'B.'; SELECT core.protect_tenant_table('shop.b')"
        => ["tenant_index shop.b"];
    a_foreign_key_across_tenants:
        "CREATE TABLE shop.b (tenant_id uuid NOT NULL, other uuid NOT NULL, order_id uuid,
            PRIMARY KEY (tenant_id, other), CONSTRAINT own FOREIGN KEY (tenant_id, order_id) REFERENCES shop.orders,
            CONSTRAINT crossed FOREIGN KEY (other, order_id) REFERENCES shop.orders);
         COMMENT ON TABLE shop.b IS 'B.'; SELECT core.protect_tenant_table('shop.b')"
        => ["composite_key shop.b.crossed"];
    a_view_with_its_owners_eyes: "CREATE VIEW shop.all_orders AS SELECT * FROM shop.orders"
        => ["view_invoker shop.all_orders"];
    a_view_with_the_callers_eyes_is_fine:
        "CREATE VIEW shop.all_orders WITH (security_invoker = true) AS SELECT * FROM shop.orders" => [];
    a_materialised_view: "CREATE MATERIALIZED VIEW shop.old_orders AS SELECT * FROM shop.orders"
        => ["view_invoker shop.old_orders"];
    truncate: "GRANT TRUNCATE ON shop.orders TO veza_app" => ["grant shop.orders"];
    references: "GRANT REFERENCES ON shop.orders TO veza_app" => ["grant shop.orders"];
    references_of_one_column: "GRANT REFERENCES (order_id) ON shop.orders TO veza_app" => ["grant shop.orders"];
    trigger: "GRANT TRIGGER ON shop.orders TO veza_system" => ["grant shop.orders"];
    a_grant_to_everybody: "GRANT SELECT ON shop.orders TO PUBLIC" => ["public_grant shop.orders"];
    a_column_for_everybody: "GRANT SELECT (order_id) ON shop.orders TO PUBLIC" => ["public_grant shop.orders"];
    another_owner: "RESET ROLE; ALTER TABLE shop.orders OWNER TO postgres" => ["owner shop.orders"];
    a_function_with_its_owners_rights:
        "CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"
        => ["definer_path shop.f()"];
    a_function_with_a_fixed_path_is_fine:
        "CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1'"
        => [];
    a_table_that_nobody_explains: "COMMENT ON TABLE shop.orders IS NULL" => ["comment shop.orders"];
    a_foreign_table:
        "RESET ROLE; CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
         CREATE FOREIGN TABLE shop.far (tenant_id uuid NOT NULL) SERVER nowhere;
         ALTER FOREIGN TABLE shop.far OWNER TO veza_owner"
        => ["foreign_table shop.far"];
}

#[db_test]
async fn a_partition_that_can_be_reached_by_itself(t: DbTest) {
    let partitioned = "CREATE TABLE shop.p (tenant_id uuid, n int, PRIMARY KEY (tenant_id, n)) PARTITION BY HASH (tenant_id);
        COMMENT ON TABLE shop.p IS 'P.'; SELECT core.protect_tenant_table('shop.p');
        CREATE TABLE shop.p0 PARTITION OF shop.p FOR VALUES WITH (MODULUS 1, REMAINDER 0);
        COMMENT ON TABLE shop.p0 IS 'Part of P.'; SELECT core.protect_tenant_table('shop.p0', '')";
    assert_eq!(findings(&t, partitioned), [""; 0]);
    t.database.superuser().execute("GRANT SELECT ON shop.p0 TO veza_app");
    let mut superuser = t.database.superuser();
    let found = check_catalogue(superuser.connection(), &["shop"], &[]).unwrap();
    assert_eq!(found.iter().map(|finding| &*finding.rule).collect::<Vec<_>>(), ["partition_grant"]);
}

#[db_test]
async fn a_foreign_key_to_a_table_without_tenant_is_fine(t: DbTest) {
    let mut superuser = t.database.superuser();
    superuser.execute(&format!(
        "{GOOD} CREATE TABLE shop.colours (name text PRIMARY KEY);
        CREATE TABLE shop.b (tenant_id uuid PRIMARY KEY, colour text REFERENCES shop.colours);
        COMMENT ON TABLE shop.b IS 'B.'; SELECT core.protect_tenant_table('shop.b')"
    ));
    let found = check_catalogue(superuser.connection(), &["shop"], &[]).unwrap();
    assert!(found.iter().all(|finding| finding.object == "shop.colours"), "{found:?}");
}

#[db_test]
async fn an_exception_hides_one_finding_and_must_be_needed(t: DbTest) {
    let mut superuser = t.database.superuser();
    superuser.execute(&format!("{GOOD} COMMENT ON TABLE shop.orders IS NULL"));
    let except = |rule| CatalogueException { object: "shop.orders", rule, reason: "a test" };
    let (needed, stale) = (except("comment"), except("owner"));
    let mut check = |exceptions: &[CatalogueException]| {
        check_catalogue(superuser.connection(), &["shop"], exceptions).unwrap()
    };
    assert_eq!(check(&[needed]), []);
    let found = check(&[needed, stale]);
    assert_eq!(found.iter().map(|finding| &*finding.rule).collect::<Vec<_>>(), ["stale_exception"]);
}

#[test]
fn a_serving_role_with_too_many_rights_is_named() {
    // Roles belong to a whole cluster, so this takes one of its own.
    let cluster = veza_testing::PrivateCluster::new(&veza_core::db::Migrator::veza());
    let mut superuser = cluster.database().superuser();
    assert_eq!(check_server(superuser.connection()).unwrap(), []);
    let mut said = |sql: &str, undo: &str| {
        superuser.execute(sql);
        let found = check_server(superuser.connection()).unwrap();
        superuser.execute(undo);
        found.iter().map(|finding| format!("{} {}", finding.rule, finding.object)).collect::<Vec<_>>()
    };
    for right in ["SUPERUSER", "BYPASSRLS", "CREATEROLE", "REPLICATION"] {
        let found = said(&format!("ALTER ROLE veza_app {right}"), &format!("ALTER ROLE veza_app NO{right}"));
        assert_eq!(found, ["role_unprivileged veza_app"], "{right}");
    }
    let found = said("GRANT veza_owner TO veza_system", "REVOKE veza_owner FROM veza_system");
    assert_eq!(found, ["role_membership veza_system"]);
    let found = said("ALTER ROLE veza_jobs RENAME TO gone", "ALTER ROLE gone RENAME TO veza_jobs");
    assert_eq!(found, ["role_exists veza_jobs"]);
}
