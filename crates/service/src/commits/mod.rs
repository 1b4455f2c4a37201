//! Changing a repository without git: the preupload question and the commit.

mod access;
mod build;
mod commit;
mod operation;
mod preupload;
mod pull_request;

pub use commit::{CommitRequest, Committed};
pub use operation::Operation;
pub use preupload::{PreuploadAnswer, PreuploadFile, PreuploadQuery, UploadMode};

pub(crate) use access::commit_target;
pub(crate) use build::signature;
