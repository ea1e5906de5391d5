//! E-mail: queued in the transaction that wants it, sent by whichever process comes first.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::{Db, Query, Reason, SystemTx, TenantId, TenantScope, TenantTx, Write};

use crate::error::Error;
use crate::id::{InvitationId, MailId};
use crate::invitation::Offer;
use crate::keyring::Keyring;
use crate::schema::{invitations, mails, organizations};

/// An e-mail, ready to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Makes sending it again recognisable: the local part of its Message-ID.
    pub id: String,
    /// The recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Why an e-mail did not go, in words for the operator.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct MailError(pub String);

/// A future that a mailer gives.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>>;

/// How e-mail leaves.
pub trait Mailer: Send + Sync + std::fmt::Debug + 'static {
    /// Hands a message to the next mail server.
    fn send(&self, message: Message) -> Sending<'_>;
}

/// Keeps messages instead of sending them: for tests, and for development, where it prints them to
/// the log.
#[derive(Debug, Default)]
pub struct CaptureMailer {
    sent: Mutex<Vec<Message>>,
    log: bool,
}

impl CaptureMailer {
    /// Keeps the last hundred messages and logs each.
    pub fn logging() -> Self {
        Self { sent: Mutex::default(), log: true }
    }

    /// What was sent so far, oldest first.
    pub fn sent(&self) -> Vec<Message> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Mailer for CaptureMailer {
    fn send(&self, message: Message) -> Sending<'_> {
        if self.log {
            tracing::info!(
                "no mail server is configured, so here is what would be sent:\n\n  To: {}\n  Subject: {}\n\n{}",
                message.to,
                message.subject,
                message.text
            );
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= 100 {
            sent.remove(0);
        }
        sent.push(message);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Queues the e-mail of an invitation.
pub(crate) fn queue(tx: &mut TenantTx<'_>, invitation: InvitationId) -> Result<(), Error> {
    let (id, now): (MailId, _) = (tx.new_id(), tx.now());
    let row = (
        mails::tenant_id.eq(tx.tenant()),
        mails::mail_id.eq(id),
        mails::invitation_id.eq(invitation),
        mails::due_at.eq(now),
        mails::created_at.eq(now),
    );
    tx.execute(diesel::insert_into(mails::table).values(row))?;
    Ok(())
}

/// Writes the messages.
#[derive(Debug, Clone)]
pub(crate) struct Letters {
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) invitation_url: String,
}

impl Letters {
    fn invitation(&self, mail: MailId, offer: &Offer, organization: &str) -> Message {
        let link = format!("{}#token={}", self.invitation_url, offer.token(&self.keyring));
        // A name may hold anything printable; a header must stay one line.
        let organization: String = organization.chars().filter(|c| !c.is_control()).collect();
        Message {
            id: mail.to_string(),
            to: offer.email.clone(),
            subject: format!("Invitation to {organization}"),
            text: format!(
                "You are invited to join {organization}.\n\nAccept until {}:\n\n{link}\n\n\
                 The link is for this address alone and works once. If you did not expect it, ignore it.\n",
                offer.expires_at.format("%Y-%m-%d %H:%M UTC"),
            ),
        }
    }
}

/// How many messages one look takes.
const BATCH: i64 = 4;
/// A message that was taken and not reported on is taken again after this long.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// After so many failures a message is given up and stays as it is, for the operator to see.
const ATTEMPTS: i32 = 12;

/// Sends what is due; gives how many messages it took. A message may go twice when a process dies
/// between sending and noting it, never not at all.
pub(crate) async fn send_due(db: &Db, letters: &Letters, mailer: &dyn Mailer) -> Result<usize, Error> {
    let letters = letters.clone();
    let taken = db.system(Reason("tenant.mails"), move |tx| take(tx, &letters)).await?;
    let count = taken.len();
    for (tenant, mail, message) in taken {
        let outcome = match message {
            Some(message) => mailer.send(message).await,
            None => Ok(()),
        };
        let word = if outcome.is_ok() { "sent" } else { "failed" };
        metrics::counter!("veza_tenant_mails_total", "outcome" => word).increment(1);
        if let Err(error) = &outcome {
            tracing::warn!(mail.id = %mail, %error, "an e-mail could not be sent");
        }
        let error = outcome.err().map(|error| error.0);
        db.system(Reason("tenant.mails"), move |tx| note(tx, tenant, mail, error.as_deref())).await?;
    }
    Ok(count)
}

type Taken = (TenantId, MailId, Option<Message>);

fn take(tx: &mut SystemTx<'_>, letters: &Letters) -> Result<Vec<Taken>, Error> {
    let now = tx.now();
    let due = mails::table
        .filter(mails::due_at.le(now).and(mails::attempts.lt(ATTEMPTS)))
        .order(mails::due_at)
        .limit(BATCH)
        .select((mails::tenant_id, mails::mail_id, mails::invitation_id))
        .for_update()
        .skip_locked();
    let due: Vec<(TenantId, MailId, InvitationId)> = tx.load(due)?;
    let mut taken = Vec::with_capacity(due.len());
    for (tenant, mail, invitation) in due {
        let this = mails::table.find((tenant, mail));
        tx.execute(
            diesel::update(this)
                .set((mails::due_at.eq(now + LEASE), mails::attempts.eq(mails::attempts + 1))),
        )?;
        let offer = invitations::table.find((tenant, invitation)).select(Offer::as_select());
        let offer: Offer = tx.get_result(offer)?;
        let name: String = tx.get_result(organizations::table.find(tenant).select(organizations::name))?;
        // One that was revoked or accepted meanwhile needs no letter.
        let message = offer.is_open(now).then(|| letters.invitation(mail, &offer, &name));
        taken.push((tenant, mail, message));
    }
    Ok(taken)
}

fn note(tx: &mut SystemTx<'_>, tenant: TenantId, mail: MailId, error: Option<&str>) -> Result<(), Error> {
    let this = mails::table.find((tenant, mail));
    let Some(error) = error else {
        tx.execute(diesel::delete(this))?;
        return Ok(());
    };
    let attempts: i32 = tx.get_result(this.select(mails::attempts))?;
    // One minute, two, four … one day at most.
    let pause = 30_i64.saturating_mul(1 << attempts.clamp(0, 11)).min(86_400);
    let due_at = tx.now() + TimeDelta::seconds(pause);
    let error: String = error.chars().take(500).collect();
    tx.execute(diesel::update(this).set((mails::due_at.eq(due_at), mails::last_error.eq(error))))?;
    Ok(())
}
