//! The error codes of this crate, for the generated list.

use crate::fault::{CodeDoc, Kind};

const fn doc(code: &'static str, kind: Kind, meaning: &'static str) -> CodeDoc {
    CodeDoc { code, kind, meaning }
}

/// Every error code of this crate.
pub const CODES: &[CodeDoc] = &[
    doc("core.database.deadline_exceeded", Kind::Unavailable, "The work took too long; try again later."),
    doc("core.database.lock_timeout", Kind::Conflict, "Somebody else is changing the same thing; try again."),
    doc("core.database.overloaded", Kind::Unavailable, "Too much is waiting; try again after Retry-After."),
    doc("core.database.serialization_failure", Kind::Conflict, "Others changed the same thing; try again."),
    doc(
        "core.database.unavailable",
        Kind::Unavailable,
        "The database cannot be reached; try again after Retry-After.",
    ),
    doc(
        "core.idempotency.key_reused",
        Kind::Conflict,
        "The key was used for another request; use a new one.",
    ),
    doc(
        "core.idempotency.malformed",
        Kind::Invalid,
        "An Idempotency-Key has 1 to 255 visible ASCII characters.",
    ),
    doc("core.internal", Kind::Internal, "Our fault; the log has the details under the request id."),
    doc("core.not_found", Kind::NotFound, "It does not exist, or not for this caller."),
    doc(
        "core.page.invalid",
        Kind::Invalid,
        "`limit` is 1 to 200, `cursor` a `next_cursor` that this list gave.",
    ),
    doc("core.text.invalid", Kind::Invalid, "A text holds the character NUL, which cannot be kept."),
    doc("core.permission.missing", Kind::Forbidden, "The caller lacks the permission that `detail` names."),
];
