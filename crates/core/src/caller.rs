//! Who acts, for which tenant, with which rights.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use uuid::Uuid;

use crate::id::TenantId;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A person who signed in.
    Person(Uuid),
    /// A program with an API key.
    ApiKey(Uuid),
    /// Veza itself: a job, a schedule, an operator at the command line.
    System,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "person:{id}"),
            Self::ApiKey(id) => write!(f, "api_key:{id}"),
            Self::System => f.write_str("system"),
        }
    }
}

/// A set of permission names. `*` holds all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Arc<[Box<str>]>);

impl Scopes {
    /// The scope that includes every permission.
    pub const ALL: &'static str = "*";

    /// A set of the given names.
    pub fn new<I, S>(names: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<Box<str>>,
    {
        let mut names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        names.sort();
        names.dedup();
        Self(names.into())
    }

    /// Reads a space-separated list, as in the `scope` claim (RFC 8693 section 4.2).
    pub fn parse(text: &str) -> Self {
        Self::new(text.split_ascii_whitespace())
    }

    /// Whether `permission` is in the set.
    pub fn allows(&self, permission: &str) -> bool {
        self.has(Self::ALL) || self.has(permission)
    }

    /// Whether every permission of `other` is in this set: nobody gives away more than they have.
    pub fn covers(&self, other: &Scopes) -> bool {
        other.iter().all(|name| self.allows(name))
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    fn has(&self, name: &str) -> bool {
        self.0.binary_search_by(|held| (**held).cmp(name)).is_ok()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// A permission, as a type. Each noun declares its own:
///
/// ```
/// use veza_core::caller::Permission;
///
/// /// May invite people.
/// #[derive(Debug)]
/// pub enum InviteMembers {}
/// impl Permission for InviteMembers { const NAME: &'static str = "tenant.members.invite"; }
/// ```
pub trait Permission: fmt::Debug + Send + Sync + 'static {
    /// The name in roles, tokens and API keys: `noun.things.verb`.
    const NAME: &'static str;
}

/// Who acts, for which tenant, with which rights. The proof that a request was verified:
/// everything that touches a tenant's data asks for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    tenant: TenantId,
    principal: Principal,
    session: Option<Uuid>,
    scopes: Scopes,
}

impl Caller {
    /// A caller whose credentials were verified. The tenant crate makes them from tokens and API
    /// keys; a program with a login of its own makes them after its own check.
    pub fn verified(tenant: TenantId, principal: Principal, scopes: Scopes) -> Self {
        Self { tenant, principal, session: None, scopes }
    }

    /// Veza itself, acting for `tenant` with every permission.
    pub fn system(tenant: TenantId) -> Self {
        Self::verified(tenant, Principal::System, Scopes::new([Scopes::ALL]))
    }

    /// The same caller within a session.
    #[must_use]
    pub fn in_session(mut self, session: Uuid) -> Self {
        self.session = Some(session);
        self
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub fn principal(&self) -> Principal {
        self.principal
    }

    /// The session, when a person signed in.
    pub fn session(&self) -> Option<Uuid> {
        self.session
    }

    /// What the caller may do.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The proof that the caller holds the permission `P`, or who was refused what.
    pub fn permit<P: Permission>(&self) -> Result<Permit<P>, Forbidden> {
        if self.scopes.allows(P::NAME) {
            Ok(Permit { caller: self.clone(), permission: PhantomData })
        } else {
            Err(Forbidden { permission: P::NAME })
        }
    }
}

/// The proof that a caller holds the permission `P`. Only [`Caller::permit`] makes one, so a
/// function that asks for it cannot be called without the check.
#[derive(Debug, Clone)]
pub struct Permit<P> {
    caller: Caller,
    permission: PhantomData<fn() -> P>,
}

impl<P> Permit<P> {
    /// Who holds it.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

/// The caller lacks a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the permission {permission} is needed")]
pub struct Forbidden {
    /// The permission that is missing.
    pub permission: &'static str,
}

impl crate::fault::Fault for Forbidden {
    fn kind(&self) -> crate::fault::Kind {
        crate::fault::Kind::Forbidden
    }
    fn code(&self) -> &'static str {
        "core.permission.missing"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Read {}
    impl Permission for Read {
        const NAME: &'static str = "files.read";
    }

    fn caller(scopes: &str) -> Caller {
        Caller::verified(TenantId::from_verified(Uuid::nil()), Principal::System, Scopes::parse(scopes))
    }

    #[test]
    fn a_permit_needs_the_very_permission() {
        assert!(caller("files.read rooms.write").permit::<Read>().is_ok());
        assert!(caller("*").permit::<Read>().is_ok());
        for scopes in ["", "files", "files.reader", "files.*", "Files.read"] {
            assert_eq!(
                caller(scopes).permit::<Read>().unwrap_err(),
                Forbidden { permission: "files.read" },
                "{scopes}"
            );
        }
    }

    #[test]
    fn nobody_covers_more_than_they_have() {
        assert!(Scopes::parse("*").covers(&Scopes::parse("a b *")));
        assert!(Scopes::parse("a b").covers(&Scopes::parse("b")));
        assert!(!Scopes::parse("a b").covers(&Scopes::parse("*")));
        assert!(!Scopes::parse("a b").covers(&Scopes::parse("a c")));
        assert!(Scopes::parse("").covers(&Scopes::parse("")));
    }
}
