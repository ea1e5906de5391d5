//! The server that is measured: chat's own routes on Veza's HTTP, with people who are believed what they say.

use std::net::TcpListener;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;
use veza_chat::{Chat, ChatConfig};
use veza_core::config::Secret;
use veza_core::db::DatabaseConfig;
use veza_core::{Caller, CodeDoc, Db, Kind, Principal, Scopes, SystemClock, SystemRandom, Tasks, TenantId};
use veza_web::{Admission, Authenticate, Client, Credentials, Problem, Web, WebConfig};

use crate::Outcome;
use crate::stage::TENANT;

const UNKNOWN: CodeDoc = CodeDoc { code: "bench.token.unknown", kind: Kind::Unauthenticated, meaning: "" };

/// A token is the id of whoever shows it.
#[derive(Debug)]
struct Believer;

impl Authenticate for Believer {
    fn authenticate(&self, credentials: Credentials) -> BoxFuture<'_, Result<Admission, Problem>> {
        async move {
            let shown = credentials.token.as_ref().and_then(|token| token.expose().parse::<Uuid>().ok());
            let person = shown.ok_or_else(|| Problem::new(&UNKNOWN, "nobody we know"))?;
            let (tenant, scopes) = (TenantId::from_verified(TENANT), Scopes::new(["chat.rooms.use"]));
            let caller = Caller::verified(tenant, Principal::Person(person), scopes);
            Ok(Admission { caller, requests_per_minute: 1_000_000_000 })
        }
        .boxed()
    }

    fn visit(&self, _: TenantId, _: Client) -> BoxFuture<'_, Result<u32, Problem>> {
        async { Err(Problem::new(&UNKNOWN, "nobody we know")) }.boxed()
    }

    fn named(&self, _: Client) -> BoxFuture<'_, Result<Option<TenantId>, Problem>> {
        async { Ok(None) }.boxed()
    }
}

/// Serves until its input ends; says its port first.
pub fn run(url: &str) -> Outcome {
    std::thread::spawn(|| {
        let _closed = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = DatabaseConfig { url: Some(Secret::new(url)), ..DatabaseConfig::default() };
        let limits = ChatConfig {
            messages_per_minute: 1_000_000_000,
            max_connections: 1_000_000,
            ..ChatConfig::default()
        };
        let chat = Chat::new(Db::open(&config)?, limits)?;
        chat.start(&Tasks::new());
        let web = Web::new(WebConfig::default(), Arc::new(SystemClock), Arc::new(SystemRandom));
        let site = web.authenticate(Arc::new(Believer)).site();
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let server = site.serve(vec![listener], veza_chat::http::routes(chat))?;
        println!("{port}");
        Ok(server.await?)
    })
}
