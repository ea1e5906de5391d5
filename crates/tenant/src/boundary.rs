//! Where the rules of the tenant boundary do not fit the schemas `core` and `tenant`, and why.

use veza_core::db::CatalogueException;

const fn except(object: &'static str, rule: &'static str, reason: &'static str) -> CatalogueException {
    CatalogueException { object, rule, reason }
}

const HISTORY: &str = "the schema's history belongs to no tenant and holds no tenant's data";
const PEOPLE: &str = "one person may belong to many tenants; each sees its members, by a policy of its own";
const SYSTEM_ONLY: &str = "belongs to no tenant, and veza_app has no right to it";

/// What [`check_catalogue`](veza_core::db::check_catalogue) leaves out in the schemas `core` and `tenant`.
pub const CATALOGUE_EXCEPTIONS: &[CatalogueException] = &[
    except("core.migrations", "tenant_column", HISTORY),
    except("core.migrations", "forced_rls", HISTORY),
    except("core.migrations", "policy_missing", HISTORY),
    except("tenant.organizations_slug_unique", "unique_scope", "a slug is taken for the whole deployment"),
    except("tenant.people", "tenant_column", PEOPLE),
    except("tenant.people", "policy_scope", PEOPLE),
    except("tenant.passwords", "tenant_column", SYSTEM_ONLY),
    except("tenant.passwords", "policy_missing", SYSTEM_ONLY),
    except("tenant.signing_keys", "tenant_column", SYSTEM_ONLY),
    except("tenant.signing_keys", "policy_missing", SYSTEM_ONLY),
];
