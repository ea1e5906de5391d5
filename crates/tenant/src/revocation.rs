//! Credentials that hold no more: written where it is decided, known everywhere within a second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use uuid::Uuid;
use veza_core::id::uuid_v7;
use veza_core::{Db, Query, Reason, SystemTx, TenantId, TenantScope, TenantTx, Timestamp, Write};

use crate::error::Error;
use crate::id::RoleId;
use crate::schema::{memberships, revocations};

/// Whose credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// Everybody's: the organisation's state or limits changed.
    Organization,
    /// One member's.
    Person(Uuid),
    /// One session's.
    Session(Uuid),
    /// One API key's.
    ApiKey(Uuid),
}

impl Subject {
    fn parts(self, tenant: TenantId) -> (&'static str, Uuid) {
        match self {
            Self::Organization => ("organization", tenant.as_uuid()),
            Self::Person(id) => ("person", id),
            Self::Session(id) => ("session", id),
            Self::ApiKey(id) => ("api_key", id),
        }
    }

    fn from_parts(kind: &str, id: Uuid) -> Option<Self> {
        match kind {
            "organization" => Some(Self::Organization),
            "person" => Some(Self::Person(id)),
            "session" => Some(Self::Session(id)),
            "api_key" => Some(Self::ApiKey(id)),
            _ => None,
        }
    }
}

/// Revokes, within the tenant's own transaction.
pub(crate) fn record(tx: &mut TenantTx<'_>, subject: Subject) -> Result<(), Error> {
    let tenant = tx.tenant();
    insert(tx, tenant, subject)
}

/// Revokes, on behalf of the deployment.
pub(crate) fn record_for(tx: &mut SystemTx<'_>, tenant: TenantId, subject: Subject) -> Result<(), Error> {
    insert(tx, tenant, subject)
}

/// Revokes the tokens of everybody who has a role; gives who that is.
pub(crate) fn record_holders(tx: &mut TenantTx<'_>, role: RoleId) -> Result<Vec<Uuid>, Error> {
    let now = tx.clock().now();
    let insert = diesel::sql_query(
        "INSERT INTO tenant.revocations (tenant_id, revocation_id, subject_kind, subject_id, created_at)
         SELECT tenant_id, gen_random_uuid(), 'person', person_id, $1 FROM tenant.memberships
         WHERE tenant_id = $2 AND role_id = $3",
    );
    let insert = insert
        .bind::<Timestamptz, _>(now)
        .bind::<diesel::sql_types::Uuid, _>(tx.tenant())
        .bind::<diesel::sql_types::Uuid, _>(role);
    tx.execute(insert)?;
    let holders = memberships::table
        .filter(memberships::tenant_id.eq(tx.tenant()).and(memberships::role_id.eq(role)))
        .select(memberships::person_id);
    Ok(tx.load(holders)?)
}

fn insert(tx: &mut impl Write, tenant: TenantId, subject: Subject) -> Result<(), Error> {
    let (kind, id) = subject.parts(tenant);
    // Not the time at which the transaction began: it may have waited for locks since, and what was
    // issued meanwhile must be covered.
    let now = tx.clock().now();
    let row = (
        revocations::tenant_id.eq(tenant),
        revocations::revocation_id.eq(uuid_v7(now, tx.random())),
        revocations::subject_kind.eq(kind),
        revocations::subject_id.eq(id),
        revocations::created_at.eq(now),
    );
    tx.execute(diesel::insert_into(revocations::table).values(row))?;
    Ok(())
}

/// How far back each look goes, by the database's clock: transactions become visible later than they
/// began, and this is longer than any may take.
const OVERLAP: Duration = Duration::from_mins(1);

/// What this process knows of revocations.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    known: RwLock<HashMap<(TenantId, Subject), Timestamp>>,
    /// When the last look that succeeded began.
    looked: Mutex<Option<Timestamp>>,
}

impl Revocations {
    /// Whether credentials of `subject` issued at `issued` hold no more. A session and a key never
    /// come back, whatever the clocks say; a person gets new tokens with new rights.
    pub(crate) fn covers(&self, tenant: TenantId, subject: Subject, issued: Timestamp) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&(tenant, subject)).is_some_and(|revoked| match subject {
            Subject::Session(_) | Subject::ApiKey(_) => true,
            Subject::Person(_) | Subject::Organization => issued <= *revoked,
        })
    }

    /// Notes one at once, ahead of the next look; gives whether it is news.
    pub(crate) fn note(&self, tenant: TenantId, subject: Subject, at: Timestamp) -> bool {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let news = known.get(&(tenant, subject)).is_none_or(|before| *before < at);
        if news {
            // Never back: a row is older than the word of the process that wrote it.
            known.insert((tenant, subject), at);
        }
        news
    }

    fn looked(&self) -> Option<Timestamp> {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is new; gives the subjects that are news to this process. Forgets what is older
    /// than `lifetime`, which is as long as the longest-lived token that must be refused.
    pub(crate) async fn refresh(
        &self,
        db: &Db,
        lifetime: Duration,
    ) -> Result<Vec<(TenantId, Subject)>, Error> {
        let now = db.clock().now();
        // A process that was stopped, or could not ask, has as much to catch up on.
        let missed = self.looked().map_or(lifetime, |last| (now - last).to_std().unwrap_or(lifetime));
        let reach = TimeDelta::from_std(missed.min(lifetime) + OVERLAP).unwrap_or(TimeDelta::MAX);
        let rows = db
            .system(Reason("tenant.revocations"), move |tx| {
                tx.load::<(TenantId, String, Uuid, Timestamp), _>(
                    revocations::table.filter(revocations::recorded_at.gt(ago(reach))).select((
                        revocations::tenant_id,
                        revocations::subject_kind,
                        revocations::subject_id,
                        revocations::created_at,
                    )),
                )
                .map_err(Error::from)
            })
            .await?;
        let news = rows
            .into_iter()
            .filter_map(|(tenant, kind, id, at)| {
                let subject = Subject::from_parts(&kind, id)?;
                self.note(tenant, subject, at).then_some((tenant, subject))
            })
            .collect();
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let oldest = now - lifetime;
        self.known.write().unwrap_or_else(PoisonError::into_inner).retain(|_, at| *at >= oldest);
        Ok(news)
    }
}

/// So long ago, by the database's clock.
#[diesel::dsl::auto_type(no_type_alias)]
fn ago(span: TimeDelta) -> _ {
    let present: diesel::dsl::AsExprOf<diesel::dsl::now, Timestamptz> =
        diesel::dsl::now.into_sql::<Timestamptz>();
    present - span
}

/// Deletes what no token can be affected by any more.
pub(crate) fn sweep(tx: &mut SystemTx<'_>, older_than: TimeDelta) -> Result<usize, Error> {
    Ok(tx.execute(diesel::delete(revocations::table.filter(revocations::recorded_at.lt(ago(older_than)))))?)
}
