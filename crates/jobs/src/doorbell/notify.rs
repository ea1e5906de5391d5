//! The doorbell over PostgreSQL's LISTEN and NOTIFY.

use futures_util::{StreamExt, stream};
use tokio_postgres::{AsyncMessage, NoTls};
use veza_core::config::Secret;
use veza_core::{Db, DispatchTx, Reason, Write};

use crate::doorbell::{Doorbell, RingError, Ringing};

const CHANNEL: &str = "veza_jobs";

/// Rings through the pool, listens on one connection of its own.
#[derive(Debug)]
pub(crate) struct NotifyBell {
    db: Db,
    /// Not through a pooler in transaction mode: LISTEN belongs to a session.
    url: Secret,
}

impl NotifyBell {
    pub(crate) fn new(db: Db, url: Secret) -> Self {
        Self { db, url }
    }
}

impl Doorbell for NotifyBell {
    fn ring<'a>(&'a self, message: &'a str) -> Ringing<'a> {
        let message = message.to_owned();
        Box::pin(async move {
            let notify = move |tx: &mut DispatchTx<'_>| {
                let statement = diesel::sql_query("SELECT pg_notify($1, $2)")
                    .bind::<diesel::sql_types::Text, _>(CHANNEL)
                    .bind::<diesel::sql_types::Text, _>(message.as_str());
                tx.execute(statement).map(drop)
            };
            self.db.dispatch(Reason("jobs.ring"), notify).await.map_err(RingError::of)
        })
    }

    fn listen<'a>(&'a self, hear: &'a (dyn Fn(&str) + Send + Sync)) -> Ringing<'a> {
        Box::pin(async move {
            let (client, mut connection) =
                tokio_postgres::connect(self.url.expose(), NoTls).await.map_err(RingError::of)?;
            let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
            let listening = async {
                client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(RingError::of)?;
                // The client keeps the connection open.
                std::future::pending::<Result<(), RingError>>().await
            };
            let hearing = async {
                while let Some(message) = messages.next().await {
                    if let AsyncMessage::Notification(heard) = message.map_err(RingError::of)? {
                        hear(heard.payload());
                    }
                }
                Err(RingError("the connection that listens was closed".to_owned()))
            };
            tokio::select! { outcome = listening => outcome, outcome = hearing => outcome }
        })
    }
}
