//! `/v1/chat/presence`: who is there.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use veza_core::FieldError;
use veza_web::{Authenticated, Problem, Query, Routes};

use super::State;
use crate::error::Error;
use crate::id::MemberId;
use crate::presence::{MAX_WATCHED, Presence};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(get);
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Whom {
    /// The ids of people or API keys, separated by commas; 200 at most. Whether somebody has them is not checked.
    #[serde(default)]
    members: String,
}

impl Whom {
    fn read(&self) -> Result<Vec<MemberId>, Error> {
        let id = |text: &str| Uuid::try_parse(text).map(MemberId::from_uuid);
        let texts = self.members.split(',').filter(|text| !text.is_empty());
        let members: Vec<MemberId> =
            texts.map(id).collect::<Result<_, _>>().or(Err(broken("uuid", "ids, separated by commas")))?;
        if members.len() > MAX_WATCHED {
            return Err(broken("too_many", "at most 200 ids"));
        }
        Ok(members)
    }
}

fn broken(code: &'static str, rule: &'static str) -> Error {
    Error::Invalid(vec![FieldError::new("members", code, rule)])
}

/// How people are.
#[derive(Debug, Serialize, ToSchema)]
struct PresenceList {
    /// One each, in the order in which they were asked for.
    items: Vec<Presence>,
}

/// Whether people are connected, and when they were last.
///
/// It is a second or two late. Who wants to be told when it changes says `watch` over the WebSocket.
#[utoipa::path(tag = "rooms", params(Whom), responses(
    (status = OK, description = "How they are.", body = PresenceList)
))]
#[get("/v1/chat/presence")]
async fn get(caller: Authenticated, state: Data<State>, whom: Query<Whom>) -> Result<HttpResponse, Problem> {
    let (permit, members) = (caller.permit()?, whom.read()?);
    let items = state.chat.presence(&permit, &members).await?;
    Ok(HttpResponse::Ok().json(PresenceList { items }))
}
