//! Large files: granting uploads, taking their bytes in, linking them to repositories, giving them out, sweeping.
//!
//! **A link is the only access.** A content is stored once for the whole hub, but a repository reaches it only through
//! its own row in `lfs_link`, and that row is made only after the bytes were received, or already staged, under a grant
//! for that repository: knowing a hash, or a content being there already, gives nothing.
//!
//! **Order of a finished upload** (each step durable before the next): bytes verified and under their final key, then
//! one transaction with the content's row, the link and the grant's `finished_at`. A crash between the two leaves bytes
//! without a row, which the next upload of the content overwrites or the sweep of orphans removes; a row that anybody can
//! reach never lacks its bytes.
//! The link is made with the rights the grant's user has *then*: somebody who may only propose changes gets a finished
//! grant, and the commit of the pull request makes the link.
//!
//! **Deletion never races with an upload of the same content.** Both work on the one key the hash gives, so the order
//! is fixed by the content's row:
//! 1. The sweep condemns a content that no repository links to and that is older than a week, and a day later deletes it
//!    in one transaction: delete the row (if it is still condemned and without a link), delete the bytes, commit. The
//!    row lock is held meanwhile (SQLite has one writer at a time anyway). Whoever dies in between leaves a condemned
//!    row, perhaps without bytes, to the next sweep; nobody can link to it without storing the bytes again.
//! 2. An upload takes the content off the condemned list (`spare_object`) right before its bytes are published. That
//!    waits for a deletion under way, and from then on none can begin for a day, while publishing takes seconds, and for
//!    the largest files minutes. The transaction that records the content comes after.
//! 3. A finished grant without a link lives for hours, much shorter than that day, and is swept before contents are.
//!
//! What is left: a deletion whose database connection breaks while its request to the object store is under way could
//! be overtaken by an upload. Before it deletes, the sweep therefore asks how old the bytes are and spares fresh ones,
//! so what remains is the time of flight of one request.

mod batch;
mod commit;
mod download;
mod files;
mod locks;
mod rewrite;
mod settings;
mod sweep;
mod tips;
mod upload;

pub use batch::{
    DownloadGrant, DownloadWay, Pointer, Transfer, UploadAnswer, UploadBatch, UploadGrant,
    UploadWay, UploadWays,
};
pub use locks::{Lock, LockQuery, Locking};
pub use settings::LfsSettings;
pub use steelyard_db::lfs::{Home, LinkRow};
pub use sweep::LfsSwept;
pub(crate) use tips::{NewPointers, Unlinked, commits_of};

use steelyard_blob::BlobError;

use crate::Error;

/// How long an upload may take from its grant on, and how long a finished one waits for its commit.
const UPLOAD_TTL_SECS: i64 = 6 * 3600;
/// How long an address to download from is valid.
const DOWNLOAD_TTL_SECS: i64 = 3600;

/// What a client is told when the object store refuses or fails.
fn blob_error(error: BlobError) -> Error {
    match &error {
        BlobError::HashMismatch { .. } | BlobError::SizeMismatch { .. } => {
            Error::invalid("content", error.to_string())
        }
        BlobError::BadPart { .. } => Error::invalid("parts", error.to_string()),
        BlobError::TooLarge { limit } => {
            Error::TooLarge { what: "the file".to_owned(), limit: format!("{limit} bytes") }
        }
        _ => error.into(),
    }
}
