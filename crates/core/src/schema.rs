//! The tables of the schema `core`, as diesel sees them.

diesel::table! {
    /// What a tenant used.
    core.usage_events (tenant_id, event_id) {
        /// Whose event it is.
        tenant_id -> Uuid,
        /// Counts once.
        event_id -> Uuid,
        /// What was used.
        kind -> Text,
        /// How much.
        quantity -> BigInt,
        /// When.
        occurred_at -> Timestamptz,
    }
}

diesel::table! {
    /// Answers to creating requests.
    core.idempotency_keys (tenant_id, principal, key) {
        /// Whose request it was.
        tenant_id -> Uuid,
        /// Who asked.
        principal -> Text,
        /// What the client sent.
        key -> Text,
        /// SHA-256 of the request.
        fingerprint -> Binary,
        /// What was answered; null while the transaction is open.
        response -> Nullable<Jsonb>,
        /// When.
        created_at -> Timestamptz,
    }
}
