//! What can go wrong with organisations and access.

use std::time::Duration;

use veza_core::idempotency::IdempotencyError;
use veza_core::page::PageError;
use veza_core::{DbError, Fault, FieldError, Forbidden, Kind};

/// A failed operation of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fields that break rules.
    #[error("the input breaks a rule")]
    Invalid(Vec<FieldError>),
    /// No such thing in this organisation.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The slug belongs to an organisation.
    #[error("the slug is taken")]
    SlugTaken,
    /// The address belongs to a person.
    #[error("a person with this e-mail address exists; sign in to act as them")]
    EmailTaken,
    /// The address was invited and has not answered.
    #[error("an open invitation for this e-mail address exists; revoke it first")]
    AlreadyInvited,
    /// The person is a member.
    #[error("this person is a member")]
    AlreadyMember,
    /// Only the first-run link, an operator or an open deployment creates organisations.
    #[error("this deployment does not let everybody create organisations")]
    SignupClosed,
    /// The organisation is suspended or deleted.
    #[error("the organisation is suspended")]
    Suspended,
    /// Address or password are wrong; which one is not told.
    #[error("the e-mail address or the password is wrong")]
    SignInFailed,
    /// The person belongs to several organisations.
    #[error("name the organisation to sign in to")]
    OrganizationRequired(Vec<FieldError>),
    /// Too many attempts.
    #[error("too many attempts to sign in")]
    TooManyAttempts(Duration),
    /// Too many invitations to one address.
    #[error("too many invitations to this address")]
    TooManyInvitations(Duration),
    /// Too many passwords are being hashed.
    #[error("too many sign-ins at once")]
    Busy,
    /// No credentials.
    #[error("credentials are needed")]
    CredentialsMissing,
    /// The token is not one of ours, altered, expired or revoked; which one is not told.
    #[error("the token is not valid")]
    TokenInvalid,
    /// The access token's time is over.
    #[error("the token has expired")]
    TokenExpired,
    /// A refresh token came back after its use; its session has ended.
    #[error("the refresh token was used before; its session has ended")]
    RefreshReused,
    /// The invitation's token is altered, or its invitation is accepted, revoked or expired.
    #[error("the invitation is not valid any more")]
    InvitationInvalid,
    /// Header, host name and token name different organisations.
    #[error("the token belongs to another organisation than the request names")]
    TenantMismatch,
    /// The header names no organisation, or in another form.
    #[error("X-Tenant-ID must be an organisation's id or slug")]
    TenantHeaderInvalid,
    /// The role is in use.
    #[error("members or open invitations have this role")]
    RoleInUse,
    /// The role's name exists.
    #[error("a role with this name exists")]
    RoleNameTaken,
    /// Built-in roles stay as they are.
    #[error("built-in roles cannot be changed")]
    RoleBuiltin,
    /// Nobody gives away more than they have.
    #[error("this would give permissions that you do not have")]
    ExceedsOwn,
    /// An organisation keeps an owner.
    #[error("the organisation's last owner cannot leave or get another role")]
    LastOwner,
    /// Only a person can do this, not a key.
    #[error("this takes a person who signed in")]
    PersonRequired,
    /// The organisation is full.
    #[error("the organisation has as many members as it may have")]
    MemberLimit,
    /// The version moved on since it was read.
    #[error("it was changed since it was read")]
    VersionMismatch,
    /// A permission is missing.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A bad page request.
    #[error(transparent)]
    Page(#[from] PageError),
    /// A bad idempotency key.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The queues.
    #[error(transparent)]
    Jobs(#[from] veza_jobs::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A key cannot be made, sealed or opened.
    #[error("cryptography failed: {0}")]
    Crypto(&'static str),
}

impl Error {
    /// Gives a violated constraint its meaning.
    pub(crate) fn on_constraint(self, constraint: &str, meaning: Error) -> Error {
        match &self {
            Error::Db(error) if error.constraint() == Some(constraint) => meaning,
            _ => self,
        }
    }

    /// What an absent row means.
    pub(crate) fn absent(noun: &'static str) -> impl FnOnce(DbError) -> Error {
        move |error| match error {
            DbError::NotFound => Error::NotFound(noun),
            other => Error::Db(other),
        }
    }
}

veza_core::codes! {
    of Forbidden, Page, Idempotency, Jobs, Db; uncoded Crypto;
    Error::Invalid(_) => Invalid, "tenant.invalid", "Fields break rules; `errors` names each field and rule.";
    Error::NotFound(_) => NotFound, "tenant.not_found", "It does not exist, or not in this organisation.";
    Error::SlugTaken => Conflict, "tenant.organization.slug_taken", "Choose another slug.";
    Error::EmailTaken => Conflict, "tenant.person.email_taken", "The person exists; sign in instead.";
    Error::AlreadyInvited => Conflict, "tenant.invitation.exists", "The address has an open invitation; revoke it to send another.";
    Error::AlreadyMember => Conflict, "tenant.member.exists", "The person belongs to the organisation.";
    Error::SignupClosed => Forbidden, "tenant.signup.closed", "Use the first-run link or ask the operator.";
    Error::Suspended => Forbidden, "tenant.organization.suspended", "The operator suspended the organisation, or it is marked as deleted.";
    Error::SignInFailed => Unauthenticated, "tenant.sign_in.failed", "The address or the password is wrong, or there is no membership.";
    Error::OrganizationRequired(_) => Invalid, "tenant.sign_in.organization_required", "The person belongs to several organisations; name one.";
    Error::TooManyAttempts(_) => RateLimited, "tenant.sign_in.too_many_attempts", "Wait as long as Retry-After says.";
    Error::TooManyInvitations(_) => RateLimited, "tenant.invitation.too_many", "The address was invited too often; wait as long as Retry-After says.";
    Error::Busy => Unavailable, "tenant.sign_in.busy", "Too many passwords are being checked; try again shortly.";
    Error::CredentialsMissing => Unauthenticated, "tenant.credentials.missing", "Send `Authorization: Bearer` with an access token or API key.";
    Error::TokenInvalid => Unauthenticated, "tenant.token.invalid", "The token is not ours, altered or revoked; sign in again.";
    Error::TokenExpired => Unauthenticated, "tenant.token.expired", "Refresh the session.";
    Error::RefreshReused => Unauthenticated, "tenant.session.token_reused", "A used refresh token came back, so the session was ended; sign in again.";
    Error::InvitationInvalid => NotFound, "tenant.invitation.invalid", "The link is altered, or the invitation was accepted, revoked or has expired.";
    Error::TenantMismatch => Forbidden, "tenant.mismatch", "X-Tenant-ID or the host name names another organisation than the token.";
    Error::TenantHeaderInvalid => Invalid, "tenant.header.invalid", "X-Tenant-ID must be an organisation's id or slug.";
    Error::RoleInUse => Conflict, "tenant.role.in_use", "Give its members another role and revoke its invitations first.";
    Error::RoleNameTaken => Conflict, "tenant.role.name_taken", "Choose another name.";
    Error::RoleBuiltin => Conflict, "tenant.role.builtin", "owner, admin and member stay as they are; make a role of your own.";
    Error::ExceedsOwn => Forbidden, "tenant.role.exceeds_own", "Nobody gives away permissions they do not have.";
    Error::LastOwner => Conflict, "tenant.member.last_owner", "Make somebody else an owner first.";
    Error::PersonRequired => Forbidden, "tenant.person.required", "API keys cannot do this; sign in as a person.";
    Error::MemberLimit => QuotaExceeded, "tenant.member.limit", "Remove members or ask the operator for a higher limit.";
    Error::VersionMismatch => PreconditionFailed, "tenant.version_mismatch", "Read it again and repeat the change with the new ETag.";
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        self.kind_and_code().0
    }

    fn code(&self) -> &'static str {
        self.kind_and_code().1
    }

    fn fields(&self) -> &[FieldError] {
        match self {
            Error::Invalid(fields) | Error::OrganizationRequired(fields) => fields,
            Error::Page(error) => error.fields(),
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::TooManyAttempts(wait) | Error::TooManyInvitations(wait) => Some(*wait),
            Error::Busy => Some(Duration::from_secs(1)),
            Error::Jobs(error) => error.retry_after(),
            Error::Db(error) => error.retry_after(),
            _ => None,
        }
    }
}
