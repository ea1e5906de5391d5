//! What a member of an organisation may do with rooms, one type each. What they may do in a room, their role there says.

veza_core::permissions! {
    /// May see open rooms and those they belong to, join, read, write and react there.
    UseRooms = "chat.rooms.use";
    /// May make rooms that are not direct ones.
    CreateRooms = "chat.rooms.create";
    /// May change, archive and moderate every room but direct ones, and its members, as its owner may. To read one that is
    /// not open they have to join it, and everybody there sees that.
    ManageRooms = "chat.rooms.manage";
}
