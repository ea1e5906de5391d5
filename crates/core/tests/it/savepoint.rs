//! A part of a transaction that may fail.

use veza_core::{DbError, TenantTx, Write};
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{insert, list, migrator, titles};

#[tenant_test(migrator = migrator)]
async fn a_failed_part_undoes_only_itself(t: TenantTest) {
    let closure = |tx: &mut TenantTx<'_>| {
        insert(tx, "before")?;
        let part: Result<_, DbError> = tx.savepoint(|tx| {
            insert(tx, "undone")?;
            insert(tx, "")
        });
        assert_eq!(part.unwrap_err().constraint(), Some("orders_title_length"));
        insert(tx, "after")
    };
    t.db.tenant(&t.alice.caller, closure).await.unwrap();
    assert_eq!(list(&t.db, &t.alice.caller).await, ["after", "before"]);
}

#[tenant_test(migrator = migrator)]
async fn an_error_of_the_closure_undoes_the_part_too(t: TenantTest) {
    let closure = |tx: &mut TenantTx<'_>| {
        let part: Result<(), DbError> = tx.savepoint(|tx| {
            insert(tx, "undone")?;
            Err(DbError::NotFound)
        });
        assert!(matches!(part, Err(DbError::NotFound)));
        titles(tx)
    };
    assert_eq!(t.db.tenant(&t.alice.caller, closure).await.unwrap(), [""; 0]);
}

#[tenant_test(migrator = migrator)]
async fn a_swallowed_failure_in_a_part_is_an_error(t: TenantTest) {
    let closure = |tx: &mut TenantTx<'_>| {
        let part: Result<(), DbError> = tx.savepoint(|tx| {
            insert(tx, "undone")?;
            let _swallowed = insert(tx, "");
            Ok(())
        });
        assert!(matches!(part, Err(DbError::Aborted)));
        insert(tx, "after")
    };
    t.db.tenant(&t.alice.caller, closure).await.unwrap();
    assert_eq!(list(&t.db, &t.alice.caller).await, ["after"]);
}

#[tenant_test(migrator = migrator)]
async fn parts_nest(t: TenantTest) {
    let closure = |tx: &mut TenantTx<'_>| {
        tx.savepoint(|tx| {
            insert(tx, "outer")?;
            let inner: Result<_, DbError> = tx.savepoint(|tx| insert(tx, ""));
            assert!(inner.is_err());
            tx.savepoint(|tx| insert(tx, "second inner"))
        })
    };
    let done: Result<_, DbError> = t.db.tenant(&t.alice.caller, closure).await;
    done.unwrap();
    assert_eq!(list(&t.db, &t.alice.caller).await, ["outer", "second inner"]);
}

#[tenant_test(migrator = migrator)]
async fn a_finished_part_is_undone_with_the_whole(t: TenantTest) {
    let closure = |tx: &mut TenantTx<'_>| {
        tx.savepoint(|tx| insert(tx, "undone"))?;
        Err::<(), _>(DbError::NotFound)
    };
    assert!(t.db.tenant(&t.alice.caller, closure).await.is_err());
    assert_eq!(list(&t.db, &t.alice.caller).await, [""; 0]);
}
