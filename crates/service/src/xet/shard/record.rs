//! Recording the files of a shard, all or none.

use steelyard_core::fault::crash_point;
use steelyard_core::{Sha256, Timestamp, XetHash};
use steelyard_db::lfs::{self, UploadRow};
use steelyard_db::xet::{self, ClaimOutcome, NewFile, XorbState};
use steelyard_db::{Tx, job};

use super::super::{XetRepo, XetToken};
use super::Registered;
use super::claims::Registration;
use super::sources::Sources;
use crate::jobs::JobKind;
use crate::{Action, Error, Hub, Result};

/// How long a registered file waits for the commit that names it.
const REGISTERED_SECS: i64 = 3 * 24 * 3600;

/// What the files of one shard have in common.
struct Recording<'a> {
    repo: &'a XetRepo,
    user_id: i64,
    /// The user may write to the repository, so links are made at once; those of others are made by their commits.
    may_write: bool,
    now: Timestamp,
    /// Xorbs of files that are new.
    used: Vec<i64>,
    /// Chunks of such files by which they are found.
    findable: Vec<(XetHash, i64, u32)>,
    is_new: bool,
}

impl Hub {
    /// Records all files in one transaction; `None` when a xorb went or changed since it was looked at.
    pub(super) async fn record_shard(
        &self,
        token: &XetToken,
        sources: &Sources,
        mut files: Vec<Registration>,
    ) -> Result<Option<Registered>> {
        crash_point("xet.shard.checked");
        // Everybody inserts in the same order, so that two shards with the same files do not wait for each other.
        files.sort_unstable_by_key(|registration| registration.file.hash);
        let now = self.now();
        let mut tx = self.db().write().await?;
        let repo = self.xet_repo_on(&mut tx, token, Action::ProposeChange).await?;
        let may_write = self.may(&mut tx, &repo.actor, &repo.repo, Action::WriteContent).await?;
        let user_id = repo.user_id()?;
        if !self.hold_sources(&mut tx, sources, user_id, now).await? {
            return Ok(None);
        }
        crash_point("xet.shard.xorbs_held");
        let (used, findable) = (Vec::new(), Vec::new());
        let mut recording =
            Recording { repo: &repo, user_id, may_write, now, used, findable, is_new: false };
        for registration in &files {
            self.record_file(&mut tx, &mut recording, registration).await?;
        }
        xet::mark_used(&mut tx, &recording.used, now).await?;
        xet::insert_dedup(&mut tx, &recording.findable).await?;
        crash_point("xet.shard.before_commit");
        tx.commit().await?;
        crash_point("xet.shard.after_commit");
        Ok(Some(Registered { is_new: recording.is_new }))
    }

    /// Locks all xorbs, takes condemned ones back, and keeps them for the user; false when one is not there any more, or
    /// is another object than the one that was looked at.
    async fn hold_sources(
        &self,
        tx: &mut Tx,
        sources: &Sources,
        user_id: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let ids = sources.ids();
        let rows = xet::lock_xorbs(tx, &ids).await?;
        let is_same = rows.len() == ids.len()
            && rows.iter().all(|row| {
                let seen = sources.find_by_id(row.id);
                row.state != XorbState::Deleting
                    && seen.is_some_and(|seen| seen.generation == row.generation)
            });
        if is_same {
            let until = now.plus_secs(self.settings().xet.unreferenced_keep_secs);
            xet::touch_use(tx, user_id, &ids, until).await?;
        }
        Ok(is_same)
    }

    async fn record_file(
        &self,
        tx: &mut Tx,
        recording: &mut Recording<'_>,
        registration: &Registration,
    ) -> Result<()> {
        let Registration { file, is_verified } = registration;
        let now = recording.now;
        let xorb_ids = file.terms.xorb_ids();
        let new = NewFile {
            hash: file.hash,
            size_bytes: file.size,
            n_terms: u32::try_from(file.terms.len()).map_err(Error::internal)?,
            terms: file.terms.packed(),
            xorb_ids: &xorb_ids,
        };
        let (file_id, is_new) = xet::insert_file(tx, &new, now).await?;
        if is_new {
            recording.is_new = true;
            recording.used.extend(&xorb_ids);
            recording.findable.extend(&file.findable);
        }
        match (is_verified, is_new) {
            (true, true) => xet::set_file_sha256(tx, file_id, file.sha256).await?,
            // Others may have claimed it before somebody read it.
            (true, false) => {
                xet::confirm_claims(tx, file_id, file.sha256, now).await?;
            }
            (false, _) => {
                let kind = JobKind::XetVerify.as_str();
                job::enqueue(tx, kind, &file_id.to_string(), now, now).await?;
            }
        }
        let upload = UploadRow {
            id: self.fresh_uuid().to_string(),
            repo_id: recording.repo.repo.id,
            user_id: recording.user_id,
            sha256: file.sha256,
            size_bytes: file.size,
            part_size_bytes: None,
            expires_at: now.plus_secs(REGISTERED_SECS),
            finished_at: Some(now),
            xet_file_id: Some(file_id),
        };
        lfs::create_finished_upload(tx, &upload, now).await?;
        if recording.may_write {
            self.link_registered(tx, recording.repo.repo.id, file.sha256, file_id).await?;
        }
        Ok(())
    }

    /// Gives a repository its link to a registered file; fails if it has another file for that SHA-256.
    async fn link_registered(
        &self,
        tx: &mut Tx,
        repo_id: i64,
        sha256: Sha256,
        file_id: i64,
    ) -> Result<()> {
        let id = self.fresh_id();
        match xet::claim_link(tx, repo_id, sha256, &id, file_id, self.now()).await? {
            ClaimOutcome::Linked | ClaimOutcome::Same => Ok(()),
            ClaimOutcome::Other => {
                let rule = format!("{sha256} is another file in this repository");
                Err(Error::invalid("sha256", rule))
            }
        }
    }
}
