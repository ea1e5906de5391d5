//! The ids of this crate's things.

use veza_core::{Noun, TypedId};

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident($noun:ident) = $name:literal;)*) => {
        $(
            #[doc = concat!("The noun behind [`", stringify!($id), "`].")]
            #[derive(Debug)]
            pub enum $noun {}
            impl Noun for $noun {
                const NAME: &'static str = $name;
            }
            $(#[$doc])*
            pub type $id = TypedId<$noun>;
        )*
    };
}

ids! {
    /// A human being.
    PersonId(Person) = "person";
    /// A role.
    RoleId(Role) = "role";
    /// An invitation.
    InvitationId(Invitation) = "invitation";
    /// A session.
    SessionId(Session) = "session";
    /// An API key.
    ApiKeyId(ApiKey) = "api_key";
    /// An e-mail that waits to be sent.
    MailId(Mail) = "mail";
}
