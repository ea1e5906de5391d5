//! What is due by a rule, out of rows alone.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{TenantId, TenantScope};

use super::Rule;
use crate::Error;
use crate::id::BucketId;

/// Bytes below which a content stays where it is: services count as many for less in their cold tiers.
pub(super) const SMALLEST: i64 = 128 * 1024;

/// What happens to what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Objects are deleted.
    Expire,
    /// Versions that are not current are deleted.
    Noncurrent,
    /// Uploads are ended.
    Abort,
    /// Contents are moved.
    Cold,
}

impl Action {
    pub(super) const ALL: [Self; 4] = [Self::Expire, Self::Noncurrent, Self::Abort, Self::Cold];

    /// How old what is due must be; none when the rule does not say.
    pub(super) fn age(self, rule: &Rule) -> Option<TimeDelta> {
        let days = match self {
            Self::Expire => rule.expire_after_days,
            Self::Noncurrent => rule.noncurrent.map(|noncurrent| noncurrent.after_days.unwrap_or(0)),
            Self::Abort => rule.abort_uploads_after_days,
            Self::Cold => rule.cold.map(|cold| cold.after_days),
        };
        days.map(|days| TimeDelta::days(days.into()))
    }

    /// All that is due, but for the order: an id, a key, the moment that its age counts from, its bytes.
    const fn sql(self) -> &'static str {
        match self {
            Self::Expire => {
                "SELECT v.version_id AS id, v.key, v.created_at AS at, c.size \
                 FROM storage.versions AS v JOIN storage.contents AS c USING (tenant_id, content_id) \
                 WHERE v.tenant_id = $1 AND v.bucket_id = $2 AND v.ended_at IS NULL AND v.created_at <= $3 \
                   AND (v.created_at, v.version_id) > ($4, $5) AND v.key >= $6 AND ($7 IS NULL OR v.key < $7) \
                   AND ($8 OR NOT v.legal_hold AND (v.retain_until IS NULL OR v.retain_until <= least($9, now()))) AND $10 >= 0"
            }
            Self::Noncurrent => {
                "SELECT v.version_id AS id, v.key, v.ended_at AS at, c.size \
                 FROM storage.versions AS v JOIN storage.contents AS c USING (tenant_id, content_id) \
                 WHERE v.tenant_id = $1 AND v.bucket_id = $2 AND v.ended_at IS NOT NULL AND v.deleted_at IS NULL \
                   AND v.ended_at <= $3 AND (v.ended_at, v.version_id) > ($4, $5) \
                   AND v.key >= $6 AND ($7 IS NULL OR v.key < $7) AND $8 IS NOT NULL \
                   AND NOT v.legal_hold AND (v.retain_until IS NULL OR v.retain_until <= least($9, now())) \
                   AND ($10 = 0 OR (SELECT count(*) FROM \
                        (SELECT FROM storage.versions AS n WHERE n.tenant_id = v.tenant_id AND n.bucket_id = v.bucket_id \
                           AND n.key = v.key AND n.version_id > v.version_id AND n.ended_at IS NOT NULL \
                           AND n.deleted_at IS NULL LIMIT $10) AS newer) >= $10)"
            }
            Self::Abort => {
                "SELECT u.upload_id AS id, u.key, u.created_at AS at, u.received AS size FROM storage.uploads AS u \
                 WHERE u.tenant_id = $1 AND u.bucket_id = $2 AND u.version_id IS NULL AND u.created_at <= $3 \
                   AND (u.created_at, u.upload_id) > ($4, $5) AND u.key >= $6 AND ($7 IS NULL OR u.key < $7) \
                   AND $8 IS NOT NULL AND $9 IS NOT NULL AND $10 >= 0"
            }
            Self::Cold => {
                "SELECT c.content_id AS id, v.key, c.created_at AS at, c.size FROM storage.contents AS c, LATERAL \
                   (SELECT v.key FROM storage.versions AS v WHERE v.tenant_id = c.tenant_id AND v.content_id = c.content_id \
                      AND v.bucket_id = $2 AND v.deleted_at IS NULL AND v.key >= $6 AND ($7 IS NULL OR v.key < $7) LIMIT 1) AS v \
                 WHERE c.tenant_id = $1 AND c.state = 'live' AND c.tier = 'hot' AND c.created_at <= $3 \
                   AND (c.created_at, c.content_id) > ($4, $5) AND $8 IS NOT NULL AND $9 IS NOT NULL AND c.size >= $10"
            }
        }
    }
}

