//! Exchanges: where events are published.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp, Write};

use crate::error::Error;
use crate::limit::within;
use crate::permission::{ManageJobs, ReadJobs};
use crate::queue::QueueName;

/// Exchanges of one tenant.
pub const MAX_EXCHANGES: i64 = 1_000;
/// Days for which an exchange can keep its events.
pub const MAX_KEEP_DAYS: u16 = 90;

/// How an exchange tells events apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum ExchangeKind {
    /// By patterns of routing keys.
    #[default]
    Topic,
    /// Not at all: all bindings get all.
    Fanout,
    /// By equal routing keys.
    Direct,
}

impl ExchangeKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Fanout => "fanout",
            Self::Direct => "direct",
        }
    }

    /// As the database has it, where it was checked before.
    pub(crate) fn stored(text: &str) -> Self {
        match text {
            "fanout" => Self::Fanout,
            "direct" => Self::Direct,
            _ => Self::Topic,
        }
    }
}

/// Where a tenant's events are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Exchange {
    /// Its name: the rule is that of queues.
    pub name: String,
    /// How it tells events apart.
    #[serde(rename = "type")]
    pub kind: ExchangeKind,
    /// For how many days its events can be replayed; 0 is not at all.
    pub keep_days: u16,
    /// Grows with each change; the ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What makes an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewExchange {
    /// 1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter.
    pub name: String,
    /// How it tells events apart.
    #[serde(rename = "type", default)]
    pub kind: ExchangeKind,
    /// For how many days its events can be replayed, 90 at most; 0 when absent: not at all.
    #[serde(default)]
    pub keep_days: u16,
}

#[derive(QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = SmallInt)]
    keep_days: i16,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Timestamptz)]
    created_at: Timestamp,
}

impl From<Row> for Exchange {
    fn from(row: Row) -> Self {
        Self {
            kind: ExchangeKind::stored(&row.kind),
            keep_days: u16::try_from(row.keep_days).unwrap_or(0),
            name: row.name,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

impl Exchange {
    /// The first moment of which events are kept.
    pub(crate) fn kept_since(&self, now: Timestamp) -> Timestamp {
        (now - TimeDelta::days(self.keep_days.into())).max(self.created_at)
    }
}

/// Makes an exchange. Until then events published to its name reach subscriptions of programs alone.
pub fn create_exchange(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    new: &NewExchange,
) -> Result<Exchange, Error> {
    check_name(&new.name)?;
    let days = days(new.keep_days)?;
    tx.one_at_a_time("jobs.exchanges")?;
    let count = "SELECT count(*) AS count FROM \
                 (SELECT FROM jobs.exchanges WHERE tenant_id = $1 LIMIT 1000) AS e";
    within(tx, diesel::sql_query(count).bind::<SqlUuid, _>(tx.tenant()), "exchange", MAX_EXCHANGES)?;
    let insert = diesel::sql_query(
        "INSERT INTO jobs.exchanges (tenant_id, name, kind, keep_days, version, created_at) \
         VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT DO NOTHING \
         RETURNING name, kind, keep_days, version, created_at",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(&new.name)
    .bind::<Text, _>(new.kind.as_str())
    .bind::<SmallInt, _>(days)
    .bind::<Timestamptz, _>(tx.now());
    let row: Option<Row> = tx.find_result(insert)?;
    row.map(Exchange::from).ok_or(Error::NameTaken("exchange"))
}

/// One exchange.
pub fn exchange(tx: &mut impl TenantScope, _: &Permit<ReadJobs>, name: &str) -> Result<Exchange, Error> {
    find(tx, name, "")
}

pub(super) fn find(tx: &mut impl TenantScope, name: &str, lock: &'static str) -> Result<Exchange, Error> {
    let sql = format!(
        "SELECT name, kind, keep_days, version, created_at FROM jobs.exchanges \
         WHERE tenant_id = $1 AND name = $2 {lock}"
    );
    let query = diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(name);
    tx.get_result::<Row, _>(query).map(Exchange::from).map_err(Error::absent("exchange"))
}

/// Exchanges by name.
pub fn exchanges(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    page: &PageRequest<String>,
) -> Result<Page<Exchange>, Error> {
    let query = diesel::sql_query(
        "SELECT name, kind, keep_days, version, created_at FROM jobs.exchanges \
         WHERE tenant_id = $1 AND ($2 IS NULL OR name > $2) ORDER BY name LIMIT $3",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Nullable<Text>, _>(page.after.as_deref())
    .bind::<BigInt, _>(page.fetch());
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Exchange::from).collect(), |exchange| exchange.name.clone()))
}

/// Changes for how many days events are kept. Those that are kept already are kept by the new number.
///
/// # Errors
/// [`Error::VersionMismatch`] when `versions` are given and its version is none of them.
pub fn update_exchange(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    name: &str,
    versions: Option<&[i64]>,
    keep_days: u16,
) -> Result<Exchange, Error> {
    changeable(tx, name, versions)?;
    let days = days(keep_days)?;
    let update = diesel::sql_query(
        "UPDATE jobs.exchanges SET keep_days = $3, version = version + 1 WHERE tenant_id = $1 AND name = $2 \
         RETURNING name, kind, keep_days, version, created_at",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(name)
    .bind::<SmallInt, _>(days);
    tx.get_result::<Row, _>(update).map(Exchange::from).map_err(Error::absent("exchange"))
}

/// Removes an exchange with its bindings and their replays. Jobs that are in queues stay there. Its kept
/// events cannot be replayed any more, also when an exchange of the same name is made later.
///
/// # Errors
/// [`Error::VersionMismatch`] when `versions` are given and its version is none of them.
pub fn remove_exchange(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    name: &str,
    versions: Option<&[i64]>,
) -> Result<(), Error> {
    changeable(tx, name, versions)?;
    let delete = diesel::sql_query("DELETE FROM jobs.exchanges WHERE tenant_id = $1 AND name = $2")
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(name);
    tx.execute(delete)?;
    Ok(())
}

/// Locks an exchange for a change, when it has one of the versions.
fn changeable(tx: &mut TenantTx<'_>, name: &str, versions: Option<&[i64]>) -> Result<(), Error> {
    let before = find(tx, name, "FOR UPDATE")?;
    if versions.is_some_and(|versions| !versions.contains(&before.version)) {
        return Err(Error::VersionMismatch);
    }
    Ok(())
}

/// Exchanges are named like queues.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let rule = "1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter";
    QueueName::new(name.to_owned()).map(drop).map_err(|_same_rule| Error::field("/name", "name", rule))
}

fn days(days: u16) -> Result<i16, Error> {
    let refused = || Error::field("/keep_days", "out_of_range", "from 0 to 90");
    i16::try_from(days.min(MAX_KEEP_DAYS + 1)).ok().filter(|_| days <= MAX_KEEP_DAYS).ok_or_else(refused)
}
