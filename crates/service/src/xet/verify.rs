//! The job `xet.verify`: reads a file of which a client said what SHA-256 it has.

use steelyard_core::fault::crash_point;
use steelyard_db::job;
use steelyard_db::xet;

use super::digest::sha256s_of;
use crate::jobs::JobKind;
use crate::{Error, Hub, Result};

/// Files per look for ones that wait.
const ROUND: i64 = 200;
/// Looks per scan.
const ROUNDS_MAX: usize = 10;

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

    /// The files that wait to be read, as subjects of jobs.
    pub(crate) async fn list_unverified(&self) -> Result<Vec<(JobKind, String)>> {
        let mut found = Vec::new();
        let mut after = 0;
        let mut conn = self.db().read().await?;
        for _ in 0..ROUNDS_MAX {
            let round = xet::list_unverified_files(&mut conn, after, ROUND).await?;
            let Some(last) = round.last() else { break };
            after = last.id;
            for file in round {
                let subject = file.id.to_string();
                if !job::is_pending(&mut conn, JobKind::XetVerify.as_str(), &subject).await? {
                    found.push((JobKind::XetVerify, subject));
                }
            }
        }
        Ok(found)
    }
}
