//! The schema `chat` keeps the rules of the tenant boundary.

use veza_chat::CATALOGUE_EXCEPTIONS;
use veza_core::db::Role;
use veza_testing::{DbTest, assert_tenant_boundary, db_test};

#[db_test]
async fn every_table_keeps_the_rules(t: DbTest) {
    // With the partitions of weeks, which are made while a program runs.
    t.database.superuser().execute("SET ROLE veza_jobs; SELECT chat.rotate(current_date + 30); RESET ROLE");
    assert_tenant_boundary(&t.url(Role::Owner), &["chat"], CATALOGUE_EXCEPTIONS);
}

#[db_test]
async fn weeks_come_and_go(t: DbTest) {
    let mut superuser = t.database.superuser();
    let weeks = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'chat.sends'::regclass";
    let before = superuser.count(weeks);
    superuser.execute("SELECT chat.rotate(current_date)");
    assert_eq!(superuser.count(weeks), before);
    superuser.execute("SELECT chat.rotate(current_date + 7)");
    assert_eq!(superuser.count(weeks), before + 1);
    superuser.execute("SELECT chat.rotate(current_date + 28)");
    // Those of a month ago are gone, the last two before it and three from it on are there.
    assert_eq!(superuser.count(weeks), 1 + 2 + 3);
}
