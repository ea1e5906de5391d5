//! A tenant for one test.

use veza_core::id::uuid_v7;
use veza_core::{Caller, Clock, Principal, Random, Scopes, TenantId};

/// A tenant that no other test knows, and its owner.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TestTenant {
    /// The tenant.
    pub tenant: TenantId,
    /// A person who holds every permission.
    pub caller: Caller,
}

impl TestTenant {
    /// A tenant that exists nowhere yet.
    pub fn new(clock: &dyn Clock, random: &dyn Random) -> Self {
        let tenant = TenantId::generate(clock.now(), random);
        let person = Principal::Person(uuid_v7(clock.now(), random));
        Self { tenant, caller: Caller::verified(tenant, person, Scopes::new([Scopes::ALL])) }
    }

    /// The same person with these permissions alone.
    pub fn caller_with(&self, scopes: &[&str]) -> Caller {
        Caller::verified(self.tenant, self.caller.principal(), Scopes::new(scopes.iter().copied()))
    }
}
