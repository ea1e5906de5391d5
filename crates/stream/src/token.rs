//! Tokens for one channel: made for players and encoders that have no account.
//!
//! A token says what it allows, followed by an HMAC-SHA-256 of that by a key of the tenant's own, which is derived from the
//! root secret (decision 6): nothing is kept of it. It holds until it expires or the channel's tokens are ended, also when
//! who made it loses the right to.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::config::Secret;
use veza_core::{Caller, FieldError, Permission, Principal, Scopes, TenantId, Timestamp};

use crate::error::Error;
use crate::id::ChannelId;
use crate::permission::{PublishChannels, WatchChannels};

/// What every token begins with.
pub const PREFIX: &str = "vzs_";

/// A token holds for at most so many seconds: a day.
pub const LONGEST: u32 = 86_400;

/// What a token may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum GrantKind {
    /// Publishing.
    Publish,
    /// Watching.
    Watch,
}

/// What a token is to allow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// What it is for: `publish`, `watch`, or both.
    #[cfg_attr(feature = "http", schema(example = json!(["watch"])))]
    pub grants: Vec<GrantKind>,
    /// For how many seconds, 1 to 86,400.
    #[cfg_attr(feature = "http", schema(example = 3600))]
    pub seconds: u32,
    /// Whether who publishes with it takes the place of who publishes already.
    #[serde(default)]
    pub take_over: bool,
}

/// A token whose signature and time hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who made it, with the rights that it gives.
    pub caller: Caller,
    /// The one channel that it is for.
    pub channel: ChannelId,
    /// Whether it takes the place of a publisher.
    pub take_over: bool,
    /// When it ends.
    pub expires: Timestamp,
    pub(crate) epoch: i64,
}

/// Makes and checks tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    root: Key,
}

impl Tokens {
    pub(crate) fn new(root: &Secret) -> Self {
        Self { root: Key::new(HMAC_SHA256, root.expose().as_bytes()) }
    }

    fn key(&self, tenant: TenantId) -> Key {
        let derived = sign(&self.root, format!("veza stream tokens 1\n{tenant}").as_bytes());
        Key::new(HMAC_SHA256, derived.as_ref())
    }

    pub(crate) fn make(&self, grant: &Grant) -> String {
        let tenant = grant.caller.tenant();
        let text = format!(
            "{tenant}\n{}\n{}\n{}\n{}\n{}\n{}",
            grant.channel,
            grant.epoch,
            grant.expires.timestamp(),
            if grant.take_over { "over" } else { "" },
            grant.caller.scopes(),
            grant.caller.principal(),
        );
        let signature = sign(&self.key(tenant), text.as_bytes());
        format!("{PREFIX}{}.{}", BASE64.encode(&text), BASE64.encode(signature.as_ref()))
    }

    /// Checks a token. They are the same error whatever is wrong with them, but for a time that has passed.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`].
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<Grant, Error> {
        let grant = self.read(token).ok_or(Error::TokenInvalid)?;
        if grant.expires <= now { Err(Error::TokenExpired) } else { Ok(grant) }
    }

    fn read(&self, token: &str) -> Option<Grant> {
        let (text, signature) = token.strip_prefix(PREFIX)?.split_once('.')?;
        let (text, signature) = (BASE64.decode(text).ok()?, BASE64.decode(signature).ok()?);
        let fields = str::from_utf8(&text).ok()?;
        let mut fields = fields.split('\n');
        let tenant: Uuid = fields.next()?.parse().ok()?;
        // What names the key is believed when the signature by that key holds.
        let tenant = TenantId::from_verified(tenant);
        verify(&self.key(tenant), &text, &signature).ok()?;
        let channel = fields.next()?.parse().ok()?;
        let epoch = fields.next()?.parse().ok()?;
        let expires = DateTime::from_timestamp(fields.next()?.parse().ok()?, 0)?;
        let take_over = fields.next()? == "over";
        let scopes = Scopes::parse(fields.next()?);
        let caller = Caller::verified(tenant, principal(fields.next()?)?, scopes);
        Some(Grant { caller, channel, take_over, expires, epoch })
    }
}

fn principal(text: &str) -> Option<Principal> {
    match text.split_once(':') {
        Some(("person", id)) => Some(Principal::Person(id.parse().ok()?)),
        Some(("api_key", id)) => Some(Principal::ApiKey(id.parse().ok()?)),
        None if text == "system" => Some(Principal::System),
        _ => None,
    }
}

