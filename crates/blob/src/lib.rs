//! The object store: immutable bytes under keys, in a directory or on an S3-compatible server.
//!
//! Every key name is made here. What is stored under a final key ([`Key::pack`], [`Key::lfs`], ...) is whole, verified
//! and durable from the moment it can be seen; what is not yet verified lies under [`Family::Uploads`]. The store
//! knows nothing of repositories and users: who may read which key is decided above it.

mod error;
mod faulty;
mod hashing;
mod key;
mod local;
mod parts;
mod reader;
mod s3;
pub mod signing;
mod store;
mod stream;
mod upload;
mod writer;

pub use error::BlobError;
pub use key::{Family, Key, PART_NUMBER_MAX};
pub use parts::{PartUpload, StagedPart};
pub use reader::BlobReader;
pub use s3::{PresignedGet, PresignedPut, S3Settings};
pub use signing::{SignatureError, SignedFields, UrlSigner};
pub use store::{BlobInfo, BlobStore};
pub use stream::BlobStream;
pub use upload::{Content, Upload, UploadPlan};
pub use writer::BlobWriter;
