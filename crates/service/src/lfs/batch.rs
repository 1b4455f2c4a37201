//! Granting uploads and downloads of many files at once.

use std::time::Duration;

use steelyard_blob::{Content, Key, PresignedGet};
use steelyard_core::limits::LFS_BATCH_OBJECTS_MAX;
use steelyard_core::{RepoId, RepoKind, Sha256, Timestamp};
use steelyard_db::lfs::{self, Home, LinkRow, UploadRow};
use steelyard_db::repo::RepoRow;
use uuid::Uuid;

use super::{DOWNLOAD_TTL_SECS, UPLOAD_TTL_SECS, blob_error};
use crate::{Action, Actor, Error, Hub, Result};

/// Most addresses of parts in one answer: each takes some 200 bytes.
const BATCH_PARTS_MAX: u64 = 20_000;

/// A large file as a pointer names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// The content.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

impl From<Pointer> for Content {
    fn from(pointer: Pointer) -> Self {
        Self { sha256: pointer.sha256, size: pointer.size }
    }
}

/// The ways to upload that a client knows beside one request for each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UploadWays {
    /// In parts.
    pub parts: bool,
    /// As xorbs and shards.
    pub xet: bool,
    /// Only in parts: the client takes no other way. A page of the hub may speak to nobody but the hub, so the address
    /// of an object store would be of no use to it; and what goes in parts can be resumed.
    pub only_parts: bool,
}

/// How the files of a batch go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Each in one request.
    Basic,
    /// The larger ones in parts.
    Multipart,
    /// All as xorbs and shards.
    Xet,
}

/// The answers to a batch of uploads, in the order of the request.
#[derive(Debug)]
pub struct UploadBatch {
    /// How files go up.
    pub transfer: Transfer,
    /// One per file.
    pub answers: Vec<UploadAnswer>,
}

/// What a client shall do about one file.
#[derive(Debug, PartialEq, Eq)]
pub enum UploadAnswer {
    /// Nothing: the repository has it.
    Present,
    /// Upload it.
    Granted(UploadGrant),
    /// Upload it as xorbs and a shard, which have grants of their own.
    AsXet,
    /// The repository has this content, and its size is another one.
    OtherSize(u64),
    /// It is larger than the limit of so many bytes.
    TooLarge(u64),
    /// The other files of the batch fill it up; ask again for this one.
    BatchFull,
}

/// Leave to upload one file.
#[derive(Debug, PartialEq, Eq)]
pub struct UploadGrant {
    /// Names it.
    pub id: String,
    /// Where the bytes go.
    pub way: UploadWay,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Where the bytes of an upload go.
#[derive(Debug, PartialEq, Eq)]
pub enum UploadWay {
    /// To the hub in one request.
    Hub,
    /// To the object store itself in one request.
    Store {
        /// The address.
        url: String,
    },
    /// To the hub in parts.
    Parts {
        /// Bytes per part; the last may have fewer.
        part_size: u64,
        /// How many.
        count: u64,
    },
}

/// Leave to download one file.
#[derive(Debug, PartialEq, Eq)]
pub struct DownloadGrant {
    /// The repository's key.
    pub repo_id: i64,
    /// Where the bytes come from.
    pub way: DownloadWay,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Where the bytes of a download come from.
#[derive(Debug, PartialEq, Eq)]
pub enum DownloadWay {
    /// From the hub.
    Hub,
    /// From the object store itself.
    Store {
        /// The address.
        url: String,
    },
}

impl Hub {
    /// Grants uploads to whoever may change the repository or propose a change. `ways` are what the client knows.
    pub async fn grant_uploads(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        ways: UploadWays,
        wanted: &[Pointer],
    ) -> Result<UploadBatch> {
        check_length(wanted)?;
        let repo = self.repo(actor, kind, id, Action::ProposeChange).await?;
        let user_id =
            actor.id().ok_or_else(|| Error::LoginRequired("to upload a file".to_owned()))?;
        let mut answers = self.refuse_or_skip(&repo, wanted).await?;
        let transfer = self.transfer_of(ways, &answers, wanted);
        let mut rows = Vec::new();
        let mut parts_left = BATCH_PARTS_MAX;
        for (answer, pointer) in answers.iter_mut().zip(wanted) {
            if answer.is_some() {
                continue;
            }
            if transfer == Transfer::Xet {
                *answer = Some(UploadAnswer::AsXet);
                continue;
            }
            // An empty file has no parts, and every client can send it whole.
            let is_cut = transfer == Transfer::Multipart && pointer.size > 0;
            let settings = &self.settings().lfs;
            let part_size = is_cut.then(|| match ways.only_parts {
                true => settings.small_part_size_of(pointer.size),
                false => settings.part_size_of(pointer.size),
            });
            let count = part_size.map_or(0, |part_size| pointer.size.div_ceil(part_size));
            if count > parts_left {
                *answer = Some(UploadAnswer::BatchFull);
                continue;
            }
            parts_left -= count;
            let row = self.new_upload(repo.id, user_id, *pointer, part_size);
            *answer = Some(UploadAnswer::Granted(self.grant(&row, count).await?));
            rows.push(row);
        }
        self.record_grants(&rows).await?;
        let answers =
            answers.into_iter().map(|answer| answer.unwrap_or(UploadAnswer::BatchFull)).collect();
        Ok(UploadBatch { transfer, answers })
    }