impl NewToken {
    /// What it allows, when `caller` may do that.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Forbidden`].
    pub(crate) fn grant(
        &self,
        caller: &Caller,
        channel: ChannelId,
        epoch: i64,
        now: Timestamp,
    ) -> Result<Grant, Error> {
        let publishes = self.grants.contains(&GrantKind::Publish);
        let rules = [
            (
                !self.grants.is_empty() && self.grants.len() <= 2,
                "/grants",
                "missing",
                "publish, watch, or both",
            ),
            ((1..=LONGEST).contains(&self.seconds), "/seconds", "out_of_range", "1 to 86400"),
            (publishes || !self.take_over, "/take_over", "not_both", "only with the grant publish"),
        ];
        let errors = rules.into_iter().filter(|(holds, ..)| !holds);
        let errors: Vec<_> =
            errors.map(|(_, field, code, rule)| FieldError::new(field, code, rule)).collect();
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let mut names = Vec::new();
        for grant in &self.grants {
            names.push(match grant {
                GrantKind::Publish => {
                    caller.permit::<PublishChannels>().map(|_permit| PublishChannels::NAME)?
                }
                GrantKind::Watch => caller.permit::<WatchChannels>().map(|_permit| WatchChannels::NAME)?,
            });
        }
        let expires = now + TimeDelta::seconds(self.seconds.into());
        // As the token tells it.
        let expires = DateTime::from_timestamp(expires.timestamp(), 0).unwrap_or(expires);
        let caller = Caller::verified(caller.tenant(), caller.principal(), Scopes::new(names));
        Ok(Grant { caller, channel, take_over: self.take_over, expires, epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn grant(tenant: u128) -> Grant {
        let scopes = Scopes::new(["stream.channels.publish", "stream.channels.watch"]);
        let tenant = TenantId::from_verified(Uuid::from_u128(tenant));
        let caller = Caller::verified(tenant, Principal::Person(Uuid::from_u128(2)), scopes);
        let channel = ChannelId::from_uuid(Uuid::from_u128(3));
        Grant { caller, channel, take_over: true, expires: now(), epoch: 4 }
    }

    #[test]
    fn what_was_made_is_read_until_it_expires() {
        let tokens = Tokens::new(&Secret::new("root"));
        let token = tokens.make(&grant(1));
        let before = now() - TimeDelta::seconds(1);
        assert_eq!(tokens.check(&token, before).unwrap(), grant(1));
        assert!(matches!(tokens.check(&token, now()), Err(Error::TokenExpired)));
        let others = Tokens::new(&Secret::new("another root"));
        assert!(matches!(others.check(&token, before), Err(Error::TokenInvalid)));
    }

    /// No byte can be changed, left out or added, and no signature serves another tenant.
    #[test]
    fn altered_tokens_do_not_hold() {
        let tokens = Tokens::new(&Secret::new("root"));
        let before = now() - TimeDelta::seconds(1);
        let (hers, his) = (tokens.make(&grant(1)), tokens.make(&grant(2)));
        for at in 0..hers.len() {
            let mut altered = hers.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(tokens.check(&altered, before).is_err(), "{at}");
            assert!(tokens.check(hers.get(..at).unwrap(), before).is_err(), "{at}");
        }
        let (text, _) = hers.split_once('.').unwrap();
        let (_, signature) = his.split_once('.').unwrap();
        assert!(tokens.check(&format!("{text}.{signature}"), before).is_err());
        assert!(tokens.check(&format!("{hers}AAAA"), before).is_err());
    }

    #[test]
    fn nobody_grants_more_than_they_may() {
        let caller = |scopes: &str| {
            let tenant = TenantId::from_verified(Uuid::from_u128(1));
            Caller::verified(tenant, Principal::System, Scopes::parse(scopes))
        };
        let new = |grants: &[GrantKind], seconds, take_over| NewToken {
            grants: grants.to_vec(),
            seconds,
            take_over,
        };
        let channel = ChannelId::from_uuid(Uuid::from_u128(3));
        let granted = |caller: &Caller, new: NewToken| new.grant(caller, channel, 1, now());
        let both = [GrantKind::Publish, GrantKind::Watch];
        assert!(granted(&caller("stream.channels.watch"), new(&both[1..], 60, false)).is_ok());
        let refused = granted(&caller("stream.channels.watch"), new(&both, 60, false));
        assert!(matches!(refused, Err(Error::Forbidden(_))));
        for bad in
            [new(&[], 60, false), new(&both, 0, false), new(&both, 86_401, false), new(&both[1..], 60, true)]
        {
            assert!(matches!(granted(&caller("*"), bad), Err(Error::Invalid(_))));
        }
    }
}
