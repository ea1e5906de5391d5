//! Messages, page by page.

use diesel::sql_types::{BigInt, Nullable, Uuid as SqlUuid};
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope};

use super::{Message, Row, SELECT, find};
use crate::error::Error;
use crate::id::RoomId;
use crate::permission::UseRooms;
use crate::standing;

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Newest first.
    #[default]
    Backward,
    /// Oldest first.
    Forward,
}

/// Which messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryOf {
    /// All of the room.
    Room,
    /// Those that reply to one.
    Thread(i64),
}

/// One message.
pub fn get(
    tx: &mut impl TenantScope,
    permit: &Permit<UseRooms>,
    room: RoomId,
    seq: i64,
) -> Result<Message, Error> {
    let standing = standing::look(tx, permit, room)?;
    standing.reader()?;
    find(tx, room, standing.me, seq)
}

/// Messages, deleted ones included: they have no body. The position of a page is the number of its last message; one
/// that nobody has is as good.
pub fn history(
    tx: &mut impl TenantScope,
    permit: &Permit<UseRooms>,
    room: RoomId,
    of: HistoryOf,
    direction: Direction,
    page: &PageRequest<i64>,
) -> Result<Page<Message>, Error> {
    let standing = standing::look(tx, permit, room)?;
    standing.reader()?;
    let (compare, order) = match direction {
        Direction::Backward => ("<", "DESC"),
        Direction::Forward => (">", "ASC"),
    };
    let (thread, of) = match of {
        HistoryOf::Room => ("$6::bigint IS NULL", None),
        HistoryOf::Thread(seq) => ("e.target_seq = $6", Some(seq)),
    };
    if let Some(seq) = of {
        find(tx, room, standing.me, seq)?;
    }
    let first = if direction == Direction::Backward { i64::MAX } else { 0 };
    let sql = format!("{SELECT} AND {thread} AND e.seq {compare} $4 ORDER BY e.seq {order} LIMIT $5");
    let query = diesel::sql_query(sql)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(room)
        .bind::<SqlUuid, _>(standing.me)
        .bind::<BigInt, _>(page.after.unwrap_or(first))
        .bind::<BigInt, _>(page.fetch())
        .bind::<Nullable<BigInt>, _>(of);
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Message::from).collect(), |message: &Message| message.seq))
}
