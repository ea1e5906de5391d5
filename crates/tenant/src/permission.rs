//! What a member of an organisation may do, one type each.

use veza_core::Permission;

veza_core::permissions! {
    /// May see the organisation's name, metadata and settings.
    ReadOrganization = "tenant.organization.read";
    /// May change them.
    UpdateOrganization = "tenant.organization.update";
    /// May mark the organisation as deleted.
    DeleteOrganization = "tenant.organization.delete";
    /// May see who belongs.
    ReadMembers = "tenant.members.read";
    /// May see, send and revoke invitations.
    InviteMembers = "tenant.members.invite";
    /// May give members another role.
    UpdateMembers = "tenant.members.update";
    /// May remove members.
    RemoveMembers = "tenant.members.remove";
    /// May see roles.
    ReadRoles = "tenant.roles.read";
    /// May make, change and remove roles.
    ManageRoles = "tenant.roles.manage";
    /// May see API keys (never their secrets).
    ReadApiKeys = "tenant.api_keys.read";
    /// May make and revoke API keys.
    ManageApiKeys = "tenant.api_keys.manage";
}

/// The roles that every organisation starts with: name and permissions.
pub(crate) const DEFAULT_ROLES: [(&str, &[&str]); 3] = [
    ("owner", &["*"]),
    (
        "admin",
        &[
            ReadOrganization::NAME,
            UpdateOrganization::NAME,
            ReadMembers::NAME,
            InviteMembers::NAME,
            UpdateMembers::NAME,
            RemoveMembers::NAME,
            ReadRoles::NAME,
            ManageRoles::NAME,
            ReadApiKeys::NAME,
            ManageApiKeys::NAME,
            "chat.rooms.create",
            "chat.rooms.manage",
            "chat.rooms.use",
            "stream.channels.manage",
            "stream.channels.publish",
            "stream.channels.read",
            "stream.channels.watch",
            "stream.recordings.delete",
            "stream.recordings.read",
            "stream.tokens.create",
        ],
    ),
    (
        "member",
        &[
            ReadOrganization::NAME,
            ReadMembers::NAME,
            ReadRoles::NAME,
            "chat.rooms.create",
            "chat.rooms.use",
            "stream.channels.read",
            "stream.channels.watch",
            "stream.recordings.read",
        ],
    ),
];
