//! What carries the hub's mail: an SMTP server, or a folder.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use steelyard_service::login::mail::{Mail, MailError, Mailer};

use crate::config::MailSection;

/// How long a server may take to take a message.
const PATIENCE: Duration = Duration::from_secs(30);

/// A key of the section that breaks its rule.
#[derive(Debug)]
pub struct BadKey {
    /// `mail.smtp`, ...
    pub key: &'static str,
    /// The rule.
    pub rule: String,
}

/// Checks what can be checked without a server.
pub fn check(section: &MailSection) -> Result<(), BadKey> {
    if let Some(from) = &section.from {
        sender(from)?;
    }
    if let Some(smtp) = &section.smtp {
        transport(smtp.secret().expose())?;
    }
    Ok(())
}

/// The mailer that a section describes, if it describes one.
pub fn mailer(section: &MailSection) -> Result<Option<Arc<dyn Mailer>>, BadKey> {
    let Some(from) = &section.from else { return Ok(None) };
    let from = sender(from)?;
    if let Some(folder) = &section.folder {
        let (folder, next) = (folder.clone(), AtomicU64::new(0));
        return Ok(Some(Arc::new(Folder { folder, from, next })));
    }
    let Some(smtp) = &section.smtp else { return Ok(None) };
    let server = transport(smtp.secret().expose())?;
    Ok(Some(Arc::new(Smtp { server, from })))
}

fn sender(text: &str) -> Result<Mailbox, BadKey> {
    text.parse().map_err(|_| BadKey {
        key: "mail.from",
        rule: "must be an address such as hub@example.org, or Hub <hub@example.org>".to_owned(),
    })
}

fn transport(url: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, BadKey> {
    // The error of the parser would show the URL, and with it the password.
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| BadKey {
        key: "mail.smtp",
        rule: "must be smtps://USER:PASSWORD@HOST or smtp://HOST, with ?tls=required for STARTTLS"
            .to_owned(),
    })?;
    Ok(builder.timeout(Some(PATIENCE)).build())
}

fn message(mail: Mail, from: &Mailbox) -> Result<Message, MailError> {
    let builder = Message::builder().from(from.clone()).to(mail.to.parse()?).subject(mail.subject);
    // Answers of machines ("out of office") need not come back.
    let builder = builder.header(ContentType::TEXT_PLAIN);
    Ok(builder.body(mail.text)?)
}

/// Hands mail to a server.
struct Smtp {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer for Smtp {
    fn send(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>> {
        Box::pin(async move {
            self.server.send(message(mail, &self.from)?).await?;
            Ok(())
        })
    }
}

/// Writes mail into a folder, a file for each message.
struct Folder {
    folder: PathBuf,
    from: Mailbox,
    next: AtomicU64,
}

impl Mailer for Folder {
    fn send(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>> {
        Box::pin(async move {
            let text = message(mail, &self.from)?.formatted();
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{number}.eml", std::process::id());
            tokio::fs::create_dir_all(&self.folder).await?;
            // Whoever waits for a message must not find half of one.
            let unfinished = self.folder.join(format!("{name}.part"));
            tokio::fs::write(&unfinished, text).await?;
            Ok(tokio::fs::rename(unfinished, self.folder.join(name)).await?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(smtp: Option<&str>, from: &str) -> MailSection {
        let smtp = smtp.map(|text| text.parse().expect("a text"));
        MailSection { smtp, from: Some(from.to_owned()), ..MailSection::default() }
    }

    #[test]
    fn what_breaks_a_rule_is_named_and_no_password_shown() {
        for (smtp, from, key) in [
            (None, "hub at example", "mail.from"),
            (Some("http://user:topsecret@example.org"), "hub@example.org", "mail.smtp"),
            (Some("topsecret"), "hub@example.org", "mail.smtp"),
        ] {
            let bad = check(&section(smtp, from)).expect_err(key);
            assert_eq!(bad.key, key);
            assert!(!bad.rule.contains("topsecret"), "{}", bad.rule);
        }
        for smtp in [None, Some("smtps://user:pass@example.org"), Some("smtp://localhost:2525")] {
            check(&section(smtp, "The hub <hub@example.org>")).expect("it is right");
        }
    }

    #[tokio::test]
    async fn a_folder_gets_whole_messages() {
        let folder = tempfile::tempdir().expect("a folder");
        let section = MailSection {
            from: Some("Hub <hub@example.org>".to_owned()),
            folder: Some(folder.path().join("mail")),
            ..MailSection::default()
        };
        let mailer = mailer(&section).expect("it is right").expect("there is one");
        let mail = Mail {
            to: "alice@example.org".to_owned(),
            subject: "Grüße".to_owned(),
            text: "a code\n".to_owned(),
        };
        mailer.send(mail.clone()).await.expect("it is written");
        mailer.send(Mail { to: "nobody".to_owned(), ..mail }).await.expect_err("no address");
        let files: Vec<_> = std::fs::read_dir(folder.path().join("mail"))
            .expect("it was made")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(&files[0]).expect("a text");
        assert!(text.contains("To: alice@example.org") && text.contains("a code"), "{text}");
    }
}
