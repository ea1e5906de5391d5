//! Tokens, made and checked.

use veza_core::{Permit, Timestamp};

use super::Streams;
use crate::channel;
use crate::error::Error;
use crate::id::ChannelId;
use crate::permission::CreateTokens;
use crate::token::{Grant, NewToken};

impl Streams {
    /// Makes a token for a channel; answers it, and until when it holds.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Forbidden`] for a right that the caller lacks.
    pub async fn create_token(
        &self,
        permit: &Permit<CreateTokens>,
        id: ChannelId,
        new: &NewToken,
    ) -> Result<(String, Timestamp), Error> {
        let caller = permit.caller();
        let channel = self.db().read(caller, move |tx| channel::find(tx, id)).await?;
        let grant = new.grant(caller, id, channel.token_epoch, self.db().clock().now())?;
        Ok((self.inner.tokens.make(&grant), grant.expires))
    }

    /// Checks a token: its signature and its time. Whether its channel is there and its tokens were not ended, the
    /// database says: [`Streams::check_epoch`].
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`].
    pub fn check_token(&self, token: &str) -> Result<Grant, Error> {
        self.inner.tokens.check(token, self.db().clock().now())
    }

    /// Refuses a token whose channel has ended its tokens since it was made, or is not there.
    ///
    /// # Errors
    /// [`Error::TokenExpired`], [`Error::NotFound`].
    pub async fn check_epoch(&self, grant: &Grant) -> Result<(), Error> {
        let id = grant.channel;
        let channel = self.db().read(&grant.caller, move |tx| channel::find(tx, id)).await?;
        if channel.token_epoch == grant.epoch { Ok(()) } else { Err(Error::TokenExpired) }
    }
}
