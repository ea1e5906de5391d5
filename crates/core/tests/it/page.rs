//! A list in pages, over real rows.

use diesel::prelude::*;
use uuid::Uuid;
use veza_core::page::{Page, PageRequest};
use veza_core::{Caller, Db, DbError, Query};
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{insert, insert_as, migrator, orders};

type Request = PageRequest<(String, Uuid)>;

async fn page(db: &Db, caller: &Caller, limit: u32, cursor: Option<&str>) -> Page<(String, Uuid)> {
    let request = Request::new(Some(limit), cursor).unwrap();
    let closure = move |tx: &mut veza_core::ReadTx<'_>| {
        let mut query = orders::table
            .select((orders::title, orders::order_id))
            .order((orders::title, orders::order_id))
            .limit(request.fetch())
            .into_boxed();
        if let Some((title, order)) = &request.after {
            let later = orders::title.gt(title).or(orders::title.eq(title).and(orders::order_id.gt(order)));
            query = query.filter(later);
        }
        let rows = tx.load(query)?;
        Ok::<_, DbError>(Page::new(&request, rows, Clone::clone))
    };
    db.read(caller, closure).await.unwrap()
}

async fn walk(t: &TenantTest, limit: u32) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        let page = page(&t.db, &t.alice.caller, limit, cursor.as_deref()).await;
        pages.push(page.items.into_iter().map(|(title, _)| title).collect());
        cursor = page.next_cursor;
        if cursor.is_none() {
            return pages;
        }
    }
}

#[tenant_test(migrator = migrator)]
async fn pages_give_every_row_once(t: TenantTest) {
    // Equal titles: the id decides.
    let fill = |tx: &mut veza_core::TenantTx<'_>| {
        ["a", "b", "b", "b", "c", "ü"].iter().try_for_each(|title| insert(tx, title).map(drop))
    };
    t.db.tenant(&t.alice.caller, fill).await.unwrap();
    assert_eq!(walk(&t, 2).await, [["a", "b"], ["b", "b"], ["c", "ü"]]);
    assert_eq!(walk(&t, 4).await, [vec!["a", "b", "b", "b"], vec!["c", "ü"]]);
    assert_eq!(walk(&t, 6).await, [["a", "b", "b", "b", "c", "ü"]]);
    assert_eq!(walk(&t, 200).await.len(), 1);
}

#[tenant_test(migrator = migrator)]
async fn an_empty_list_is_one_empty_page(t: TenantTest) {
    assert_eq!(walk(&t, 2).await, [[""; 0]]);
}

#[tenant_test(migrator = migrator)]
async fn a_row_that_comes_or_goes_shifts_no_page(t: TenantTest) {
    let fill = |tx: &mut veza_core::TenantTx<'_>| {
        ["b", "d", "f", "h"].iter().try_for_each(|x| insert(tx, x).map(drop))
    };
    t.db.tenant(&t.alice.caller, fill).await.unwrap();
    let first = page(&t.db, &t.alice.caller, 2, None).await;
    t.db.tenant(&t.alice.caller, |tx| insert(tx, "a")).await.unwrap();
    let second = page(&t.db, &t.alice.caller, 2, first.next_cursor.as_deref()).await;
    let titles: Vec<_> = second.items.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, ["f", "h"]);
}

#[tenant_test(migrator = migrator)]
async fn anothers_cursor_opens_nothing(t: TenantTest) {
    let tenant = t.mallory.tenant;
    let fill = move |tx: &mut veza_core::TenantTx<'_>| {
        (1..=3).try_for_each(|n| insert_as(tx, tenant, Uuid::from_u128(n), "canary"))
    };
    t.db.tenant(&t.mallory.caller, fill).await.unwrap();
    let hers = page(&t.db, &t.mallory.caller, 1, None).await;
    let mine = page(&t.db, &t.alice.caller, 1, hers.next_cursor.as_deref()).await;
    assert_eq!(mine.items, []);
}