/// Where a look goes on: behind this moment and id.
pub(super) type Cursor = (DateTime<Utc>, Uuid);

/// A look for what is due.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) bucket: BucketId,
    /// The version of the rules, as long as which they hold.
    pub(super) version: i64,
    /// Whether the bucket keeps what expires as versions, so that retention is no obstacle.
    pub(super) versioning: bool,
    pub(super) action: Action,
    pub(super) prefix: String,
    /// The first key behind all with the prefix.
    pub(super) behind: Option<String>,
    pub(super) keep: i32,
    /// What is older than this is due.
    pub(super) before: DateTime<Utc>,
    pub(super) after: Cursor,
    pub(super) limit: i64,
}

#[derive(Debug, Clone, QueryableByName)]
pub(super) struct Due {
    #[diesel(sql_type = SqlUuid)]
    pub(super) id: Uuid,
    #[diesel(sql_type = Text)]
    pub(super) key: String,
    #[diesel(sql_type = Timestamptz)]
    pub(super) at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Behind {
    #[diesel(sql_type = Nullable<Text>)]
    behind: Option<String>,
}

impl Look {
    /// A look for what a rule says about an action, from the oldest on; none when it says nothing.
    pub(super) fn new(
        tx: &mut impl TenantScope,
        bucket: &crate::bucket::Bucket,
        (rule, version): (&Rule, i64),
        action: Action,
        limit: i64,
    ) -> Result<Option<Self>, Error> {
        let Some(age) = action.age(rule).filter(|_| rule.enabled) else { return Ok(None) };
        let behind = diesel::sql_query("SELECT storage.behind_prefix($1) AS behind");
        let Behind { behind } = tx.get_result(behind.bind::<Text, _>(&rule.prefix))?;
        Ok(Some(Self {
            bucket: bucket.id,
            version,
            versioning: bucket.settings.versioning,
            action,
            prefix: rule.prefix.clone(),
            behind,
            keep: rule.noncurrent.and_then(|noncurrent| noncurrent.keep).unwrap_or(0),
            before: tx.now() - age,
            after: (DateTime::UNIX_EPOCH, Uuid::nil()),
            limit,
        }))
    }

    /// The statement, with what stands around the part that finds.
    fn statement(&self, tenant: TenantId, now: DateTime<Utc>, front: &str, end: &str) -> Statement {
        let statement = diesel::sql_query(format!("{front}{}{end}", self.action.sql())).into_boxed();
        // What the number is about depends on the action: versions to keep, or the fewest bytes.
        let number = if self.action == Action::Cold { SMALLEST } else { self.keep.into() };
        statement
            .bind::<SqlUuid, _>(tenant)
            .bind::<SqlUuid, _>(self.bucket)
            .bind::<Timestamptz, _>(self.before)
            .bind::<Timestamptz, _>(self.after.0)
            .bind::<SqlUuid, _>(self.after.1)
            .bind::<Text, _>(self.prefix.clone())
            .bind::<Nullable<Text>, _>(self.behind.clone())
            .bind::<Bool, _>(self.versioning)
            .bind::<Timestamptz, _>(now)
            .bind::<BigInt, _>(number)
            .bind::<BigInt, _>(self.limit)
    }

    /// What is due, oldest first.
    pub(super) fn due(&self, tx: &mut impl TenantScope) -> Result<Vec<Due>, Error> {
        let statement = self.statement(tx.tenant(), tx.now(), "", " ORDER BY 3, 1 LIMIT $11");
        Ok(tx.load(statement)?)
    }

    /// How much that is, at most as many as the limit, and some of the keys.
    pub(super) fn sum(&self, tx: &mut impl TenantScope, keys: i32) -> Result<Summed, Error> {
        let front = "SELECT count(*) AS count, coalesce(sum(size), 0)::bigint AS bytes, \
                     coalesce((array_agg(key))[:$12], '{}') AS keys FROM (";
        let statement = self.statement(tx.tenant(), tx.now(), front, " ORDER BY 3, 1 LIMIT $11) AS due");
        Ok(tx.get_result(statement.bind::<Integer, _>(keys))?)
    }
}

#[derive(Debug, QueryableByName)]
pub(super) struct Summed {
    #[diesel(sql_type = BigInt)]
    pub(super) count: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) bytes: i64,
    #[diesel(sql_type = diesel::sql_types::Array<Text>)]
    pub(super) keys: Vec<String>,
}

type Statement = BoxedSqlQuery<'static, Pg, SqlQuery>;
