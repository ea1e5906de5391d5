//! `/v1/chat/rooms/{room_id}/events` and `/stream`: the log of a room, as a list and live.

use std::pin::Pin;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use bytes::Bytes;
use futures_util::{FutureExt, Stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use veza_core::{FieldError, ReadTx};
use veza_web::{Authenticated, PathOf, Problem, Query, Routes, Site};

use super::socket::Seat;
use super::{NoRoom, State};
use crate::connection::Connection;
use crate::error::Error;
use crate::event::Event;
use crate::hub::{Entry, Form, Item};
use crate::id::RoomId;
use crate::log;

/// A silent stream says something this often, so that nobody between thinks it dead.
const ALIVE: Duration = Duration::from_secs(20);

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(follow);
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Part {
    /// Only what comes behind this event; 0, everything, when absent.
    after: Option<i64>,
    /// How many events at most, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
}

/// A part of a room's log.
#[derive(Debug, Serialize, ToSchema)]
struct Log {
    /// Events, oldest first. Their numbers have no gaps.
    items: Vec<Event>,
}

/// The log of a room: everything that happened, in order.
///
/// To go on, ask again with the last number as `after`.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."), Part), responses(
    (status = OK, description = "Events.", body = Log)
))]
#[get("/v1/chat/rooms/{room_id}/events")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    room: PathOf<RoomId, NoRoom>,
    part: Query<Part>,
) -> Result<HttpResponse, Problem> {
    let (permit, room) = (caller.permit()?, *room);
    let (after, limit) = (part.after.unwrap_or(0), part.limit.unwrap_or(100));
    if !(1..=1_000).contains(&limit) {
        return Err(Error::field("limit", "out_of_range", "a number from 1 to 1000").into());
    }
    let read = move |tx: &mut ReadTx<'_>| log::events(tx, &permit, room, after, limit);
    let items = state.chat.db().read(&caller, read).await?;
    Ok(HttpResponse::Ok().json(Log { items }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Beginning {
    /// Everything behind this event comes; what happens from now on when absent. `Last-Event-ID` has precedence.
    after: Option<i64>,
}

/// The log of a room as it grows: server-sent events, whose ids are the numbers.
///
/// Who was cut off goes on with `Last-Event-ID`, as browsers do by themselves, at this process or another, whenever
/// that is. Nothing is lost or comes twice in between. `event: reset` says that the number asked for is ahead of
/// the log; `event: ended`, that the room may not be read any more. The stream ends with the token that it was opened
/// with, or when the process stops; then it is opened again.
#[utoipa::path(tag = "messages",
    params(("room_id" = uuid::Uuid, Path, description = "The room."), Beginning,
           ("Last-Event-ID" = Option<i64>, Header, description = "The last number that came.")), responses(
    (status = OK, description = "Events, each as JSON.", body = String, content_type = "text/event-stream")
))]
#[get("/v1/chat/rooms/{room_id}/stream")]
async fn follow(
    caller: Authenticated,
    state: Data<State>,
    site: Site,
    room: PathOf<RoomId, NoRoom>,
    from: Query<Beginning>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let after = match last_event(&req)? {
        None => from.after,
        last => last,
    };
    let mut connection = state.chat.connect(caller.into_caller());
    let seat = state.sockets.take(connection.caller().tenant())?;
    connection.subscribe(*room, after).await?;
    let watch = site.watch(&req)?;
    let drain = site.drain();
    let ended = async move {
        tokio::select! {
            _why = watch.ended() => {}
            () = drain.begun() => {}
        }
    };
    let live = Live { connection, ended: ended.boxed_local(), _seat: seat };
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", "text/event-stream"))
        .insert_header(("cache-control", "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(live.events()))
}

fn last_event(req: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(value) = req.headers().get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|value| value.trim().parse().ok());
    let rule = "the number of an event";
    let refuse = || Error::Invalid(vec![FieldError::new("Last-Event-ID", "number", rule)]);
    Ok(Some(number.ok_or_else(refuse)?))
}

/// A stream that goes on.
struct Live {
    connection: Connection,
    ended: Pin<Box<dyn Future<Output = ()>>>,
    _seat: Seat,
}

impl Live {
    fn events(self) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
        futures_util::stream::unfold(Some(self), |live| async move {
            let mut live = live?;
            let outbox = std::sync::Arc::clone(live.connection.outbox());
            let item = tokio::select! {
                biased;
                () = live.ended.as_mut() => return None,
                item = outbox.next() => item?,
                () = live.connection.catch_up() => return None,
                () = tokio::time::sleep(ALIVE) => Item::Own(Bytes::from_static(b": alive\n\n")),
            };
            let (bytes, last) = written(&item);
            Some((Ok(bytes), if last { None } else { Some(live) }))
        })
    }
}

/// The bytes of an item, and whether it is the last one.
fn written(item: &Item) -> (Bytes, bool) {
    let text = |text: String| Bytes::from(text);
    match item {
        Item::Entry(entry) => (entry.bytes(Form::Sse, message).clone(), false),
        Item::Own(bytes) => (bytes.clone(), false),
        // Nobody can type into a stream of events, so nobody is told who does.
        Item::Signal(_) | Item::Presence(_) => (Bytes::new(), false),
        Item::Reset(_, head) => {
            (text(format!("event: reset\nid: {head}\ndata: {{\"head\":{head}}}\n\n")), false)
        }
        Item::Ended(_) => (text("event: ended\ndata: {}\n\n".to_owned()), true),
    }
}

/// JSON has no line breaks of its own, so one line of data is enough.
fn message(entry: &Entry) -> Bytes {
    let json = serde_json::to_string(&entry.event).unwrap_or_default();
    Bytes::from(format!("id: {}\ndata: {json}\n\n", entry.event.seq))
}