    /// One way for all files of the batch that have no answer yet, as the protocol wants it.
    fn transfer_of(
        &self,
        ways: UploadWays,
        answers: &[Option<UploadAnswer>],
        wanted: &[Pointer],
    ) -> Transfer {
        let open = || {
            let open = answers.iter().zip(wanted).filter(|(answer, _)| answer.is_none());
            open.map(|(_, pointer)| pointer.size)
        };
        // Who is told "xet" sends every file of the batch that way, those that are there too; and an empty file has no
        // chunk that could be sent.
        if ways.xet && open().next().is_some() && open().all(|size| size > 0) {
            return Transfer::Xet;
        }
        let threshold = if ways.only_parts { 0 } else { self.settings().lfs.multipart_threshold };
        match ways.parts && open().any(|size| size > threshold) {
            true => Transfer::Multipart,
            false => Transfer::Basic,
        }
    }

    /// The answers that need no grant; `None` for the files to be uploaded.
    async fn refuse_or_skip(
        &self,
        repo: &RepoRow,
        wanted: &[Pointer],
    ) -> Result<Vec<Option<UploadAnswer>>> {
        let size_max = self.settings().limits.lfs_object_bytes_max;
        let mut conn = self.db().read().await?;
        let mut answers = Vec::with_capacity(wanted.len());
        for pointer in wanted {
            // Only a link counts: that the content is stored for somebody else must change nothing for this client.
            let link = lfs::find_link(&mut conn, repo.id, pointer.sha256).await?;
            // Nor does a claim, which anybody can make who may propose a change: it may be a lie.
            let is_verified = |link: &LinkRow| matches!(link.home, Home::Raw | Home::Xet { .. });
            answers.push(match link.filter(is_verified) {
                Some(link) if link.size_bytes == pointer.size => Some(UploadAnswer::Present),
                Some(link) => Some(UploadAnswer::OtherSize(link.size_bytes)),
                None if pointer.size > size_max => Some(UploadAnswer::TooLarge(size_max)),
                None => None,
            });
        }
        Ok(answers)
    }

    fn new_upload(
        &self,
        repo_id: i64,
        user_id: i64,
        pointer: Pointer,
        part_size: Option<u64>,
    ) -> UploadRow {
        UploadRow {
            id: self.fresh_uuid().to_string(),
            repo_id,
            user_id,
            sha256: pointer.sha256,
            size_bytes: pointer.size,
            part_size_bytes: part_size.and_then(|size| i64::try_from(size).ok()),
            expires_at: self.now().plus_secs(UPLOAD_TTL_SECS),
            finished_at: None,
            xet_file_id: None,
        }
    }

    async fn grant(&self, row: &UploadRow, count: u64) -> Result<UploadGrant> {
        let way = match row.part_size_bytes {
            Some(part_size) => UploadWay::Parts { part_size: part_size.unsigned_abs(), count },
            None => {
                let ttl = Duration::from_secs(UPLOAD_TTL_SECS.unsigned_abs());
                let url = self
                    .blobs()
                    .presign_put(&Key::upload(uuid_of(row)?), ttl)
                    .await
                    .map_err(blob_error)?;
                url.map_or(UploadWay::Hub, |url| UploadWay::Store { url })
            }
        };
        Ok(UploadGrant { id: row.id.clone(), way, expires_at: row.expires_at })
    }

    async fn record_grants(&self, rows: &[UploadRow]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let mut tx = self.db().write().await?;
        for row in rows {
            lfs::create_upload(&mut tx, row, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Grants downloads to whoever may read the repository's files; `None` for those it does not link to.
    pub async fn grant_downloads(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        wanted: &[Pointer],
    ) -> Result<Vec<Option<DownloadGrant>>> {
        check_length(wanted)?;
        let repo = self.repo(actor, kind, id, Action::ReadContent).await?;
        let mut conn = self.db().read().await?;
        let mut answers = Vec::with_capacity(wanted.len());
        for pointer in wanted {
            let link = lfs::find_link(&mut conn, repo.id, pointer.sha256).await?;
            answers.push(
                match link.filter(|link| link.is_served() && link.size_bytes == pointer.size) {
                    None => None,
                    Some(link) => Some(DownloadGrant {
                        repo_id: repo.id,
                        way: self.download_way(&link).await?,
                        expires_at: self.now().plus_secs(DOWNLOAD_TTL_SECS),
                    }),
                },
            );
        }
        Ok(answers)
    }

    /// Only what is an object of its own comes from the object store; the hub puts files in xorbs together. An object
    /// that is left over is not handed out: it goes before the address ends.
    async fn download_way(&self, link: &LinkRow) -> Result<DownloadWay> {
        if link.home != Home::Raw {
            return Ok(DownloadWay::Hub);
        }
        let ttl = Duration::from_secs(DOWNLOAD_TTL_SECS.unsigned_abs());
        let wanted = PresignedGet {
            ttl,
            content_type: Some("application/octet-stream"),
            ..PresignedGet::default()
        };
        let url =
            self.blobs().presign_get(&Key::lfs(&link.sha256), &wanted).await.map_err(blob_error)?;
        Ok(url.map_or(DownloadWay::Hub, |url| DownloadWay::Store { url }))
    }
}

fn check_length(wanted: &[Pointer]) -> Result<()> {
    if wanted.len() > LFS_BATCH_OBJECTS_MAX {
        let limit = format!("{LFS_BATCH_OBJECTS_MAX} objects");
        return Err(Error::TooLarge { what: "the batch".to_owned(), limit });
    }
    Ok(())
}

/// The id under which the store stages an upload.
pub(super) fn uuid_of(row: &UploadRow) -> Result<Uuid> {
    Uuid::parse_str(&row.id).map_err(Error::internal)
}
