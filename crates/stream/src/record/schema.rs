//! The tables of recordings, as diesel sees them. What they hold is said in the migrations.
#![allow(missing_docs, reason = "tables and columns carry their comments in PostgreSQL")]

diesel::table! {
    stream.recordings (tenant_id, recording_id) {
        tenant_id -> Uuid,
        recording_id -> Uuid,
        channel_id -> Uuid,
        bucket -> Text,
        container -> Text,
        tracks -> Jsonb,
        bytes -> BigInt,
        duration_ms -> BigInt,
        started_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        reason -> Nullable<Text>,
        stored_at -> Nullable<Timestamptz>,
        file_key -> Nullable<Text>,
        file_bytes -> Nullable<BigInt>,
        file_version -> Nullable<Uuid>,
        deleted_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    stream.recording_segments (tenant_id, recording_id, kind, number) {
        tenant_id -> Uuid,
        recording_id -> Uuid,
        kind -> Text,
        number -> Integer,
        header -> Integer,
        key -> Text,
        bytes -> BigInt,
        begin_ms -> BigInt,
        duration_ms -> BigInt,
        keyframe -> Bool,
    }
}
