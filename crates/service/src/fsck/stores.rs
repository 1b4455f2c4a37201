//! The two stores against each other: contents of large files, and what nobody names.

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256 as Hasher};
use steelyard_blob::{Family, Key};
use steelyard_core::Sha256;
use steelyard_db::lfs::Home;
use steelyard_db::repo::RepoRow;
use steelyard_db::{check, lfs, pack};

use super::finding::Finding;
use super::{Report, label};
use crate::{Error, Hub, Result};

/// Rows read at a time.
const PAGE: i64 = 500;
/// Stored objects listed at a time.
const LISTING: usize = 1000;
/// Findings of one kind about the whole hub.
const LISTED_MAX: i64 = 500;
/// What a running hub's jobs have cleared away by then.
const STALE_SECS: i64 = 2 * 24 * 3600;
/// After that long, an orphan should have been swept.
const ORPHAN_AGE_SECS: i64 = 9 * 24 * 3600;
const RESTORE: &str = "restore it from a backup of the object store, or upload the file again";

impl Hub {
    /// Checks the contents one repository links to.
    pub(super) async fn fsck_linked_contents(
        &self,
        row: &RepoRow,
        deep: bool,
        report: &mut Report<'_>,
    ) -> Result<()> {
        let label = label(row);
        let mut after = String::new();
        loop {
            let mut conn = self.db().read().await?;
            let links = lfs::list_links(&mut conn, row.id, &after, PAGE).await?;
            drop(conn);
            let Some(last) = links.last() else { return Ok(()) };
            after.clone_from(&last.public_id);
            for link in links.iter().filter(|link| link.home != Home::Raw) {
                let mut found = Vec::new();
                Box::pin(self.fsck_linked_file(link, deep, &mut found)).await?;
                report.summary.files += 1;
                found.into_iter().for_each(|finding| report.found(finding.about(&label)));
            }
            for link in links.iter().filter(|link| link.home == Home::Raw) {
                report.summary.contents += 1;
                if let Some(finding) =
                    self.check_content(link.sha256, link.size_bytes, deep).await?
                {
                    report.found(finding.about(&label));
                }
            }
        }
    }

    /// Checks everything that belongs to no single repository.
    pub(super) async fn fsck_stores(&self, deep: bool, report: &mut Report<'_>) -> Result<()> {
        report.looking("names");
        self.fsck_names(report).await?;
        report.looking("large files");
        self.fsck_contents(deep, report).await?;
        report.looking("stored objects");
        self.fsck_stored_contents(report).await?;
        self.fsck_stored_packs(report).await?;
        self.fsck_leftovers(report).await
    }

    async fn fsck_names(&self, report: &mut Report<'_>) -> Result<()> {
        let mut conn = self.db().read().await?;
        for id in check::list_ownerless_repos(&mut conn, LISTED_MAX).await? {
            let hint = "restore the database from a backup";
            report.found(Finding::error(
                format!("repository {id}"),
                "its owner does not exist",
                hint,
            ));
        }
        for redirect in check::list_bad_redirects(&mut conn, LISTED_MAX).await? {
            let what = if redirect.is_shadowed {
                "stands at the name of an existing repository"
            } else {
                "leads to a deleted repository"
            };
            let hint = "no request is affected; delete the row from repo_redirect";
            report.found(Finding::warning(format!("redirect of {}", redirect.name), what, hint));
        }
        Ok(())
    }

    async fn fsck_contents(&self, deep: bool, report: &mut Report<'_>) -> Result<()> {
        let mut after: Vec<u8> = Vec::new();
        loop {
            let mut conn = self.db().read().await?;
            let contents = lfs::list_objects(&mut conn, &after, PAGE).await?;
            drop(conn);
            let Some(last) = contents.last() else { return Ok(()) };
            after = last.sha256.as_bytes().to_vec();
            for content in contents.iter().filter(|content| content.has_raw) {
                report.summary.contents += 1;
                let checked = self.check_content(content.sha256, content.size_bytes, deep).await?;
                if let Some(finding) = checked {
                    report.found(finding);
                }
            }
        }
    }

