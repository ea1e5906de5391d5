//! Nobody reaches another tenant's rooms.

use veza_chat::member::{self, Role};
use veza_chat::message::{self, Body};
use veza_chat::room::{self, RoomChange, RoomKind};
use veza_chat::{ChatConfig, Error};
use veza_core::{BatchTx, DbError, Reason, TenantTx, Write};
use veza_testing::{TenantTest, tenant_test};

use crate::rig::{chat, get, id, log, manager, permit, person, room, send};

#[tenant_test]
async fn a_foreign_room_is_like_none(t: TenantTest) {
    let (ada, eve) = (person(t.alice.tenant, 1), manager(t.mallory.tenant, 1));
    let chat = chat(&t.db);
    let hers = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let seq = send(&chat, &ada, hers, "hers").await.unwrap().seq;
    let before = log(&t.db, &ada, hers).await;
    assert!(matches!(get(&t.db, &eve, hers).await, Err(Error::NotFound("room"))));
    assert!(matches!(send(&chat, &eve, hers, "x").await, Err(Error::NotFound("room"))));
    let attack = |what: usize| {
        let (permit, who, config) = (permit(&eve), id(&eve), ChatConfig::default());
        t.db.tenant(&eve, move |tx: &mut TenantTx<'_>| match what {
            0 => member::join(tx, &permit, &config, hers).map(drop),
            1 => member::add_member(tx, &permit, &config, hers, who, Role::Owner).map(drop),
            2 => member::read(tx, &permit, hers, seq).map(drop),
            3 => message::delete(tx, &permit, hers, seq).map(drop),
            4 => message::edit(tx, &permit, &config, hers, seq, &Body::text("x")).map(drop),
            5 => message::react(tx, &permit, hers, seq, "x").map(drop),
            6 => veza_chat::events(tx, &permit, hers, 0, 10).map(drop),
            _ => room::update(tx, &permit, hers, None, &RoomChange::default()).map(drop),
        })
    };
    for what in 0..8 {
        let refused = attack(what).await;
        assert!(matches!(refused, Err(Error::NotFound("room"))), "{what}: {refused:?}");
    }
    assert_eq!(log(&t.db, &ada, hers).await, before);
}

/// A batch sees the tenants whose senders are in it, and no others.
#[tenant_test]
async fn a_batch_reaches_only_the_tenants_it_was_opened_for(t: TenantTest) {
    let ada = person(t.alice.tenant, 1);
    let hers = room(&t.db, RoomKind::Public, &ada, &[]).await.id;
    let touch = move |tx: &mut BatchTx<'_>| {
        tx.execute(diesel::sql_query(format!(
            "UPDATE chat.rooms SET last_seq = last_seq WHERE room_id = '{hers}'"
        )))
    };
    let reason = Reason("test");
    let touched: Result<usize, DbError> = t.db.batch(reason, &[t.mallory.tenant], touch).await;
    assert_eq!(touched.unwrap(), 0);
    let touched: Result<usize, DbError> =
        t.db.batch(reason, &[t.mallory.tenant, t.alice.tenant], touch).await;
    assert_eq!(touched.unwrap(), 1);
    let nobody: Result<usize, DbError> = t.db.batch(reason, &[], touch).await;
    assert_eq!(nobody.unwrap_or(0), 0);
}

/// One batch of many tenants mixes nothing up.
#[tenant_test]
async fn tenants_in_one_batch_get_their_own(t: TenantTest) {
    let (ada, eve) = (person(t.alice.tenant, 1), person(t.mallory.tenant, 1));
    let chat = chat(&t.db);
    let hers = room(&t.db, RoomKind::Public, &ada, &[]).await;
    let theirs = room(&t.db, RoomKind::Public, &eve, &[]).await;
    let sends = (0..100).map(|number| {
        let (who, room, word) =
            if number % 2 == 0 { (&ada, hers.id, "ada") } else { (&eve, theirs.id, "eve") };
        let chat = chat.clone();
        async move { send(&chat, who, room, &format!("{word} {number}")).await.unwrap() }
    });
    futures_util::future::join_all(sends).await;
    for (who, room, word) in [(&ada, &hers, "ada"), (&eve, &theirs, "eve")] {
        let log = log(&t.db, who, room.id).await;
        let messages: Vec<_> = log.iter().filter_map(|event| event.body.as_deref()).skip(2).collect();
        assert_eq!(messages.len(), 50);
        assert!(messages.iter().all(|body| body.contains(word)));
    }
}
