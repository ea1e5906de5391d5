//! Typed ids: UUID version 7 (RFC 9562), so that they sort by time of creation and tell nothing else.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::random::{Random, bytes};

/// A UUID version 7 of the moment `now`.
pub fn uuid_v7(now: Timestamp, random: &dyn Random) -> Uuid {
    let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &bytes::<10>(random)).into_uuid()
}

/// The tenant on whose behalf work is done.
///
/// Deliberately hard to make: it cannot be parsed or deserialised, so no request text becomes a
/// tenant by accident. It comes out of a verified token, a database row or a job envelope;
/// code that has verified a caller in a way of its own says so with [`TenantId::from_verified`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Uuid)]
#[serde(transparent)]
pub struct TenantId(Uuid);

impl TenantId {
    /// States that `uuid` was taken from something verified: a signature, a database row, a
    /// credential. Searching for this name finds every place where a tenant scope begins.
    pub const fn from_verified(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// A new tenant's id.
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self(uuid_v7(now, random))
    }

    /// The bare UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({})", self.0)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ToSql<sql_types::Uuid, Pg> for TenantId {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Uuid as ToSql<sql_types::Uuid, Pg>>::to_sql(&self.0, out)
    }
}

impl FromSql<sql_types::Uuid, Pg> for TenantId {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<sql_types::Uuid, Pg>>::from_sql(value).map(Self)
    }
}

/// What a [`TypedId`] names.
pub trait Noun: 'static {
    /// One word, as shown to people: `"room"`.
    const NAME: &'static str;
}

/// The id of one `N`. Ids of different nouns do not mix:
///
/// ```
/// use veza_core::id::{Noun, TypedId};
///
/// /// A room of the chat.
/// pub enum Room {}
/// impl Noun for Room { const NAME: &'static str = "room"; }
/// type RoomId = TypedId<Room>;
///
/// let id: RoomId = "018f3c5e-7b1a-7c00-8000-000000000001".parse().unwrap();
/// assert_eq!(format!("{id:?}"), "room:018f3c5e-7b1a-7c00-8000-000000000001");
/// ```
#[derive(AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Uuid)]
pub struct TypedId<N: Noun>(Uuid, PhantomData<fn() -> N>);

impl<N: Noun> TypedId<N> {
    /// Gives a UUID its noun.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// A new id, made at `now`.
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self::from_uuid(uuid_v7(now, random))
    }

    /// The bare UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl<N: Noun> Clone for TypedId<N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N: Noun> Copy for TypedId<N> {}
impl<N: Noun> PartialEq for TypedId<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<N: Noun> Eq for TypedId<N> {}
impl<N: Noun> PartialOrd for TypedId<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<N: Noun> Ord for TypedId<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<N: Noun> Hash for TypedId<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<N: Noun> fmt::Debug for TypedId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", N::NAME, self.0)
    }
}
impl<N: Noun> fmt::Display for TypedId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<N: Noun> FromStr for TypedId<N> {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::from_uuid)
    }
}
impl<N: Noun> Serialize for TypedId<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, N: Noun> Deserialize<'de> for TypedId<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}
impl<N: Noun> ToSql<sql_types::Uuid, Pg> for TypedId<N> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Uuid as ToSql<sql_types::Uuid, Pg>>::to_sql(&self.0, out)
    }
}
impl<N: Noun> FromSql<sql_types::Uuid, Pg> for TypedId<N> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<sql_types::Uuid, Pg>>::from_sql(value).map(Self::from_uuid)
    }
}
