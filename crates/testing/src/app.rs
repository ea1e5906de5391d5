//! The app under test: all of Veza over real HTTP on a free port, with two organisations.

use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use serde_json::json;
use veza::core::config::Secret;
use veza::core::db::{Migrator, PoolConfig};
use veza::core::{Clock, SystemRandom, TenantId};
use veza::jobs::RuntimeBuilder;
use veza::tenant::{CaptureMailer, Mailer, NewOrganization, NewOwner, Signup};
use veza::web::Routes;
use veza::{Config, Platform};

use crate::client::Client;
use crate::clock::TestClock;
use crate::database::TestDatabase;

/// The password of every person that the harness makes.
const PASSWORD: &str = "a password for tests";

/// One deployment has one root secret, and all tests may share a database.
const ROOT_SECRET: &str = "dGhlIHJvb3Qgc2VjcmV0IG9mIGFsbCB0ZXN0cyEhISE=";

/// A running app. It stops when it is dropped.
#[derive(Debug)]
pub struct App {
    /// Where it listens: `http://127.0.0.1:…`.
    pub base: String,
    /// What runs behind the routes.
    pub platform: Platform,
    /// The e-mails that went out.
    pub mails: Arc<CaptureMailer>,
    /// The organisation whose data it is.
    pub alice: Owner,
    /// The organisation that tries to get at it.
    pub mallory: Owner,
    handle: ServerHandle,
    #[cfg(feature = "storage")]
    _files: crate::TestDirectory,
    _kept: Kept,
}

/// What must be there while the app runs.
#[derive(Default)]
struct Kept(Vec<Box<dyn Any + Send>>);

impl Debug for Kept {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.0.len())
    }
}

/// An organisation, and its owner signed in.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The organisation.
    pub tenant: TenantId,
    /// Its slug.
    pub slug: String,
    /// The owner's address.
    pub email: String,
    /// The owner's password.
    pub password: String,
    /// A client with the owner's access token.
    pub client: Client,
    /// The answer to signing in, with all tokens.
    pub session: serde_json::Value,
}

/// How an app is to be.
#[derive(Debug)]
pub struct AppBuilder {
    config: Config,
    clock: TestClock,
    migrator: Migrator,
    mailer: Option<Arc<dyn Mailer>>,
    runtime: Option<fn(&Platform) -> RuntimeBuilder>,
    kept: Kept,
}

impl AppBuilder {
    /// An app on a database, with cheap passwords and generous limits.
    pub fn new(database: &TestDatabase) -> Self {
        let mut config = Config {
            database: database.config(PoolConfig { connections: 4, ..TestDatabase::small_pool() }),
            ..Config::default()
        };
        config.tenant.root_secret = Some(Secret::new(ROOT_SECRET));
        config.tenant.password_memory_kib = 64;
        config.tenant.password_passes = 1;
        config.tenant.requests_per_minute = 1_000_000;
        config.tenant.sign_in_attempts_per_minute = 100_000;
        config.tenant.open_signup = true;
        config.web.workers = 1;
        let (clock, migrator) = (TestClock::System, Migrator::veza());
        Self { config, clock, migrator, mailer: None, runtime: None, kept: Kept::default() }
    }

    /// Changes the configuration.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Another clock. Use one that stands still only with a database of its own.
    #[must_use]
    pub fn clock(mut self, clock: &TestClock) -> Self {
        self.clock = clock.clone();
        self
    }

    /// The migrations that the database has, when they are more than Veza's own.
    #[must_use]
    pub fn migrator(mut self, migrator: Migrator) -> Self {
        self.migrator = migrator;
        self
    }

    /// Another way for e-mail to leave than being kept in [`App::mails`].
    #[must_use]
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Works on jobs in the background as well: `Platform::runtime`, or one with handlers of your own.
    /// It takes the jobs of all organisations: use it only with a database of its own, or call
    /// [`Runtime::drain`](veza::jobs::Runtime::drain) instead.
    #[must_use]
    pub fn runtime(mut self, runtime: fn(&Platform) -> RuntimeBuilder) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Keeps a server that the configuration names, for example, until the app is dropped.
    #[must_use]
    pub fn keep(mut self, server: impl Any + Send) -> Self {
        self.kept.0.push(Box::new(server));
        self
    }

    /// Starts the app with Veza's routes.
    pub async fn start(self) -> App {
        self.start_with(|_| {}).await
    }

