//! A server with a few routes, and a client that can send what no well-behaved client would.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix_web::{HttpResponse, get, patch, post, web};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use veza_core::page::Page;
use veza_core::{Caller, CodeDoc, Fault, Kind, Principal, Scopes, SystemClock, SystemRandom, TenantId};
use veza_web::{
    Admission, Authenticate, Authenticated, Client, Create, Created, Credentials, IfMatch, Json, List,
    Missing, PageParams, PageQuery, PathOf, Problem, Query, Routes, Site, Versioned, Web, WebConfig,
};

/// Callers by token.
#[derive(Debug)]
struct Tokens(HashMap<&'static str, (TenantId, u32)>);

const UNKNOWN: CodeDoc = CodeDoc { code: "test.token.unknown", kind: Kind::Unauthenticated, meaning: "" };

impl Authenticate for Tokens {
    fn authenticate(&self, credentials: Credentials) -> BoxFuture<'_, Result<Admission, Problem>> {
        async move {
            // Like a look-up in a database, it does not end at once.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let known = credentials.token.as_ref().and_then(|token| self.0.get(token.expose()));
            let (tenant, requests_per_minute) =
                known.copied().ok_or_else(|| Problem::new(&UNKNOWN, "nobody we know"))?;
            let caller = Caller::verified(tenant, Principal::System, Scopes::parse("*"));
            Ok(Admission { caller, requests_per_minute })
        }
        .boxed()
    }

    fn visit(&self, tenant: TenantId, _: Client) -> BoxFuture<'_, Result<u32, Problem>> {
        let known = self.0.values().find(|(known, _)| *known == tenant);
        let limit = known.map(|(_, limit)| *limit).ok_or_else(|| Problem::new(&UNKNOWN, "nobody we know"));
        async move { limit }.boxed()
    }

    fn named(&self, _: Client) -> BoxFuture<'_, Result<Option<TenantId>, Problem>> {
        async { Ok(None) }.boxed()
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Room {
    id: Uuid,
    name: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct NewRoom {
    name: String,
    #[serde(default)]
    size: u8,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct Filter {
    archived: Option<bool>,
}

#[derive(Debug)]
struct RoomError(Kind);
impl std::fmt::Display for RoomError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the room does not exist; password=hunter2")
    }
}
impl std::error::Error for RoomError {}
impl Fault for RoomError {
    fn kind(&self) -> Kind {
        self.0
    }
    fn code(&self) -> &'static str {
        "test.room.not_found"
    }
}

#[derive(Debug)]
enum NoRoom {}
impl Missing for NoRoom {
    fn missing() -> Problem {
        RoomError(Kind::NotFound).into()
    }
}

#[utoipa::path(tag = "test", params(PageParams), responses((status = OK, body = List<Room>)))]
#[get("/v1/test/rooms")]
async fn list(_caller: Authenticated, query: PageQuery<Uuid, Filter>) -> Result<List<Room>, Problem> {
    let rows = (0..=query.page.limit)
        .map(|n| Room { id: Uuid::from_u128(n.into()), name: format!("{n} {:?}", query.filter.archived) });
    Ok(Page::new(&query.page, rows.collect(), |room| room.id).into())
}

#[utoipa::path(tag = "test", request_body = NewRoom, responses((status = CREATED, body = NewRoom)))]
#[post("/v1/test/rooms")]
async fn create(new: Create<NewRoom>) -> Result<Created<NewRoom>, Problem> {
    let replayed = new.key.is_some();
    Ok(Created { value: new.body, location: "/v1/test/rooms/1".into(), version: Some(1), replayed })
}

#[utoipa::path(tag = "test", params(("id" = Uuid, Path)), responses((status = OK, body = Room)))]
#[get("/v1/test/rooms/{id}")]
async fn find(_caller: Authenticated, id: PathOf<Uuid, NoRoom>) -> Result<Versioned<Room>, Problem> {
    if id.is_nil() {
        return Ok(Versioned::new(Room { id: *id, name: "hall".into() }, 3));
    }
    Err(RoomError(Kind::NotFound).into())
}

