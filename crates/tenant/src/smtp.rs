//! E-mail over SMTP.

use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::mail::{MailError, Mailer, Message, Sending};

/// Hands messages to an SMTP server, over connections that it keeps.
#[derive(Debug)]
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    domain: String,
}

impl SmtpMailer {
    /// A mailer for a server such as `smtps://user:password@mail.example:465` that sends as `from`.
    pub fn new(url: &str, from: &str) -> Result<Self, MailError> {
        let from: Mailbox = from.parse().map_err(|error| MailError(format!("tenant.mail.from: {error}")))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| MailError(format!("tenant.mail.smtp_url: {error}")))?
            .build();
        let domain = from.email.domain().to_owned();
        Ok(Self { transport, from, domain })
    }

    /// Whether the server answers and takes our credentials.
    pub async fn check(&self) -> Result<(), MailError> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(MailError("the mail server does not answer".to_owned())),
            Err(error) => Err(MailError(error.to_string())),
        }
    }
}

impl Mailer for SmtpMailer {
    fn send(&self, message: Message) -> Sending<'_> {
        Box::pin(async move {
            let to: Mailbox = message.to.parse().map_err(|error| MailError(format!("recipient: {error}")))?;
            let email = lettre::Message::builder()
                .message_id(Some(format!("<{}@{}>", message.id, self.domain)))
                .from(self.from.clone())
                .to(to)
                .subject(message.subject)
                .body(message.text)
                .map_err(|error| MailError(error.to_string()))?;
            self.transport.send(email).await.map(drop).map_err(|error| MailError(error.to_string()))
        })
    }
}
