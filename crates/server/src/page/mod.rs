//! Pages for people: the first organisation, accepting an invitation, and a chat and a stream to try.

use actix_web::get;
use veza_web::{Html, Routes};

pub(crate) fn routes(routes: &mut Routes<'_>) {
    routes.service(setup).service(invitation).service(chat).service(stream);
}

/// A form that creates an organisation, where the first-run link leads.
#[utoipa::path(tag = "pages", security(()), responses((status = OK, description = "A page.", content_type = "text/html", body = String)))]
#[get("/setup")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn setup() -> Html {
    Html(include_str!("setup.html"))
}

/// A form that accepts an invitation, where its link leads.
#[utoipa::path(tag = "pages", security(()), responses((status = OK, description = "A page.", content_type = "text/html", body = String)))]
#[get("/invitation")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn invitation() -> Html {
    Html(include_str!("invitation.html"))
}

/// A chat to try, and the example that a client's author reads first: what PROTOCOL.md of veza-chat says, in a page.
#[utoipa::path(tag = "pages", security(()), responses((status = OK, description = "A page.", content_type = "text/html", body = String)))]
#[get("/chat")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn chat() -> Html {
    Html(include_str!("chat.html"))
}

/// A stream to try: publish a camera, the screen or a test pattern, watch it, record it; WHIP and WHEP in a page.
#[utoipa::path(tag = "pages", security(()), responses((status = OK, description = "A page.", content_type = "text/html", body = String)))]
#[get("/stream")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn stream() -> Html {
    Html(include_str!("stream.html"))
}
