//! A server process, to be killed: chat's own routes on Veza's HTTP, and people who are believed what they say.

use std::net::TcpListener;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use veza_chat::{Chat, ChatConfig};
use veza_core::config::Secret;
use veza_core::db::{DatabaseConfig, PoolConfig};
use veza_core::{CodeDoc, Db, Kind, SystemClock, SystemRandom, Tasks, TenantId};
use veza_web::{Admission, Authenticate, Client, Credentials, Problem, Web, WebConfig};

use crate::person::Person;

const UNKNOWN: CodeDoc = CodeDoc { code: "test.token.unknown", kind: Kind::Unauthenticated, meaning: "" };

#[derive(Debug)]
struct Believer;

impl Authenticate for Believer {
    fn authenticate(&self, credentials: Credentials) -> BoxFuture<'_, Result<Admission, Problem>> {
        async move {
            let shown = credentials.token.as_ref().and_then(|token| Person::shown(token.expose()));
            let person = shown.ok_or_else(|| Problem::new(&UNKNOWN, "nobody we know"))?;
            Ok(Admission { caller: person.caller(), requests_per_minute: 1_000_000 })
        }
        .boxed()
    }

    /// Nobody comes without a token.
    fn visit(&self, _: TenantId, _: Client) -> BoxFuture<'_, Result<u32, Problem>> {
        async { Err(Problem::new(&UNKNOWN, "nobody we know")) }.boxed()
    }

    fn named(&self, _: Client) -> BoxFuture<'_, Result<Option<TenantId>, Problem>> {
        async { Ok(None) }.boxed()
    }
}

/// Serves until it is killed; says its port first.
pub(crate) fn run(url: &str, redis: Option<&str>) {
    // The parent's end is our end.
    std::thread::spawn(|| {
        let _closed = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let pool =
        PoolConfig { connections: 4, system_connections: 1, jobs_connections: 1, ..PoolConfig::default() };
    let config = DatabaseConfig { url: Some(Secret::new(url)), pool, ..DatabaseConfig::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let redis_url = redis.map(Secret::new);
        let limits = ChatConfig { messages_per_minute: 1_000_000, redis_url, ..ChatConfig::default() };
        let chat = Chat::new(Db::open(&config).unwrap(), limits).unwrap();
        let tasks = Tasks::new();
        chat.start(&tasks);
        let web = WebConfig { workers: 2, ..WebConfig::default() };
        let web = Web::new(web, Arc::new(SystemClock), Arc::new(SystemRandom));
        let site = web.authenticate(Arc::new(Believer)).site();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = site.serve(vec![listener], veza_chat::http::routes(chat)).unwrap();
        println!("{port}");
        server.await.unwrap();
    });
}
