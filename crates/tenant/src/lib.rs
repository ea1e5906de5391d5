#![doc = include_str!("../README.md")]

pub mod api_key;
mod authenticate;
mod boundary;
mod config;
mod directory;
mod error;
#[cfg(feature = "http")]
pub mod http;
pub mod id;
mod input;
pub mod invitation;
mod keyring;
pub mod mail;
pub mod membership;
mod misses;
mod onboarding;
mod operator;
pub mod organization;
mod password;
pub mod permission;
mod person;
mod revocation;
pub mod role;
mod schema;
mod service;
pub mod session;
mod sign_in;
mod signing_key;
#[cfg(feature = "smtp")]
mod smtp;
mod token;

#[cfg(feature = "smtp")]
pub use self::smtp::SmtpMailer;
pub use self::{
    authenticate::{Admission, Credentials},
    boundary::CATALOGUE_EXCEPTIONS,
    config::{MailConfig, TenantConfig},
    error::{CODES, Error},
    id::{ApiKeyId, InvitationId, PersonId, RoleId, SessionId},
    mail::{CaptureMailer, Mailer},
    onboarding::{Acceptance, Signup},
    organization::{NewOrganization, NewOwner, Organization},
    person::Person,
    service::Tenants,
    sign_in::{PasswordChange, SignIn, TokenPair},
    signing_key::{Jwk, JwkSet},
};

/// The exchange that hears of members: `member.removed`, with `person_id`.
pub const EXCHANGE: &str = "tenant";
