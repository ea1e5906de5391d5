//! What every noun declares in the same words: its permissions, its ids, and the codes of its errors.

/// Declares permissions, one type each, and `ALL`, the list of their names.
///
/// ```
/// veza_core::permissions! {
///     /// May see rooms.
///     ReadRooms = "chat.rooms.read";
/// }
/// assert_eq!(ALL, ["chat.rooms.read"]);
/// ```
#[macro_export]
macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl $crate::Permission for $name {
                const NAME: &'static str = $text;
            }
        )*
        /// The names of all permissions of this crate.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

/// Declares ids and the nouns behind them.
///
/// ```
/// veza_core::ids! {
///     /// A room.
///     RoomId(Room) = "room";
/// }
/// assert_eq!(<Room as veza_core::Noun>::NAME, "room");
/// ```
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident($noun:ident) = $name:literal;)*) => {
        $(
            #[doc = concat!("The noun behind [`", stringify!($id), "`].")]
            #[derive(Debug)]
            pub enum $noun {}
            impl $crate::Noun for $noun {
                const NAME: &'static str = $name;
            }
            $(#[$doc])*
            pub type $id = $crate::TypedId<$noun>;
        )*
    };
}

/// Gives the variants of a crate's `Error` their kinds and codes, as `Error::kind_and_code`, and lists them as
/// `CODES`. The variants behind `of` hold errors that have codes of their own; those behind `uncoded` are our
/// fault, and nothing more is said of them.
#[macro_export]
macro_rules! codes {
    (
        of $($(#[$meta:meta])* $inner:ident),*; uncoded $($fault:ident),*;
        $($pattern:pat => $kind:ident, $code:literal, $meaning:literal;)*
    ) => {
        impl Error {
            fn kind_and_code(&self) -> ($crate::Kind, &'static str) {
                match self {
                    $($pattern => ($crate::Kind::$kind, $code),)*
                    $($(#[$meta])* Error::$inner(error) => ($crate::Fault::kind(error), $crate::Fault::code(error)),)*
                    $(Error::$fault(_) => ($crate::Kind::Internal, "core.internal"),)*
                }
            }
        }

        /// Every error code of this crate.
        pub const CODES: &[$crate::CodeDoc] = &[
            $($crate::CodeDoc { code: $code, kind: $crate::Kind::$kind, meaning: $meaning },)*
        ];
    };
}
