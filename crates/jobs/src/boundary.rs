//! Where the rules of the tenant boundary do not fit the schema `jobs`, and why.

use veza_core::db::CatalogueException;

const fn except(object: &'static str, rule: &'static str, reason: &'static str) -> CatalogueException {
    CatalogueException { object, rule, reason }
}

const JOBS_ONLY: &str = "belongs to no tenant, and veza_app has no right to it";
const EMPTIED: &str =
    "it is read and emptied whole each second, so it is small, and an index would only cost";
const OF_PROGRAM: &str = "a program's own, the same for every tenant; veza_app may only read it";
const HOLDS: &str = "what holds everybody is everybody's to obey; it names no tenant";

/// What [`check_catalogue`](veza_core::db::check_catalogue) leaves out in the schema `jobs`.
pub const CATALOGUE_EXCEPTIONS: &[CatalogueException] = &[
    except("jobs.holds", "policy_scope", HOLDS),
    except("jobs.processes", "tenant_column", JOBS_ONLY),
    except("jobs.processes", "forced_rls", JOBS_ONLY),
    except("jobs.processes", "policy_missing", JOBS_ONLY),
    except("jobs.subscriptions", "tenant_column", OF_PROGRAM),
    except("jobs.subscriptions", "forced_rls", OF_PROGRAM),
    except("jobs.subscriptions", "policy_missing", OF_PROGRAM),
    except("jobs.totals", "tenant_column", JOBS_ONLY),
    except("jobs.totals", "forced_rls", JOBS_ONLY),
    except("jobs.totals", "policy_missing", JOBS_ONLY),
    except("jobs.deltas", "tenant_index", EMPTIED),
];
