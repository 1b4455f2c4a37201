//! The job `xet.verify`: reads a file of which a client said what SHA-256 it has.

use steelyard_core::fault::crash_point;
use steelyard_db::job;
use steelyard_db::xet;

use super::digest::sha256s_of;
use crate::jobs::progress;
use crate::{Error, Hub, Result};

/// Files per look for ones that wait.
const ROUND: i64 = 500;

impl Hub {
    /// Computes the SHA-256 of a file and settles every claim on it. May be repeated.
    pub(crate) async fn verify_xet_file(&self, file_id: i64) -> Result<()> {
        let mut conn = self.db().read().await?;
        let file = xet::find_file_by_id(&mut conn, file_id).await?;
        drop(conn);
        // It may have gone since the job was put in line: then nothing rests on it.
        let Some(file) = file else { return Ok(()) };
        let sha256 = match file.sha256 {
            Some(known) => known,
            None => {
                progress::begin("bytes", Some(file.size_bytes));
                let stream = self.read_xet_file(file_id, 0..file.size_bytes).await?;
                let hashes = sha256s_of(stream, vec![file.size_bytes]).await?;
                hashes.first().copied().ok_or_else(|| Error::internal("nothing was hashed"))?
            }
        };
        crash_point("xet.verify.read");
        let mut tx = self.db().write().await?;
        let settled = xet::confirm_claims(&mut tx, file_id, sha256, self.now()).await?;
        crash_point("xet.verify.before_commit");
        tx.commit().await?;
        crash_point("xet.verify.after_commit");
        if settled.quarantined > 0 {
            metrics::counter!("steelyard_xet_quarantined_total").increment(settled.quarantined);
            tracing::warn!(
                file = %file.hash,
                %sha256,
                links = settled.quarantined,
                "somebody claimed another SHA-256 for this file; these links are quarantined"
            );
        }
        Ok(())
    }

    /// Puts in line every file that waits to be read: registering one puts it there, too, so what is found here has failed
    /// before.
    pub(crate) async fn enqueue_unverified(&self, kind: &str) -> Result<u64> {
        progress::begin("files", None);
        let (mut after, mut count) = (0, 0);
        loop {
            let mut conn = self.db().read().await?;
            let found = xet::list_unverified_files(&mut conn, after, ROUND).await?;
            drop(conn);
            let Some(last) = found.last() else { return Ok(count) };
            after = last.id;
            let now = self.now();
            let mut tx = self.db().write().await?;
            for file in &found {
                // One that failed for good is tried again with every round: its bytes may have been restored.
                let subject = file.id.to_string();
                count += u64::from(job::ensure(&mut tx, kind, &subject, now, now, now).await?);
            }
            tx.commit().await?;
            progress::advance(found.len() as u64);
        }
    }
}