    async fn check_content(
        &self,
        sha256: Sha256,
        size: u64,
        deep: bool,
    ) -> Result<Option<Finding>> {
        let key = Key::lfs(&sha256);
        let bad =
            |what: String| Ok(Some(Finding::error(format!("large file {sha256}"), what, RESTORE)));
        let found = self.blobs().head(&key).await?;
        match found {
            Some(info) if info.size == size => {}
            Some(info) => return bad(format!("has {} bytes instead of {size}", info.size)),
            None => {
                let mut conn = self.db().read().await?;
                // Deleted since the row was read, or about to be.
                let is_gone = lfs::find_object(&mut conn, sha256).await?.is_none()
                    || check::is_condemned(&mut conn, sha256).await?;
                return if is_gone {
                    Ok(None)
                } else {
                    bad(format!("is missing from the object store ({key})"))
                };
            }
        }
        if !deep {
            return Ok(None);
        }
        let Some((_, mut stream)) = self.blobs().open_whole(&key).await? else { return Ok(None) };
        let mut hasher = Hasher::new();
        while let Some(chunk) = stream.next().await {
            hasher.update(&chunk.map_err(Error::internal)?);
        }
        let actual = Sha256::new(hasher.finalize().into());
        if actual == sha256 {
            Ok(None)
        } else {
            bad(format!("holds other bytes: their SHA-256 is {actual}"))
        }
    }

    /// Contents in the object store that have no row: a crash between the two leaves them.
    async fn fsck_stored_contents(&self, report: &mut Report<'_>) -> Result<()> {
        let mut after = None;
        loop {
            let listed = self.blobs().list(Family::Lfs, after, LISTING).await?;
            let Some((last, _)) = listed.last() else { return Ok(()) };
            after = Some(*last);
            let mut conn = self.db().read().await?;
            for (key, info) in &listed {
                let Some(sha256) = key.lfs_sha256() else { continue };
                if lfs::find_object(&mut conn, sha256).await?.is_none() {
                    let what = format!("{} bytes without a row", info.size);
                    let hint = "left by an upload that never ended; the job lfs.orphans deletes it in some days";
                    report.found(Finding::info(key.to_string(), what, hint));
                }
            }
        }
    }

    /// Packs in the object store that have no row.
    async fn fsck_stored_packs(&self, report: &mut Report<'_>) -> Result<()> {
        let old = self.now().plus_secs(-ORPHAN_AGE_SECS);
        let mut after = None;
        loop {
            let listed = self.blobs().list(Family::Packs, after, LISTING).await?;
            let Some((last, _)) = listed.last() else { return Ok(()) };
            after = Some(*last);
            let mut conn = self.db().read().await?;
            for (key, info) in &listed {
                let Some(uuid) = key.pack_id() else { continue };
                if pack::pack_exists(&mut conn, &uuid.to_string()).await? {
                    continue;
                }
                let what = format!("{} bytes without a row", info.size);
                report.found(if info.modified < old {
                    Finding::warning(
                        key.to_string(),
                        what,
                        "the job packs.orphans should have deleted it; see its log",
                    )
                } else {
                    Finding::info(
                        key.to_string(),
                        what,
                        "the job packs.orphans deletes it after a week",
                    )
                });
            }
        }
    }

    /// What jobs should have cleared away.
    async fn fsck_leftovers(&self, report: &mut Report<'_>) -> Result<()> {
        let before = self.now().plus_secs(-STALE_SECS);
        let mut conn = self.db().read().await?;
        let uploads = check::count_stale_uploads(&mut conn, before).await?;
        if uploads > 0 {
            let what = format!("{uploads} uploads ended long ago and still have rows");
            report.found(Finding::warning(
                "lfs_upload",
                what,
                "the job lfs.sweep deletes them while a hub runs",
            ));
        }
        let retired = check::count_stale_retired(&mut conn, before).await?;
        if retired > 0 {
            let what = format!("{retired} packs were replaced long ago and are still there");
            report.found(Finding::warning(
                "git_repo_pack",
                what,
                "the job packs.sweep deletes them while a hub runs",
            ));
        }
        for pack_id in pack::list_unnamed(&mut conn, "", LISTED_MAX).await? {
            let hint = "it only takes room; delete its row from git_pack";
            report.found(Finding::warning(
                format!("pack {pack_id}"),
                "no repository names it",
                hint,
            ));
        }
        drop(conn);
        self.fsck_stored_uploads(report).await
    }

    async fn fsck_stored_uploads(&self, report: &mut Report<'_>) -> Result<()> {
        let (mut after, mut count) = (None, 0_u64);
        loop {
            let listed = self.blobs().list(Family::Uploads, after, LISTING).await?;
            let Some((last, _)) = listed.last() else { break };
            after = Some(*last);
            let mut conn = self.db().read().await?;
            for id in listed.iter().filter_map(|(key, _)| key.upload_id()) {
                count += u64::from(!lfs::upload_exists(&mut conn, &id.to_string()).await?);
            }
        }
        if count > 0 {
            let what = format!("{count} objects belong to no upload");
            report.found(Finding::info(
                Family::Uploads.prefix(),
                what,
                "the job lfs.orphans deletes them in some days",
            ));
        }
        Ok(())
    }
}
