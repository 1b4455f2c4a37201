//! Recording the files of a shard, all or none.

use std::collections::HashSet;

use steelyard_core::fault::crash_point;
use steelyard_core::{Timestamp, XetHash};
use steelyard_db::lfs::{self, UploadRow};
use steelyard_db::xet::{self, ClaimOutcome, NewFile, NewLink, XorbState};
use steelyard_db::{Tx, job};

use super::super::XetToken;
use super::Registered;
use super::claims::Registration;
use super::sources::Sources;
use crate::jobs::JobKind;
use crate::{Action, Error, Hub, Result};

/// How long a registered file waits for the commit that names it.
const REGISTERED_SECS: i64 = 3 * 24 * 3600;

impl Hub {
    /// Records all files in one transaction; `None` when a xorb went or changed since it was looked at.
    pub(super) async fn record_shard(
        &self,
        token: &XetToken,
        sources: &Sources,
        mut files: Vec<Registration>,
    ) -> Result<Option<Registered>> {
        crash_point("xet.shard.checked");
        // One claim that fails is told of the same file each time.
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
        let inserted = insert_new(&mut tx, &files, now).await?;
        settle_sha256s(&mut tx, &files, &inserted, now).await?;
        let ids: Vec<i64> = inserted.iter().map(|(id, _)| *id).collect();
        let uploads = files.iter().zip(&ids).map(|(Registration { file, .. }, id)| UploadRow {
            id: self.fresh_uuid().to_string(),
            repo_id: repo.repo.id,
            user_id,
            sha256: file.sha256,
            size_bytes: file.size,
            part_size_bytes: None,
            expires_at: now.plus_secs(REGISTERED_SECS),
            finished_at: Some(now),
            xet_file_id: Some(*id),
        });
        let uploads: Vec<UploadRow> = uploads.collect();
        lfs::create_finished_uploads(&mut tx, &uploads, now).await?;
        // The links of those who may only propose are made by their commits.
        if may_write {
            self.link_registered(&mut tx, repo.repo.id, &files, &ids).await?;
        }
        crash_point("xet.shard.before_commit");
        tx.commit().await?;
        crash_point("xet.shard.after_commit");
        Ok(Some(Registered { is_new: inserted.iter().any(|(_, is_new)| *is_new) }))
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

    /// Gives a repository its links to registered files; fails if it has another file for one of the SHA-256.
    async fn link_registered(
        &self,
        tx: &mut Tx,
        repo_id: i64,
        files: &[Registration],
        ids: &[i64],
    ) -> Result<()> {
        let links = files.iter().zip(ids).map(|(Registration { file, .. }, id)| NewLink {
            sha256: file.sha256,
            public_id: self.fresh_id(),
            file_id: *id,
        });
        let links: Vec<NewLink> = links.collect();
        let outcomes = xet::claim_links(tx, repo_id, &links, self.now()).await?;
        match outcomes.iter().zip(&links).find(|(outcome, _)| **outcome == ClaimOutcome::Other) {
            None => Ok(()),
            Some((_, link)) => {
                let rule = format!("{} is another file in this repository", link.sha256);
                Err(Error::invalid("sha256", rule))
            }
        }
    }
}

/// Registers the files; the id of each, and whether it is new. The xorbs of new ones are in use from now on, and are found
/// by some of their chunks.
async fn insert_new(
    tx: &mut Tx,
    files: &[Registration],
    now: Timestamp,
) -> Result<Vec<(i64, bool)>> {
    let xorb_ids: Vec<Vec<i64>> =
        files.iter().map(|registration| registration.file.terms.xorb_ids()).collect();
    let mut new = Vec::with_capacity(files.len());
    for (Registration { file, .. }, xorb_ids) in files.iter().zip(&xorb_ids) {
        new.push(NewFile {
            hash: file.hash,
            size_bytes: file.size,
            n_terms: u32::try_from(file.terms.len()).map_err(Error::internal)?,
            terms: file.terms.packed(),
            xorb_ids,
        });
    }
    let inserted = xet::insert_files(tx, &new, now).await?;
    let (mut used, mut findable) = (Vec::new(), Vec::new());
    for (n, (_, is_new)) in inserted.iter().enumerate() {
        if *is_new {
            used.extend(&xorb_ids[n]);
            findable.extend(&files[n].file.findable);
        }
    }
    xet::mark_used(tx, &used, now).await?;
    xet::insert_dedup(tx, &findable).await?;
    Ok(inserted)
}

/// Records the SHA-256 of files that were read; the others are read by a job.
async fn settle_sha256s(
    tx: &mut Tx,
    files: &[Registration],
    inserted: &[(i64, bool)],
    now: Timestamp,
) -> Result<()> {
    let hashes: Vec<XetHash> = files.iter().map(|registration| registration.file.hash).collect();
    let known = xet::find_files(tx, &hashes).await?;
    let known: HashSet<i64> =
        known.into_iter().filter(|row| row.sha256.is_some()).map(|row| row.id).collect();
    let mut computed = Vec::new();
    for (Registration { file, is_verified }, (id, is_new)) in files.iter().zip(inserted) {
        match (is_verified, is_new) {
            _ if known.contains(id) => {}
            (true, true) => computed.push((*id, file.sha256)),
            // Others may have claimed it before somebody read it.
            (true, false) => _ = xet::confirm_claims(tx, *id, file.sha256, now).await?,
            (false, _) => {
                let kind = JobKind::XetVerify.as_str();
                job::enqueue(tx, kind, &id.to_string(), now, now).await?;
            }
        }
    }
    Ok(xet::set_files_sha256(tx, &computed).await?)
}
