//! No id lets a tenant see, or delete, another's recordings.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use veza_core::Query;
use veza_core::db::Role;
use veza_stream::record::Error;
use veza_testing::{DbTest, TenantTest, assert_tenant_boundary, db_test, tenant_test};

use super::*;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tenant_test]
async fn a_foreign_recording_is_one_that_does_not_exist(t: TenantTest) {
    let studio = Studio::new(&t.db).await;
    let (alice, mallory) = (&t.alice.caller, &t.mallory.caller);
    let (tap, tapped) = mpsc::sync_channel(64);
    let id = studio.recorder.start(alice, new_recording(None), tapped, |_| {}).await.unwrap();
    send(&tap, &published(1));
    drop(tap);
    studio.recorder.idle().await;
    studio.work(mallory).await;
    studio.work(alice).await;
    assert!(matches!(studio.get(mallory, id).await, Err(Error::Absent("recording"))));
    let (read, delete) = (mallory.permit().unwrap(), mallory.permit().unwrap());
    let page = PageRequest { limit: 10, after: None };
    let list = t.db.read(mallory, move |tx| record::list(tx, &read, Some(channel()), &page)).await;
    assert!(list.unwrap().items.is_empty());
    let removed = t.db.tenant(mallory, move |tx| record::remove(tx, &delete, id)).await;
    assert!(matches!(removed, Err(Error::Absent("recording"))));
    for table in ["recordings", "recording_segments"] {
        let victim = t.alice.tenant;
        let count = t.db.tenant(mallory, move |tx| {
            let sql = format!("SELECT count(*) AS count FROM stream.{table} WHERE tenant_id = $1");
            Ok::<_, Error>(
                tx.get_result::<Count, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(victim))?.count,
            )
        });
        assert_eq!(count.await.unwrap(), 0, "{table}");
    }
    // A job that names it, as mallory's own, does nothing to it.
    t.db.tenant(mallory, move |tx| {
        veza_jobs::enqueue(tx, &JoinRecording { recording: id })?;
        veza_jobs::enqueue(tx, &RemoveRecording { recording: id })?;
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    studio.work(mallory).await;
    assert!(studio.get(alice, id).await.unwrap().file.is_some());
    assert!(!studio.keys(alice, record::BUCKET).await.is_empty());
}

#[db_test]
async fn every_table_keeps_the_rules(t: DbTest) {
    assert_tenant_boundary(&t.url(Role::Owner), &["stream"], veza_stream::CATALOGUE_EXCEPTIONS);
}
