//! The tables of the schema `stream`, as diesel sees them. What they hold is said in the migrations.
#![allow(missing_docs, reason = "tables and columns carry their comments in PostgreSQL")]

diesel::table! {
    stream.channels (tenant_id, channel_id) {
        tenant_id -> Uuid,
        channel_id -> Uuid,
        name -> Text,
        description -> Nullable<Text>,
        recording -> Bool,
        take_over -> Bool,
        codecs -> Array<Text>,
        max_viewers -> Nullable<Integer>,
        max_kbps -> Nullable<Integer>,
        token_epoch -> BigInt,
        version -> BigInt,
        created_by -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    stream.sessions (tenant_id, session_id) {
        tenant_id -> Uuid,
        session_id -> Uuid,
        channel_id -> Uuid,
        kind -> Text,
        node_id -> Uuid,
        started_by -> Text,
        created_at -> Timestamptz,
        seen_at -> Timestamptz,
        connected_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
        seconds -> BigInt,
        received_bytes -> BigInt,
        sent_bytes -> BigInt,
    }
}
diesel::table! {
    stream.months (tenant_id, month) {
        tenant_id -> Uuid,
        month -> Date,
        published_seconds -> BigInt,
        watched_seconds -> BigInt,
    }
}
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
        seen_at -> Timestamptz,
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
