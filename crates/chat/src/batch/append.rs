//! The statement that writes a batch. What it does is said in the migration that holds it.

use std::sync::Arc;

use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryResult, Queryable, RunQueryDsl};
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
#[derive(Debug, Queryable)]
pub(super) struct Appended {
    pub(super) place: i32,
    outcome: String,
    seq: Option<i64>,
    at: Option<Timestamp>,
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
    let bodies = rows.bodies.iter().map(|body| &**body).collect();
    tx.load(Append { now, rows, bodies })
}

/// The statement. Diesel prepares one of its own making anew each time; this one once for each connection.
struct Append<'r> {
    now: Timestamp,
    rows: &'r Rows,
    bodies: Vec<&'r str>,
}

impl QueryId for Append<'_> {
    type QueryId = Append<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl diesel::query_builder::Query for Append<'_> {
    type SqlType = (Integer, Text, Nullable<BigInt>, Nullable<Timestamptz>, Nullable<BigInt>);
}

impl RunQueryDsl<PgConnection> for Append<'_> {}

impl QueryFragment<Pg> for Append<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Self { now, rows, bodies } = self;
        out.push_sql("SELECT place, outcome, seq, at, messages FROM chat.append(");
        out.push_bind_param::<Timestamptz, _>(now)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&rows.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&rows.rooms)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&rows.senders)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bool>, _>(&rows.free)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<SqlUuid>>, _>(&rows.clients)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&rows.targets)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(bodies)?;
        out.push_sql(")");
        Ok(())
    }
}
