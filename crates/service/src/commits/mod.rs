//! Changing a repository without git: the preupload question and the commit.

mod access;
mod build;
mod commit;
mod draft;
mod group;
mod operation;
mod plan;
mod preupload;
mod pull_request;
mod queue;
mod upload;

pub use commit::{CommitAccess, CommitRequest, Committed};
pub use operation::Operation;
pub use preupload::{PreuploadAnswer, PreuploadFile, PreuploadQuery, UploadMode};
pub use steelyard_db::discussion::DiscussionRow;

pub(crate) use access::commit_target;
pub(crate) use build::signature;
pub(crate) use operation::check_card;
pub(crate) use queue::CommitQueue;
