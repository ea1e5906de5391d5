//! The running part: what needs keys, memory or several transactions.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;
use veza_core::config::Period;
use veza_core::{Db, Tasks};

use crate::config::TenantConfig;
use crate::directory::Directory;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::mail::{self, Letters, Mailer};
use crate::misses::Misses;
use crate::password::Passwords;
use crate::revocation::{self, Revocations, Subject};
use crate::session;
use crate::signing_key::{JwkSet, SigningKeys};
use crate::token::{Generations, Tokens};

/// Organisations and access of one deployment. Cheap to clone.
#[derive(Clone)]
pub struct Tenants {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) config: TenantConfig,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) passwords: Passwords,
    pub(crate) keys: SigningKeys,
    pub(crate) tokens: Tokens,
    pub(crate) directory: Directory,
    pub(crate) revocations: Revocations,
    pub(crate) api_keys: std::sync::Mutex<Generations<crate::authenticate::KnownKey>>,
    pub(crate) misses: Misses,
    pub(crate) mailer: Option<Arc<dyn Mailer>>,
    pub(crate) letters: Letters,
    /// Wakes the sender as soon as there is something to send.
    pub(crate) mail_waits: Notify,
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenants").finish_non_exhaustive()
    }
}

/// How often other processes' revocations are looked for.
const REVOCATION_PERIOD: Duration = Duration::from_secs(1);

impl Tenants {
    /// Prepares the service. `public_url` is where people reach the deployment; without a `mailer`
    /// e-mails wait.
    pub fn new(
        db: Db,
        config: TenantConfig,
        public_url: &str,
        mailer: Option<Arc<dyn Mailer>>,
    ) -> Result<Self, Error> {
        let root = config.root_secret.as_ref().ok_or(Error::Crypto("tenant.root_secret is not set"))?;
        let keyring = Keyring::new(root.expose())
            .ok_or(Error::Crypto("tenant.root_secret must be base64 of at least 32 bytes"))?;
        let keyring = Arc::new(keyring);
        let public_url = public_url.trim_end_matches('/');
        let issuer = config.issuer.clone().unwrap_or_else(|| public_url.to_owned());
        let invitation_url =
            config.invitation_url.clone().unwrap_or_else(|| format!("{public_url}/invitation"));
        let lifetime = delta(config.access_token_lifetime);
        let inner = Inner {
            passwords: Passwords::new(&config, &**db.random())?,
            keys: SigningKeys::default(),
            tokens: Tokens::new(&issuer, &config.audience, lifetime),
            directory: Directory::new(config.requests_per_minute),
            revocations: Revocations::default(),
            api_keys: std::sync::Mutex::new(Generations::new(20_000)),
            misses: Misses::default(),
            letters: Letters { keyring: Arc::clone(&keyring), invitation_url },
            mail_waits: Notify::new(),
            db,
            config,
            keyring,
            mailer,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Loads keys and revocations. Call it before the first request; it needs the database.
    pub async fn load(&self) -> Result<(), Error> {
        self.rotate_keys().await?;
        self.refresh_revocations().await
    }

    /// Starts what every process that verifies credentials needs: revocations each second, keys.
    pub fn start(&self, tasks: &Tasks) {
        let this = self.clone();
        tasks.every("tenant.revocations", REVOCATION_PERIOD, move || {
            let this = this.clone();
            async move { log("revocations cannot be read", this.refresh_revocations().await) }
        });
        let this = self.clone();
        tasks.every("tenant.signing_keys", Duration::from_mins(10), move || {
            let this = this.clone();
            async move { log("signing keys cannot be rotated", this.rotate_keys().await) }
        });
    }

    /// Starts what some process has to do for all: e-mail, sweeping. More than one may.
    pub fn start_worker(&self, tasks: &Tasks) {
        let this = self.clone();
        tasks.every("tenant.sweep", Duration::from_mins(10), move || {
            let this = this.clone();
            async move { log("old rows cannot be swept", this.sweep().await) }
        });
        if let Some(mailer) = self.inner.mailer.clone() {
            let this = self.clone();
            tasks.spawn("tenant.mails", move |stop| async move {
                while stop.run_until_cancelled(this.mail_pause()).await.is_some() {
                    log("e-mail cannot be sent", this.send_mail(&*mailer).await);
                }
            });
        }
    }

    /// The public keys that verify access tokens.
    pub fn jwks(&self) -> JwkSet {
        self.inner.keys.jwks()
    }

    /// The database behind it.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// The configuration in force.
    pub fn config(&self) -> &TenantConfig {
        &self.inner.config
    }

    async fn mail_pause(&self) {
        let pause = tokio::time::sleep(Duration::from_secs(5));
        tokio::select! { () = pause => {}, () = self.inner.mail_waits.notified() => {} }
    }

    async fn send_mail(&self, mailer: &dyn Mailer) -> Result<(), Error> {
        while mail::send_due(&self.inner.db, &self.inner.letters, mailer).await? > 0 {}
        Ok(())
    }

    async fn rotate_keys(&self) -> Result<(), Error> {
        let lifetime = delta(self.inner.config.signing_key_lifetime);
        let token = delta(self.inner.config.access_token_lifetime);
        self.inner.keys.refresh(&self.inner.db, &self.inner.keyring, lifetime, token).await
    }

    async fn refresh_revocations(&self) -> Result<(), Error> {
        let lifetime = self.revocation_lifetime();
        let news = self.inner.revocations.refresh(&self.inner.db, lifetime).await?;
        for (tenant, subject) in news {
            if subject == Subject::Organization {
                self.inner.directory.forget(tenant);
            }
        }
        Ok(())
    }

    /// As long as anything that was verified before can still be remembered.
    fn revocation_lifetime(&self) -> Duration {
        self.inner.config.access_token_lifetime.as_duration() + Duration::from_mins(2)
    }

    async fn sweep(&self) -> Result<(), Error> {
        let now = self.inner.db.clock().now();
        let revoked = TimeDelta::from_std(self.revocation_lifetime() * 2).unwrap_or(TimeDelta::MAX);
        let ended = now - TimeDelta::days(1);
        self.inner
            .db
            .system(veza_core::Reason("tenant.sweep"), move |tx| {
                revocation::sweep(tx, revoked)?;
                session::sweep(tx, ended)?;
                veza_core::idempotency::sweep(tx, ended)?;
                Ok(())
            })
            .await
    }
}

/// A configured span as a difference of times.
pub(crate) fn delta(period: Period) -> TimeDelta {
    TimeDelta::from_std(period.as_duration()).unwrap_or(TimeDelta::MAX)
}

fn log(what: &'static str, outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what}");
    }
}
