//! The ids of this crate's things.

veza_core::ids! {
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
