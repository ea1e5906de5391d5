//! People who are believed what they say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;
use veza_chat::permission::{CreateRooms, UseRooms};
use veza_core::{Caller, Permission, Principal, Scopes, TenantId};

/// Somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) tenant: TenantId,
    pub(crate) number: u64,
}

impl Person {
    pub(crate) fn id(self) -> Uuid {
        Uuid::from_u128(0x1000 + u128::from(self.number))
    }

    pub(crate) fn caller(self) -> Caller {
        let scopes = Scopes::new([UseRooms::NAME, CreateRooms::NAME]);
        Caller::verified(self.tenant, Principal::Person(self.id()), scopes)
    }

    /// A token that holds for so long; [`Person::shown`] reads it.
    pub(crate) fn token(self, holds: Duration) -> String {
        let until = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + holds;
        format!("{}.{}.{}", self.tenant.as_uuid(), self.number, until.as_millis())
    }

    /// Whose token it is, if it holds.
    pub(crate) fn shown(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let tenant = TenantId::from_verified(parts.next()?.parse().ok()?);
        let number = parts.next()?.parse().ok()?;
        let until = Duration::from_millis(parts.next()?.parse().ok()?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        (now < until).then_some(Self { tenant, number })
    }
}
