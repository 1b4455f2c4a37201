//! Copying large files between repositories: links are made, no byte is moved.

use steelyard_core::limits::LFS_BATCH_OBJECTS_MAX;
use steelyard_core::{RepoId, RepoKind, Sha256, XetHash};
use steelyard_db::Tx;
use steelyard_db::lfs::{self, Home, UploadRow};
use steelyard_db::xet::{self, ClaimOutcome};

use crate::{Action, Actor, Error, Hub, Result};

/// How long a copied file waits for the commit that names it, if only a commit may link it.
const COPIED_SECS: i64 = 24 * 3600;

/// A large file to copy.
#[derive(Debug, Clone)]
pub struct DuplicateFile {
    /// Its hash in the protocol of Xet, where the client knows it.
    pub xet_hash: Option<XetHash>,
    /// Its SHA-256.
    pub sha256: Sha256,
}

/// A large file that was not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedFile {
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Why.
    pub error: String,
}

/// Where copies go.
struct Target {
    repo_id: i64,
    user_id: i64,
    /// False when only the commit of a pull request may make the links.
    may_write: bool,
}

impl Hub {
    /// Lets one repository have large files of another, for a commit that will name them. The actor must be able to read
    /// the one and to change the other, or to propose a change to it. Returns those that were not copied.
    pub async fn duplicate_lfs_files(
        &self,
        actor: &Actor,
        from: (RepoKind, &RepoId),
        to: (RepoKind, &RepoId),
        files: &[DuplicateFile],
    ) -> Result<Vec<FailedFile>> {
        if files.len() > LFS_BATCH_OBJECTS_MAX {
            return Err(Error::TooLarge {
                what: "the list of files".to_owned(),
                limit: format!("{LFS_BATCH_OBJECTS_MAX} files"),
            });
        }
        let mut tx = self.db().write().await?;
        let source = self.repo_on(&mut tx, actor, from.0, from.1, Action::ReadContent).await?;
        let repo = self.repo_on(&mut tx, actor, to.0, to.1, Action::ProposeChange).await?;
        let user_id =
            actor.id().ok_or_else(|| Error::LoginRequired("to copy a file".to_owned()))?;
        let may_write = self.may(&mut tx, actor, &repo, Action::WriteContent).await?;
        let target = Target { repo_id: repo.id, user_id, may_write };
        let mut failed = Vec::new();
        for file in files {
            if let Err(error) = self.duplicate_file(&mut tx, source.id, &target, file).await? {
                failed.push(FailedFile { sha256: file.sha256, error });
            }
        }
        tx.commit().await?;
        Ok(failed)
    }

    /// Copies one file; why not, if it cannot be done.
    async fn duplicate_file(
        &self,
        tx: &mut Tx,
        from_repo: i64,
        target: &Target,
        file: &DuplicateFile,
    ) -> Result<Result<(), String>> {
        let link =
            lfs::find_link(tx, from_repo, file.sha256).await?.filter(lfs::LinkRow::is_served);
        let found = match link {
            Some(link) => match (file.xet_hash, link.home) {
                (Some(named), Home::Xet { hash, .. } | Home::Claimed { hash, .. })
                    if named != hash =>
                {
                    None
                }
                // A file that arrived as plain bytes has no other name yet than its SHA-256.
                _ => Some(link),
            },
            None => None,
        };
        let Some(link) = found else {
            return Ok(Err("the source repository has no such file".to_owned()));
        };
        let file_id = match link.home {
            Home::Claimed { file_id, .. } => Some(file_id),
            _ => None,
        };
        if target.may_write {
            return self.link_copy(tx, target.repo_id, file.sha256, file_id).await;
        }
        let now = self.now();
        let upload = UploadRow {
            id: self.fresh_uuid().to_string(),
            repo_id: target.repo_id,
            user_id: target.user_id,
            sha256: file.sha256,
            size_bytes: link.size_bytes,
            part_size_bytes: None,
            expires_at: now.plus_secs(COPIED_SECS),
            finished_at: Some(now),
            xet_file_id: file_id,
        };
        lfs::spare_object(tx, file.sha256).await?;
        lfs::create_finished_upload(tx, &upload, now).await?;
        Ok(Ok(()))
    }

    async fn link_copy(
        &self,
        tx: &mut Tx,
        repo_id: i64,
        sha256: Sha256,
        claimed: Option<i64>,
    ) -> Result<Result<(), String>> {
        let Some(file_id) = claimed else {
            // Sparing holds the content until the link stands.
            if lfs::spare_object(tx, sha256).await?.is_none() {
                return Ok(Err("the source repository has no such file any more".to_owned()));
            }
            self.link(tx, repo_id, sha256).await?;
            return Ok(Ok(()));
        };
        let id = self.fresh_id();
        match xet::claim_link(tx, repo_id, sha256, &id, file_id, self.now()).await? {
            ClaimOutcome::Linked | ClaimOutcome::Same => Ok(Ok(())),
            ClaimOutcome::Other => {
                Ok(Err("the target repository has another file with this SHA-256".to_owned()))
            }
        }
    }
}
