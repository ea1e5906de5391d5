//! The tables of the schema `tenant`, as diesel sees them. What they hold is said in the migrations.
#![allow(missing_docs, reason = "tables and columns carry their comments in PostgreSQL")]

diesel::table! {
    tenant.organizations (tenant_id) {
        tenant_id -> Uuid,
        slug -> Text,
        name -> Text,
        state -> Text,
        state_reason -> Nullable<Text>,
        metadata -> Jsonb,
        settings -> Jsonb,
        requests_per_minute -> Nullable<Integer>,
        max_members -> Nullable<Integer>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    tenant.people (person_id) {
        person_id -> Uuid,
        email -> Text,
        email_key -> Text,
        name -> Text,
        verified_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
diesel::table! {
    tenant.passwords (person_id) {
        person_id -> Uuid,
        hash -> Text,
        updated_at -> Timestamptz,
    }
}
diesel::table! {
    tenant.roles (tenant_id, role_id) {
        tenant_id -> Uuid,
        role_id -> Uuid,
        name -> Text,
        permissions -> Array<Text>,
        builtin -> Bool,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
diesel::table! {
    tenant.memberships (tenant_id, person_id) {
        tenant_id -> Uuid,
        person_id -> Uuid,
        role_id -> Uuid,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
diesel::table! {
    tenant.invitations (tenant_id, invitation_id) {
        tenant_id -> Uuid,
        invitation_id -> Uuid,
        email -> Text,
        email_key -> Text,
        role_id -> Nullable<Uuid>,
        role_name -> Text,
        invited_by -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        accepted_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    tenant.sessions (tenant_id, session_id) {
        tenant_id -> Uuid,
        session_id -> Uuid,
        person_id -> Uuid,
        user_agent -> Nullable<Text>,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    tenant.refresh_tokens (tenant_id, token_hash) {
        tenant_id -> Uuid,
        token_hash -> Binary,
        session_id -> Uuid,
        created_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    tenant.api_keys (tenant_id, key_id) {
        tenant_id -> Uuid,
        key_id -> Uuid,
        name -> Text,
        hint -> Text,
        secret_hash -> Binary,
        scopes -> Array<Text>,
        created_by -> Text,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    tenant.revocations (tenant_id, revocation_id) {
        tenant_id -> Uuid,
        revocation_id -> Uuid,
        subject_kind -> Text,
        subject_id -> Uuid,
        created_at -> Timestamptz,
        recorded_at -> Timestamptz,
    }
}
diesel::table! {
    tenant.signing_keys (key_id) {
        key_id -> Text,
        public_key -> Binary,
        sealed_private_key -> Binary,
        created_at -> Timestamptz,
        signs_from -> Timestamptz,
        signs_until -> Timestamptz,
    }
}
diesel::table! {
    tenant.mails (tenant_id, mail_id) {
        tenant_id -> Uuid,
        mail_id -> Uuid,
        invitation_id -> Uuid,
        attempts -> Integer,
        due_at -> Timestamptz,
        last_error -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::joinable!(memberships -> people (person_id));
diesel::allow_tables_to_appear_in_same_query!(
    organizations,
    people,
    passwords,
    roles,
    memberships,
    invitations,
    sessions,
    refresh_tokens,
    api_keys,
    mails,
);
