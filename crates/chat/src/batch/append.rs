//! The statement that writes a batch. What it does is said in the migration that holds it.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{BatchTx, DbError, Query, TenantId, Timestamp};

use super::{Pending, Sent};
use crate::error::Error;

/// A batch by columns.
pub(super) struct Rows {
    tenants: Vec<TenantId>,
    rooms: Vec<Uuid>,
    senders: Vec<Uuid>,
    free: Vec<bool>,
    clients: Vec<Option<Uuid>>,
    targets: Vec<Option<i64>>,
    bodies: Vec<Arc<str>>,
}

impl Rows {
    pub(super) fn of(batch: &[Pending]) -> Self {
        Self {
            tenants: batch.iter().map(|pending| pending.place.tenant).collect(),
            rooms: batch.iter().map(|pending| pending.place.room.as_uuid()).collect(),
            senders: batch.iter().map(|pending| pending.by.as_uuid()).collect(),
            free: batch.iter().map(|pending| pending.free).collect(),
            clients: batch.iter().map(|pending| pending.client).collect(),
            targets: batch.iter().map(|pending| pending.target).collect(),
            bodies: batch.iter().map(|pending| Arc::clone(&pending.body)).collect(),
        }
    }
}

/// What became of a message.
#[derive(Debug, QueryableByName)]
pub(super) struct Appended {
    #[diesel(sql_type = Integer)]
    pub(super) place: i32,
    #[diesel(sql_type = Text)]
    outcome: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    seq: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<BigInt>)]
    messages: Option<i64>,
}

impl Appended {
    /// The same as the sender gets it, and how many messages the room has with it.
    pub(super) fn outcome(self) -> Result<(Sent, i64), Error> {
        let refused = match self.outcome.as_str() {
            "ok" | "known" => {
                let (Some(seq), Some(at)) = (self.seq, self.at) else { return Err(Error::Unknown) };
                let sent = Sent { seq, at, known: self.outcome == "known" };
                return Ok((sent, self.messages.unwrap_or(0)));
            }
            "member" => Error::NotMember,
            "reader" => Error::RoleNeeded("member"),
            "broadcast" => Error::RoleNeeded("moderator"),
            "archived" => Error::Archived,
            "target" => {
                Error::field("/reply_to", "unknown", "a message of this room that is no reply itself")
            }
            _ => Error::NotFound("room"),
        };
        Err(refused)
    }
}

/// Writes a batch.
pub(super) fn append(tx: &mut BatchTx<'_>, now: Timestamp, rows: &Rows) -> Result<Vec<Appended>, DbError> {
    let bodies: Vec<&str> = rows.bodies.iter().map(|body| &**body).collect();
    let statement = diesel::sql_query(
        "SELECT place, outcome, seq, at, messages FROM chat.append($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Array<SqlUuid>, _>(&rows.tenants)
    .bind::<Array<SqlUuid>, _>(&rows.rooms)
    .bind::<Array<SqlUuid>, _>(&rows.senders)
    .bind::<Array<Bool>, _>(&rows.free)
    .bind::<Array<Nullable<SqlUuid>>, _>(&rows.clients)
    .bind::<Array<Nullable<BigInt>>, _>(&rows.targets)
    .bind::<Array<Text>, _>(bodies);
    tx.load(statement)
}
