use veza_core::db::{CatalogueException, Role};
use veza_testing::{DbTest, assert_tenant_boundary, db_test};

const SHOP: &str = "CREATE SCHEMA shop AUTHORIZATION veza_owner; SET ROLE veza_owner;
    CREATE TABLE shop.orders (tenant_id uuid, order_id uuid, PRIMARY KEY (tenant_id, order_id));
    COMMENT ON TABLE shop.orders IS 'What somebody bought.';
    SELECT core.protect_tenant_table('shop.orders');";

#[db_test]
async fn a_protected_table_passes(t: DbTest) {
    t.database.superuser().execute(SHOP);
    assert_tenant_boundary(&t.url(Role::Owner), &["shop"], &[]);
}

#[db_test]
#[should_panic(expected = "shop.orders [forced_rls]")]
async fn an_open_table_is_named(t: DbTest) {
    t.database.superuser().execute(SHOP);
    t.database.superuser().execute("ALTER TABLE shop.orders NO FORCE ROW LEVEL SECURITY");
    assert_tenant_boundary(&t.url(Role::Owner), &["shop"], &[]);
}

#[db_test]
#[should_panic(expected = "stale_exception")]
async fn an_exception_that_excepts_nothing_is_named(t: DbTest) {
    t.database.superuser().execute(SHOP);
    let exception = CatalogueException { object: "shop.orders", rule: "comment", reason: "none" };
    assert_tenant_boundary(&t.url(Role::Owner), &["shop"], &[exception]);
}
