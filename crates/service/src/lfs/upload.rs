//! Taking large files in: whole or in parts through the hub, or staged in the object store by the client itself.

use std::fmt::Display;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use steelyard_blob::{BlobError, Content, UploadPlan};
use steelyard_core::fault::crash_point;
use steelyard_core::{Sha256, TokenRole};
use steelyard_db::lfs::{self, UploadRow};
use steelyard_db::repo::RepoRow;
use steelyard_db::{Conn, Tx, account, job, repo};

use super::batch::uuid_of;
use super::{Pointer, UPLOAD_TTL_SECS, blob_error};
use crate::access::UserActor;
use crate::jobs::JobKind;
use crate::{Action, Actor, Error, Hub, Missing, Result};

/// Most parts a client may name when it completes an upload.
const COMPLETED_PARTS_MAX: usize = super::settings::PARTS_MAX as usize;

impl Hub {
    /// Takes the whole file of a granted upload: when this returns, the bytes are verified, durable and linked, and a
    /// client that never comes back to verify has lost nothing. May be repeated.
    pub async fn receive_upload<E: Display>(
        &self,
        upload_id: &str,
        length: Option<u64>,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Sha256> {
        let upload = self.open_grant(upload_id).await?;
        let expected = content_of(&upload);
        if length.is_some_and(|length| length != expected.size) {
            let rule = format!("must have the {} bytes that were granted", expected.size);
            return Err(Error::invalid("Content-Length", rule));
        }
        let plan = UploadPlan::new(self.fresh_uuid()).expecting(expected);
        let mut writer = self.blobs().begin_upload(plan).await.map_err(blob_error)?;
        let mut body = std::pin::pin!(body);
        while let Some(bytes) = body.next().await {
            writer.write(bytes.map_err(broken_off)?).await.map_err(blob_error)?;
        }
        self.spare_content(&expected.sha256).await?;
        writer.finish().await.map_err(blob_error)?;
        self.record_upload(&upload).await?;
        Ok(expected.sha256)
    }

    /// Takes one part (from 1) of a granted upload; returns its entity tag. May be repeated.
    pub async fn receive_part<E: Display>(
        &self,
        upload_id: &str,
        number: u32,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<String> {
        let upload = self.open_grant(upload_id).await?;
        let size = part_size(&upload, number)?;
        let mut writer =
            self.blobs().begin_part(uuid_of(&upload)?, number, size).await.map_err(blob_error)?;
        let mut body = std::pin::pin!(body);
        let mut received = 0;
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(broken_off)?;
            received += bytes.len() as u64;
            writer.write(bytes).await.map_err(blob_error)?;
        }
        if received != size {
            return Err(Error::invalid(
                "part",
                format!("{number} has {received} bytes; it must have {size}"),
            ));
        }
        writer.finish().await.map_err(blob_error)
    }

    /// Puts the parts of an upload together, verifies and links the file. May be repeated, also after success.
    pub async fn complete_upload(
        &self,
        upload_id: &str,
        sha256: Sha256,
        parts: Vec<(u32, String)>,
    ) -> Result<()> {
        let upload = self.open_grant(upload_id).await?;
        if upload.sha256 != sha256 {
            return Err(Error::invalid(
                "oid",
                format!("must be {}, for which the upload was granted", upload.sha256),
            ));
        }
        if parts.len() > COMPLETED_PARTS_MAX {
            return Err(Error::invalid("parts", format!("must be at most {COMPLETED_PARTS_MAX}")));
        }
        if upload.finished_at.is_some() {
            return Ok(());
        }
        let hub = self.clone();
        to_the_end(async move {
            let expected = content_of(&upload);
            hub.spare_content(&expected.sha256).await?;
            let assembled = hub.blobs().assemble(uuid_of(&upload)?, &parts, expected).await;
            match assembled {
                Ok(()) => hub.record_upload(&upload).await,
                Err(error) => hub.unless_finished(&upload, blob_error(error)).await,
            }
        })
        .await
    }

    /// Makes sure that a granted upload has been finished, and finishes one that is staged. May be repeated.
    pub async fn verify_upload(&self, upload_id: &str, pointer: Pointer) -> Result<()> {
        let upload = self.open_grant(upload_id).await?;
        if Content::from(pointer) != content_of(&upload) {
            let (sha256, size) = (upload.sha256, upload.size_bytes);
            return Err(Error::invalid(
                "oid",
                format!("must be {sha256} with {size} bytes, as granted"),
            ));
        }
        match self.finish_one_of(vec![upload]).await? {
            Some(_) => Ok(()),
            None => Err(Error::NotFound(Missing::Other("uploaded object"))),
        }
    }

    /// Finishes the first of `uploads` whose bytes have arrived; `None` when none has any.
    pub(super) async fn finish_one_of(&self, uploads: Vec<UploadRow>) -> Result<Option<UploadRow>> {
        let now = self.now();
        let live: Vec<_> = uploads.into_iter().filter(|upload| upload.expires_at > now).collect();
        if let Some(finished) = live.iter().position(|upload| upload.finished_at.is_some()) {
            return Ok(live.into_iter().nth(finished));
        }
        // One user's broken upload must not stand in the way of another's sound one.
        let mut refusal = None;
        for upload in live {
            let (hub, staged) = (self.clone(), upload.clone());
            match to_the_end(async move { hub.adopt_staged(&staged).await }).await {
                Ok(true) => return Ok(Some(upload)),
                Ok(false) => {}
                Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
                Err(error) => refusal = Some(error),
            }
        }
        refusal.map_or(Ok(None), Err)
    }

    /// Takes over what a client has put into the store itself; false when there is nothing.
    async fn adopt_staged(&self, upload: &UploadRow) -> Result<bool> {
        let expected = content_of(upload);
        self.spare_content(&expected.sha256).await?;
        match self.blobs().adopt(uuid_of(upload)?, expected).await {
            Ok(()) => self.record_upload(upload).await.map(|()| true),
            Err(BlobError::NotFound { .. }) => {
                let missing = Error::NotFound(Missing::Other("uploaded object"));
                Ok(self.unless_finished(upload, missing).await.is_ok())
            }
            Err(error) => Err(blob_error(error)),
        }
    }

    /// Keeps the sweep from deleting a content whose bytes are about to be published.
    async fn spare_content(&self, sha256: &Sha256) -> Result<()> {
        let mut tx = self.db().write().await?;
        lfs::spare_object(&mut tx, *sha256).await?;
        Ok(tx.commit().await?)
    }

    /// Records that the bytes of an upload are durable, and links them if its user may write to the repository.
    async fn record_upload(&self, upload: &UploadRow) -> Result<()> {
        crash_point("lfs.bytes_durable");
        let now = self.now();
        let mut tx = self.db().write().await?;
        let (repo, actor) = grantee(&mut tx, upload).await?;
        lfs::ensure_object(&mut tx, upload.sha256, upload.size_bytes, now).await?;
        if upload.size_bytes > 0 {
            let (kind, subject) = (JobKind::LfsChunk.as_str(), upload.sha256.to_string());
            job::enqueue(&mut tx, kind, &subject, now, now).await?;
        }
        crash_point("lfs.row_written");
        if self.may(&mut tx, &actor, &repo, Action::WriteContent).await? {
            self.link(&mut tx, repo.id, upload.sha256).await?;
        } else {
            // A proposal is linked by its commit; until then nobody can read it through this repository.
            self.check_repo(&mut tx, &actor, &repo, Action::ProposeChange).await?;
        }
        if !lfs::finish_upload(&mut tx, &upload.id, now, now.plus_secs(UPLOAD_TTL_SECS)).await? {
            return Err(expired());
        }
        tx.commit().await?;
        crash_point("lfs.link_written");
        Ok(())
    }

    /// Gives a repository its link to a stored content.
    pub(crate) async fn link(&self, tx: &mut Tx, repo_id: i64, sha256: Sha256) -> Result<()> {
        Ok(lfs::ensure_link(tx, repo_id, sha256, &self.fresh_id(), self.now()).await?)
    }

    /// Whether `actor` may do `action` with the repository; fails if they may not even know of it.
    pub(crate) async fn may(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        repo: &RepoRow,
        action: Action,
    ) -> Result<bool> {
        match self.check_repo(conn, actor, repo, action).await {
            Ok(()) => Ok(true),
            Err(Error::Forbidden(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `error`, unless another request has finished the upload meanwhile.
    async fn unless_finished(&self, upload: &UploadRow, error: Error) -> Result<()> {
        let mut conn = self.db().read().await?;
        let now = lfs::find_upload(&mut conn, &upload.id).await?;
        if now.is_some_and(|row| row.finished_at.is_some()) { Ok(()) } else { Err(error) }
    }

    async fn open_grant(&self, upload_id: &str) -> Result<UploadRow> {
        let mut conn = self.db().read().await?;
        lfs::find_upload(&mut conn, upload_id).await?.ok_or_else(expired)
    }
}

/// The repository and user of a grant, as they are now: both may have gone or lost rights since.
async fn grantee(tx: &mut Tx, upload: &UploadRow) -> Result<(RepoRow, Actor)> {
    let gone = Error::NotFound(Missing::Repo { anonymous: false });
    let repo = repo::find_repo_by_id(tx, upload.repo_id).await?.ok_or(gone)?;
    let user = account::find_account_by_id(tx, upload.user_id).await?;
    let user =
        user.ok_or_else(|| Error::Forbidden("the account of this upload is gone".to_owned()))?;
    let actor = Actor::User(UserActor {
        id: user.id,
        name: user.name,
        is_admin: user.is_admin,
        // The grant itself was made for a token that may write.
        token_role: TokenRole::Write,
        token_name: "upload grant".to_owned(),
        session: None,
    });
    Ok((repo, actor))
}

/// Runs work that a client which hangs up must not interrupt: its next request finds it done.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.map_err(Error::internal)?
}

fn content_of(upload: &UploadRow) -> Content {
    Content { sha256: upload.sha256, size: upload.size_bytes }
}

/// The size that part `number` must have.
fn part_size(upload: &UploadRow, number: u32) -> Result<u64> {
    let Some(part_size) = upload.part_size_bytes.map(i64::unsigned_abs).filter(|size| *size > 0)
    else {
        return Err(Error::invalid("part", "this upload was not granted in parts"));
    };
    let before = u64::from(number).checked_sub(1).and_then(|parts| parts.checked_mul(part_size));
    let left =
        before.and_then(|before| upload.size_bytes.checked_sub(before)).filter(|left| *left > 0);
    let count = upload.size_bytes.div_ceil(part_size);
    let left =
        left.ok_or_else(|| Error::invalid("part", format!("must be a number from 1 to {count}")))?;
    Ok(left.min(part_size))
}

fn broken_off(error: impl Display) -> Error {
    Error::invalid("body", format!("broke off: {error}"))
}

fn expired() -> Error {
    Error::NotFound(Missing::Other("upload (it may have expired; ask for a new one)"))
}

#[cfg(test)]
mod tests {
    use steelyard_core::Timestamp;

    use super::*;

    fn upload(size_bytes: u64, part_size_bytes: Option<i64>) -> UploadRow {
        UploadRow {
            id: String::new(),
            repo_id: 1,
            user_id: 1,
            sha256: Sha256::ZERO,
            size_bytes,
            part_size_bytes,
            expires_at: Timestamp::from_millis(0),
            finished_at: None,
            xet_file_id: None,
        }
    }

    #[test]
    fn every_part_but_the_last_is_full() {
        let row = upload(10, Some(4));
        let sizes: Vec<_> = (0..5).map(|number| part_size(&row, number).ok()).collect();
        assert_eq!(sizes, [None, Some(4), Some(4), Some(2), None]);
        let even = upload(8, Some(4));
        assert_eq!(part_size(&even, 2).unwrap(), 4);
        assert!(part_size(&even, 3).is_err());
        assert!(part_size(&even, u32::MAX).is_err());
        assert!(part_size(&upload(8, None), 1).is_err());
    }
}
