//! Two pages for people: the first organisation, and accepting an invitation.

use actix_web::get;
use veza_web::{Html, Routes};

pub(crate) fn routes(routes: &mut Routes<'_>) {
    routes.service(setup).service(invitation);
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
