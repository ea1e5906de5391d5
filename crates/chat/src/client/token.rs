//! Tokens, and where they come from.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use veza_core::config::Secret;

/// An access token or an API key.
#[derive(Debug, Clone)]
pub struct Token {
    pub(super) value: Secret,
    pub(super) expires_in: Option<Duration>,
}

impl Token {
    /// One that holds for `expires_in` from now on; the client asks for the next one when four fifths of that are over.
    pub fn new(value: impl Into<String>, expires_in: Duration) -> Self {
        Self { value: Secret::new(value), expires_in: Some(expires_in) }
    }

    /// One that holds until it is revoked, such as an API key.
    pub fn lasting(value: impl Into<String>) -> Self {
        Self { value: Secret::new(value), expires_in: None }
    }

    /// After how long the next one is asked for.
    pub(super) fn renew_after(&self) -> Option<Duration> {
        self.expires_in.map(|holds| holds / 5 * 4)
    }
}

/// Why there is no token: in the words of who should have given it.
pub type TokenError = Box<dyn std::error::Error + Send + Sync>;

/// Where tokens come from. A closure that gives a future of a [`Token`] is one.
pub trait Tokens: Send + Sync + 'static {
    /// A token that holds from now on, all of the same caller.
    fn token(&self) -> BoxFuture<'static, Result<Token, TokenError>>;
}

impl<F, T> Tokens for F
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Future<Output = Result<Token, TokenError>> + Send + 'static,
{
    fn token(&self) -> BoxFuture<'static, Result<Token, TokenError>> {
        self().boxed()
    }
}

impl Tokens for Token {
    fn token(&self) -> BoxFuture<'static, Result<Token, TokenError>> {
        std::future::ready(Ok(self.clone())).boxed()
    }
}

impl fmt::Debug for dyn Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}
