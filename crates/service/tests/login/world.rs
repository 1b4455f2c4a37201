//! A hub with alice, whose password is known, and a mailbox.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use steelyard_core::{Secret, TokenRole};
use steelyard_service::accounts::CreateUser;
use steelyard_service::login::mail::{Mail, MailError, Mailer};
use steelyard_service::login::{Attempt, BrowserSession, SignIn, SignUpRule, Visitor};
use steelyard_service::{Actor, Hub};
use steelyard_testkit::{Stores, TestHub};

pub const PASSWORD: &str = "a beam and a poise";

/// Keeps what would be sent; fails as often as it is told to.
#[derive(Default)]
pub struct Mailbox {
    pub mails: Mutex<Vec<Mail>>,
    pub failures: Mutex<u32>,
}

impl Mailer for Mailbox {
    fn send(&self, mail: Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + '_>> {
        Box::pin(async move {
            let mut failures = self.failures.lock();
            if *failures > 0 {
                *failures -= 1;
                return Err("the server is away".into());
            }
            self.mails.lock().push(mail);
            Ok(())
        })
    }
}

pub struct World {
    pub test: TestHub,
    pub mailbox: Arc<Mailbox>,
    /// alice's write token.
    pub token: String,
}

impl World {
    pub async fn on(stores: Stores) -> Self {
        Self::with(stores, SignUpRule::Open).await
    }

    pub async fn with(stores: Stores, sign_up: SignUpRule) -> Self {
        let mailbox = Arc::new(Mailbox::default());
        let mailer = Arc::clone(&mailbox);
        let setup = TestHub::on(stores).with_settings(move |settings| {
            settings.login.sign_up = sign_up;
            settings.login.mailer = Some(Arc::clone(&mailer) as _);
        });
        let test = setup.start().await.unwrap();
        let alice = CreateUser {
            name: "alice".to_owned(),
            email: Some("alice@example.org".to_owned()),
            ..CreateUser::default()
        };
        test.hub.create_user(&alice).await.unwrap();
        let token = test.user("alice", TokenRole::Write).await.unwrap();
        test.hub.set_password("alice", &secret(PASSWORD)).await.unwrap();
        Self { test, mailbox, token }
    }

    pub fn hub(&self) -> &Hub {
        &self.test.hub
    }

    pub async fn try_password(&self, name: &str, password: &str) -> SignIn {
        let attempt = Attempt { name: name.to_owned(), password: secret(password) };
        self.hub().sign_in(&attempt, &visitor("10.0.0.1")).await.unwrap()
    }

    /// The secret of a new session of alice's.
    pub async fn sign_in(&self) -> Secret {
        match self.try_password("alice", PASSWORD).await {
            SignIn::Done(secret) => secret,
            other => panic!("{other:?}"),
        }
    }

    pub async fn session(&self, secret: &Secret) -> Option<BrowserSession> {
        self.hub().browser_session(secret).await.unwrap()
    }

    /// alice in a new session.
    pub async fn alice(&self) -> Actor {
        self.session(&self.sign_in().await).await.unwrap().actor
    }
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text)
}

pub fn visitor(address: &str) -> Visitor {
    Visitor { address: address.to_owned(), user_agent: "a test".to_owned() }
}