    /// Starts the app with routes of your own beside Veza's.
    ///
    /// # Panics
    /// When it cannot start.
    pub async fn start_with(mut self, mount: impl Fn(&mut Routes<'_>) + Clone + Send + 'static) -> App {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        self.config.web.public_url = base.clone();
        #[cfg(feature = "stream")]
        media(&mut self.config);
        #[cfg(feature = "storage")]
        let files = files(&mut self.config);
        let mails = Arc::new(CaptureMailer::default());
        let mailer = self.mailer.unwrap_or_else(|| mails.clone());
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let opened =
            Platform::open_with(self.config, self.migrator, Some(mailer), clock, Arc::new(SystemRandom));
        let platform = opened.await.expect("the platform opens");
        platform.start();
        #[cfg(feature = "stream")]
        platform.start_media().expect("the media port opens");
        match self.runtime {
            Some(runtime) => platform.start_worker(runtime(&platform)).expect("the runtime starts"),
            None => platform.tenants.start_worker(&platform.tasks),
        }
        let routes = platform.routes();
        let site = platform.web().site();
        let server = site.serve(vec![listener], move |app| {
            routes(app);
            mount(app);
        });
        let server = server.expect("the server starts");
        let handle = server.handle();
        tokio::spawn(server);
        let alice = Owner::create(&platform, &base, "alice").await;
        let mallory = Owner::create(&platform, &base, "mallory").await;
        App {
            base,
            platform,
            mails,
            alice,
            mallory,
            handle,
            #[cfg(feature = "storage")]
            _files: files,
            _kept: self.kept,
        }
    }
}

/// A free port on loopback and one thread, for who did not choose another.
#[cfg(feature = "stream")]
fn media(config: &mut Config) {
    let media = &mut config.stream.media;
    if media.listen.is_empty() {
        let loopback = std::net::Ipv4Addr::LOCALHOST.into();
        (media.port, media.threads, media.listen, media.announce) = (0, 1, vec![loopback], vec![loopback]);
    }
}

/// A directory with files, for who chose no other place, and with a root key, for who has none.
#[cfg(feature = "storage")]
fn files(config: &mut Config) -> crate::TestDirectory {
    let directory = crate::TestDirectory::new();
    if !config.storage.has_root_key() {
        let key = directory.path().join("root_key");
        veza::storage::crypt::LocalRootKey::create(&key, "first", &SystemRandom).expect("a root key");
        config.storage.root_key_file = Some(key);
    }
    if !config.storage.has_place() {
        config.storage.directory = Some(directory.path().join("files"));
    }
    directory
}

impl App {
    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.base)
    }

    /// Waits until an e-mail to `address` went out and gives its text.
    ///
    /// # Panics
    /// When none does within ten seconds.
    pub async fn mail_to(&self, address: &str) -> String {
        for _ in 0..1_000 {
            if let Some(mail) = self.mails.sent().iter().rev().find(|mail| mail.to == address) {
                return mail.text.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no e-mail went to {address}");
    }

    /// Invites a person to alice's organisation, who accepts: their client, and the answer to that.
    pub async fn join(&self, email: &str, role: &str) -> (Client, serde_json::Value) {
        let invitation = json!({ "email": email, "role": role });
        self.alice.client.post("/v1/tenant/invitations", &invitation).await.expect(201);
        let token = self.invitation_token(email).await;
        let accepted = json!({ "token": token, "name": "Bob", "password": PASSWORD });
        let session = self.anonymous().post("/v1/tenant/invitations/accept", &accepted).await.expect(201);
        (self.anonymous().bearer(session["access_token"].as_str().unwrap_or_default()), session)
    }

    /// The token in the link of the last invitation to an address.
    pub async fn invitation_token(&self, email: &str) -> String {
        let mail = self.mail_to(email).await;
        let token = mail.split("token=").nth(1).and_then(|rest| rest.split_whitespace().next());
        token.unwrap_or_default().to_owned()
    }

    /// Creates one more organisation and signs its owner in.
    pub async fn owner(&self, name: &str) -> Owner {
        Owner::create(&self.platform, &self.base, name).await
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.platform.tasks.stopping().cancel();
        drop(self.handle.stop(false));
    }
}

impl Owner {
    async fn create(platform: &Platform, base: &str, name: &str) -> Self {
        // Unique in a shared database, and still readable.
        let unique = TenantId::generate(platform.db.clock().now(), &SystemRandom).to_string();
        let slug = format!("{name}-{}", unique.rsplit('-').next().unwrap_or_default());
        let email = format!("{slug}@example.org");
        let owner = NewOwner { email: email.clone(), name: name.to_owned(), password: PASSWORD.to_owned() };
        let new = NewOrganization { name: name.to_owned(), slug: slug.clone(), metadata: None, owner };
        let created = platform.tenants.create_organization(&new, Signup::Operator, None).await;
        let (organization, _) = created.expect("the organisation is created").value;
        let body = json!({ "email": email, "password": PASSWORD });
        let session = Client::new(base).post("/v1/tenant/sessions", &body).await.expect(201);
        let token = session["access_token"].as_str().unwrap_or_default();
        let client = Client::new(base).bearer(token);
        Self { tenant: organization.id, slug, email, password: PASSWORD.to_owned(), client, session }
    }
}
