//! The tables of the schema `storage`, as diesel sees them. What they hold is said in the migrations.
#![allow(missing_docs, reason = "tables and columns carry their comments in PostgreSQL")]

diesel::table! {
    storage.buckets (tenant_id, bucket_id) {
        tenant_id -> Uuid,
        bucket_id -> Uuid,
        name -> Text,
        access -> Text,
        versioning -> Bool,
        encryption -> Bool,
        max_object_bytes -> Nullable<BigInt>,
        allowed_types -> Array<Text>,
        cors -> Jsonb,
        purge_url -> Nullable<Text>,
        retention_mode -> Nullable<Text>,
        retention_days -> Nullable<Integer>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    storage.tenant_keys (tenant_id, key_id) {
        tenant_id -> Uuid,
        key_id -> Uuid,
        root_id -> Text,
        wrapped -> Nullable<Binary>,
        current -> Bool,
        created_at -> Timestamptz,
        dropped_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    storage.signing_keys (tenant_id) {
        tenant_id -> Uuid,
        key_id -> Uuid,
        root_id -> Text,
        wrapped -> Binary,
        created_at -> Timestamptz,
    }
}
diesel::table! {
    storage.contents (tenant_id, content_id) {
        tenant_id -> Uuid,
        content_id -> Uuid,
        backend -> Text,
        state -> Text,
        size -> BigInt,
        etag -> Nullable<Text>,
        sha256 -> Nullable<Binary>,
        crc32c -> Nullable<Integer>,
        crc64nvme -> Nullable<BigInt>,
        key_id -> Nullable<Uuid>,
        wrapped_key -> Nullable<Binary>,
        due_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        tier -> Text,
    }
}
diesel::table! {
    storage.blobs (tenant_id, blob_id) {
        tenant_id -> Uuid,
        blob_id -> Uuid,
        content_id -> Uuid,
        number -> Integer,
        state -> Text,
        size -> BigInt,
        header -> Nullable<Binary>,
        sha256 -> Nullable<Binary>,
        crc32c -> Nullable<Integer>,
        crc64nvme -> Nullable<BigInt>,
        due_at -> Nullable<Timestamptz>,
        removed -> Bool,
    }
}
diesel::table! {
    storage.versions (tenant_id, version_id) {
        tenant_id -> Uuid,
        version_id -> Uuid,
        bucket_id -> Uuid,
        key -> Text,
        content_id -> Uuid,
        content_type -> Text,
        headers -> Jsonb,
        metadata -> Jsonb,
        tags -> Jsonb,
        created_by -> Text,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
        retention_mode -> Nullable<Text>,
        retain_until -> Nullable<Timestamptz>,
        legal_hold -> Bool,
    }
}
diesel::table! {
    storage.objects (tenant_id, bucket_id, key) {
        tenant_id -> Uuid,
        bucket_id -> Uuid,
        key -> Text,
        version_id -> Uuid,
    }
}
diesel::table! {
    storage.usage (tenant_id) {
        tenant_id -> Uuid,
        used_bytes -> BigInt,
        reserved_bytes -> BigInt,
        limit_bytes -> Nullable<BigInt>,
    }
}
diesel::table! {
    storage.uploads (tenant_id, upload_id) {
        tenant_id -> Uuid,
        upload_id -> Uuid,
        bucket_id -> Uuid,
        key -> Text,
        content_id -> Uuid,
        protocol -> Text,
        length -> Nullable<BigInt>,
        received -> BigInt,
        fence -> BigInt,
        partial -> Bool,
        options -> Jsonb,
        version_id -> Nullable<Uuid>,
        created_by -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}
diesel::table! {
    storage.lifecycles (tenant_id, bucket_id) {
        tenant_id -> Uuid,
        bucket_id -> Uuid,
        rules -> Jsonb,
        version -> BigInt,
        run_at -> Timestamptz,
        ran_at -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
    }
}
diesel::allow_tables_to_appear_in_same_query!(
    buckets,
    contents,
    blobs,
    versions,
    objects,
    lifecycles,
    tenant_keys,
    signing_keys
);
