//! When tokens were last used, to the hour: noted in memory, written with the counters, so that no request waits for it.

use std::collections::HashMap;

use parking_lot::Mutex;
use steelyard_core::Timestamp;
use steelyard_db::token;

use crate::{Hub, Result};

/// A use is noted this long after the last one.
const NOTE_EVERY_SECS: i64 = 3600;
/// Tokens remembered; when full, the table starts anew rather than grow.
const TOKENS_MAX: usize = 100_000;

/// Which tokens were used since their uses were last written.
#[derive(Debug, Default)]
pub(crate) struct TokenUses {
    tokens: Mutex<HashMap<i64, Use>>,
}

#[derive(Debug, Clone, Copy)]
struct Use {
    at: Timestamp,
    is_written: bool,
}

impl TokenUses {
    /// Notes that a token is used now.
    pub(super) fn note(&self, id: i64, now: Timestamp) {
        let mut tokens = self.tokens.lock();
        if tokens.get(&id).is_some_and(|last| now < last.at.plus_secs(NOTE_EVERY_SECS)) {
            return;
        }
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(id, Use { at: now, is_written: false });
    }

    fn unwritten(&self) -> Vec<(i64, Timestamp)> {
        let tokens = self.tokens.lock();
        let waiting = tokens.iter().filter(|(_, last)| !last.is_written);
        let mut waiting: Vec<_> = waiting.map(|(id, last)| (*id, last.at)).collect();
        waiting.sort_unstable();
        waiting
    }

    fn mark_written(&self, written: &[(i64, Timestamp)]) {
        let mut tokens = self.tokens.lock();
        for (id, at) in written {
            if let Some(last) = tokens.get_mut(id).filter(|last| last.at == *at) {
                last.is_written = true;
            }
        }
    }
}

impl Hub {
    /// Writes when tokens were used; what cannot be written is tried again by the next call.
    pub async fn flush_token_uses(&self) -> Result<()> {
        let waiting = self.token_uses().unwritten();
        if waiting.is_empty() {
            return Ok(());
        }
        let mut tx = self.db().write().await?;
        for (id, at) in &waiting {
            token::touch_token(&mut tx, *id, *at).await?;
        }
        tx.commit().await?;
        self.token_uses().mark_written(&waiting);
        Ok(())
    }
}
