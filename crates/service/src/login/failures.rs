//! Guessing is slow: wrong passwords and codes are counted by account for all replicas together, and by address in the
//! memory of each.

use steelyard_core::Timestamp;
use steelyard_db::login;

use crate::{Error, Hub, Result};

/// Wrong tries that an account may meet in one window. Who knows the name of an account can lock its password for the rest of the
/// window; sessions and tokens go on.
const FAILURES_MAX: i64 = 20;
/// The window.
const WINDOW_SECS: i64 = 15 * 60;

/// What was tried.
pub(crate) enum Subject {
    /// The password of an account.
    Password(i64),
    /// The second factor of an account.
    Code(i64),
    /// The code of a program without a browser, by an account.
    Device(i64),
}

impl Subject {
    fn text(&self) -> String {
        match self {
            Self::Password(id) => format!("password:{id}"),
            Self::Code(id) => format!("code:{id}"),
            Self::Device(id) => format!("device:{id}"),
        }
    }
}

impl Hub {
    /// Fails while `address` or the account has met too many wrong tries.
    pub(crate) async fn check_failures(
        &self,
        subject: Option<&Subject>,
        address: &str,
    ) -> Result<()> {
        let now = self.now();
        if let Some(retry_after_secs) = self.throttle().blocked_secs(address, now) {
            return Err(Error::RateLimited { retry_after_secs });
        }
        let Some(subject) = subject else { return Ok(()) };
        let mut conn = self.db().read().await?;
        let Some((failures, since)) = login::find_failures(&mut conn, &subject.text()).await?
        else {
            return Ok(());
        };
        let left = since.plus_secs(WINDOW_SECS).secs() - now.secs();
        if failures >= FAILURES_MAX && left > 0 {
            return Err(Error::RateLimited { retry_after_secs: left.unsigned_abs() });
        }
        Ok(())
    }

    /// Counts a wrong try.
    pub(crate) async fn count_failure(
        &self,
        subject: Option<&Subject>,
        address: &str,
    ) -> Result<()> {
        let now = self.now();
        self.throttle().record_failure(address, now);
        let Some(subject) = subject else { return Ok(()) };
        let mut tx = self.db().write().await?;
        login::count_failure(&mut tx, &subject.text(), now.plus_secs(-WINDOW_SECS), now).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets wrong tries, in the transaction of the right one.
    pub(super) async fn forgive_failures(
        &self,
        tx: &mut steelyard_db::Tx,
        subject: &Subject,
    ) -> Result<()> {
        Ok(login::clear_failures(tx, &subject.text()).await?)
    }

    /// Deletes sessions, codes and windows whose time is over.
    pub(crate) async fn trim_logins(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.db().write().await?;
        let trimmed = login::trim_logins(&mut tx, now, now.plus_secs(-WINDOW_SECS)).await?;
        tx.commit().await?;
        Ok(trimmed)
    }
}