#[utoipa::path(tag = "test", params(("id" = Uuid, Path)), responses((status = OK, body = Room)))]
#[patch("/v1/test/rooms/{id}")]
async fn update(
    _caller: Authenticated,
    id: PathOf<Uuid, NoRoom>,
    expected: IfMatch,
    change: Json<NewRoom>,
) -> Result<Versioned<Room>, Problem> {
    expected.require(3)?;
    Ok(Versioned::new(Room { id: *id, name: change.into_inner().name }, 4))
}

#[utoipa::path(tag = "test", security(()), responses((status = OK, body = NewRoom)))]
#[post("/v1/test/echo")]
async fn echo(body: Json<NewRoom>) -> HttpResponse {
    HttpResponse::Ok().json(body.into_inner())
}

#[utoipa::path(tag = "test", security(()), params(Filter), responses((status = OK)))]
#[get("/v1/test/client")]
async fn client(client: Client, query: Query<Filter>) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({
        "ip": client.ip, "slug": client.slug, "tenant": client.tenant, "archived": query.archived,
    }))
}

#[utoipa::path(tag = "test", security(()), responses((status = OK)))]
#[get("/v1/test/fail/{how}")]
async fn fail(how: PathOf<String>) -> Result<HttpResponse, Problem> {
    match how.as_str() {
        "panic" => panic!("on purpose"),
        "internal" => Err(RoomError(Kind::Internal).into()),
        "unavailable" => Err(RoomError(Kind::Unavailable).into()),
        "slow" => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            Ok(HttpResponse::Ok().finish())
        }
        "large" => Ok(HttpResponse::Ok().json("a".repeat(100_000))),
        _ => Ok(HttpResponse::Ok().json("small")),
    }
}

pub(crate) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(find).service(update);
    routes.service(echo).service(client).service(fail);
    // A protocol of its own, and extractors of the framework itself.
    routes.map(|raw| {
        raw.route("/raw/{n}", web::get().to(async |n: web::Path<u8>| n.to_string()))
            .service(web::resource("/other").route(web::put().to(HttpResponse::Ok)))
    });
}

/// A server in a thread of its own.
pub(crate) struct Server {
    address: SocketAddr,
    pub(crate) site: Site,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(WebConfig::default(), |web| web)
    }

    pub(crate) fn with(config: WebConfig, more: impl FnOnce(Web) -> Web) -> Self {
        let tenant = |n| TenantId::from_verified(Uuid::from_u128(n));
        let tokens = HashMap::from([("alice", (tenant(1), 1_000)), ("mallory", (tenant(2), 2))]);
        let config = WebConfig { workers: 1, ..config };
        let web = Web::new(config, Arc::new(SystemClock), Arc::new(SystemRandom));
        let site = more(web.authenticate(Arc::new(Tokens(tokens)))).site();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (served, started) = (site.clone(), mpsc::channel());
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = served.serve(vec![listener], routes).unwrap();
                started.0.send(()).unwrap();
                server.await.unwrap();
            });
        });
        started.1.recv().unwrap();
        Self { address, site }
    }

    /// Sends bytes as they are and reads the answer to its end.
    pub(crate) fn raw(&self, request: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The server may answer, and close, before all is sent.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..count]);
        }
        Reply::parse(&bytes)
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str("Host: localhost\r\n");
        }
        if !body.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            write!(request, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        self.raw(&request)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    /// As alice, who may.
    pub(crate) fn alice(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut all = vec![("Authorization", "Bearer alice")];
        if !body.is_empty() {
            all.push(("Content-Type", "application/json"));
        }
        all.extend_from_slice(headers);
        self.send(method, path, &all, body.as_bytes())
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an HTTP answer");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// All values of a header, joined by `|`; empty when it is absent.
    pub(crate) fn header(&self, name: &str) -> String {
        let values = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let values = values.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.collect::<Vec<_>>().join("|")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}\n{}", self.head, String::from_utf8_lossy(&self.body)))
    }

    /// `status code`, after a look at what every problem has.
    pub(crate) fn problem(&self) -> String {
        let body = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], self.status);
        assert_eq!(body["type"], format!("https://veza.dev/problems/{}", body["code"].as_str().unwrap()));
        assert_eq!(body["instance"], format!("urn:uuid:{}", self.header("x-request-id")));
        format!("{} {}", self.status, body["code"].as_str().unwrap())
    }
}
