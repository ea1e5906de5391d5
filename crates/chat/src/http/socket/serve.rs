//! Requests of a connection, done.

use futures_util::FutureExt;
use serde::Serialize;
use serde_json::Value;
use veza_core::{Caller, Permit, TenantTx};
use veza_web::Problem;

use super::answers::{Done, Nothing, Subscribed, Watched, Welcome};
use super::request::Request;
use super::session::Session;
use crate::error::Error;
use crate::hub::SignalKind;
use crate::id;
use crate::member;
use crate::message;
use crate::permission::UseRooms;

/// A result as JSON.
fn value(result: impl Serialize) -> Value {
    serde_json::to_value(result).unwrap_or_default()
}

impl Session {
    /// Does what is asked for. None when the answer comes later.
    pub(super) async fn serve(&mut self, id: u64, request: Request) -> Result<Option<Value>, Problem> {
        if let Request::Hello { token } = request {
            self.hello(token).await?;
            let entered = self.entered.as_ref().ok_or(Error::Protocol("the first request is hello"))?;
            let member = id::member(entered.connection.caller());
            return Ok(Some(value(Welcome { member })));
        }
        let Some(entered) = &mut self.entered else {
            return Err(Error::Protocol("the first request is hello").into());
        };
        let connection = &mut entered.connection;
        match request {
            Request::Subscribe { room, after } => {
                let head = connection.subscribe(room, after).await?;
                Ok(Some(value(Subscribed { head })))
            }
            Request::Unsubscribe { room } => {
                connection.unsubscribe(room);
                Ok(Some(value(Nothing {})))
            }
            Request::Typing { room } => {
                if connection.signal(room, SignalKind::Typing, None) {
                    return Ok(Some(value(Nothing {})));
                }
                Err(Error::NotFound("subscription").into())
            }
            Request::Send { room, message } => {
                self.state.sends.count(connection.caller())?;
                let permit = connection.caller().permit()?;
                let outcome = self.state.chat.submit(&permit, room, &message).await?;
                let answer = async move { (id, outcome.await.unwrap_or(Err(Error::Unknown))) };
                self.sending.push(answer.boxed());
                Ok(None)
            }
            Request::Watch { members } => {
                let members = connection.watch(&members).await?;
                Ok(Some(value(Watched { members })))
            }
            Request::Ping => Ok(Some(value(Nothing {}))),
            other => {
                let caller = connection.caller().clone();
                self.change(caller, other).await.map(Some)
            }
        }
    }

    /// What is done in a transaction of its own.
    async fn change(&mut self, caller: Caller, request: Request) -> Result<Value, Problem> {
        let permit: Permit<UseRooms> = caller.permit()?;
        let (chat, config) = (self.state.chat.clone(), self.state.chat.config().clone());
        let db = chat.db();
        if !matches!(request, Request::Read { .. }) {
            self.state.sends.count(&caller)?;
        }
        let seq = match request {
            Request::Edit { room, seq, body } => {
                let edit = move |tx: &mut TenantTx<'_>| message::edit(tx, &permit, &config, room, seq, &body);
                db.tenant(&caller, edit).await?.seq
            }
            Request::Delete { room, seq } => {
                db.tenant(&caller, move |tx| message::delete(tx, &permit, room, seq)).await?.seq
            }
            Request::React { room, seq, emoji } => {
                let react = move |tx: &mut TenantTx<'_>| message::react(tx, &permit, room, seq, &emoji);
                db.tenant(&caller, react).await?.seq
            }
            Request::Unreact { room, seq, emoji } => {
                let unreact = move |tx: &mut TenantTx<'_>| message::unreact(tx, &permit, room, seq, &emoji);
                db.tenant(&caller, unreact).await?.seq
            }
            Request::Read { room, seq } => {
                let read = move |tx: &mut TenantTx<'_>| member::read(tx, &permit, room, seq);
                let cursor = db.tenant(&caller, read).await?;
                if let Some(entered) = &mut self.entered {
                    entered.connection.signal(room, SignalKind::Read, Some(cursor.read_seq));
                }
                return Ok(value(cursor));
            }
            _ => return Err(Error::Protocol("the request is of no use here").into()),
        };
        Ok(value(Done { seq }))
    }
}
