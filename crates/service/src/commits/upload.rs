//! Small files that came in one request: each goes where `.gitattributes` and its size say, as for any client.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest as _, Sha256 as Hasher};
use steelyard_core::{RepoId, RepoKind, RepoPath, Sha256};

use super::{Operation, PreuploadFile, PreuploadQuery, UploadMode};
use crate::lfs::{Pointer, UploadAnswer, UploadWays};
use crate::{Actor, Error, Hub, Result};

/// Bytes of a file by which text is told from other data.
const SAMPLE_BYTES: usize = 512;

impl Hub {
    /// The operations that add these files to `revision`. Those that belong into LFS are stored and linked when this
    /// returns, so that the commit can name them; the others go into the commit.
    pub async fn operations_for(
        &self,
        actor: &Actor,
        (kind, id): (RepoKind, &RepoId),
        (revision, create_pr): (&str, bool),
        files: Vec<(RepoPath, Bytes)>,
    ) -> Result<Vec<Operation>> {
        let asked: Vec<PreuploadFile> = files.iter().map(question).collect();
        let query = PreuploadQuery {
            revision,
            create_pr,
            files: &asked,
            git_ignore: None,
            git_attributes: None,
        };
        let (answers, _) = self.preupload(actor, kind, id, query).await?;
        let mut operations = Vec::with_capacity(files.len());
        for ((path, content), answer) in files.into_iter().zip(answers) {
            operations.push(match answer.mode {
                // Clients commit empty files as they are: there is nothing that could be uploaded.
                UploadMode::Lfs if !content.is_empty() => {
                    let pointer = self.store_large(actor, kind, id, content).await?;
                    Operation::LfsFile { path, sha256: pointer.sha256, size: Some(pointer.size) }
                }
                _ => Operation::File { path, content },
            });
        }
        Ok(operations)
    }

    /// Stores a large file that is in memory already, as an upload that was asked for.
    async fn store_large(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        content: Bytes,
    ) -> Result<Pointer> {
        let digest: [u8; 32] = Hasher::digest(&content).into();
        let pointer = Pointer { sha256: Sha256::new(digest), size: content.len() as u64 };
        let ways = UploadWays::default();
        let batch = self.grant_uploads(actor, kind, id, ways, &[pointer]).await?;
        match batch.answers.into_iter().next() {
            Some(UploadAnswer::Present) => {}
            Some(UploadAnswer::Granted(grant)) => {
                let body = stream::iter([Ok::<_, Infallible>(content)]);
                self.receive_upload(&grant.id, Some(pointer.size), body).await?;
            }
            Some(UploadAnswer::TooLarge(limit)) => {
                let (what, limit) = ("a large file".to_owned(), format!("{limit} bytes"));
                return Err(Error::TooLarge { what, limit });
            }
            _ => return Err(Error::internal("a file in one piece was granted no way up")),
        }
        Ok(pointer)
    }
}

fn question((path, content): &(RepoPath, Bytes)) -> PreuploadFile {
    PreuploadFile {
        path: path.as_str().to_owned(),
        size: content.len() as u64,
        sample: content[..content.len().min(SAMPLE_BYTES)].to_vec(),
    }
}
