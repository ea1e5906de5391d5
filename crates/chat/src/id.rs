//! The ids of this crate's things.

use uuid::Uuid;
use veza_core::{Caller, Principal};

veza_core::ids! {
    /// A room.
    RoomId(RoomNoun) = "room";
    /// Who belongs to rooms: the person or the API key that a caller is, with the id that they have there. The nil id is
    /// the program itself.
    MemberId(MemberNoun) = "member";
}

/// Who `caller` is in rooms.
pub(crate) fn member(caller: &Caller) -> MemberId {
    match caller.principal() {
        Principal::Person(id) | Principal::ApiKey(id) => MemberId::from_uuid(id),
        Principal::System => MemberId::from_uuid(Uuid::nil()),
    }
}
