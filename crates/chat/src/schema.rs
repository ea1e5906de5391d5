//! The tables of the schema `chat`, as diesel sees them. What they hold is said in the migration.
#![allow(missing_docs, reason = "tables and columns carry their comments in PostgreSQL")]

diesel::table! {
    chat.rooms (tenant_id, room_id) {
        tenant_id -> Uuid,
        room_id -> Uuid,
        kind -> Text,
        name -> Nullable<Text>,
        topic -> Nullable<Text>,
        direct_key -> Nullable<Text>,
        last_seq -> BigInt,
        messages -> BigInt,
        last_message_at -> Nullable<Timestamptz>,
        members -> Integer,
        version -> BigInt,
        created_by -> Uuid,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        archived_at -> Nullable<Timestamptz>,
    }
}
diesel::table! {
    chat.members (tenant_id, room_id, member_id) {
        tenant_id -> Uuid,
        room_id -> Uuid,
        member_id -> Uuid,
        role -> Text,
        joined_at -> Timestamptz,
        read_seq -> BigInt,
        read_messages -> BigInt,
    }
}
diesel::table! {
    chat.message_states (tenant_id, room_id, seq) {
        tenant_id -> Uuid,
        room_id -> Uuid,
        seq -> BigInt,
        edited_seq -> Nullable<BigInt>,
        edited_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
        replies -> Integer,
        last_reply_seq -> Nullable<BigInt>,
        reactions -> Jsonb,
    }
}
diesel::table! {
    chat.reactions (tenant_id, room_id, seq, emoji, member_id) {
        tenant_id -> Uuid,
        room_id -> Uuid,
        seq -> BigInt,
        emoji -> Text,
        member_id -> Uuid,
        at -> Timestamptz,
    }
}
diesel::allow_tables_to_appear_in_same_query!(rooms, members);
