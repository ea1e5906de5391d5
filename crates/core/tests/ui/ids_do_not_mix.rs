//! The id of a message is no id of a room.

use veza_core::{Noun, TypedId};

enum Room {}
impl Noun for Room {
    const NAME: &'static str = "room";
}
enum Message {}
impl Noun for Message {
    const NAME: &'static str = "message";
}

fn open(_room: TypedId<Room>) {}

fn mix(message: TypedId<Message>) {
    open(message);
}

fn main() {}
