//! Xet: large files as sequences of chunks, of which each is stored once.
//!
//! A client cuts a file into chunks, packs the new ones into **xorbs** (up to 64 MiB each), uploads those, and registers the
//! file with a **shard**: which chunks of which xorbs it consists of. Everything a client says is checked here before it
//! counts; nobody's table of chunks is taken over, all of them are made from the bytes.
//!
//! **Who may do what.** A token ([`XetToken`]) is for one repository and carries its own proof, but it only says what was
//! allowed when it was given out: each use asks again what its user may do now ([`Hub::xet_repo`]). Hashes are no secrets,
//! so knowing one gives nothing:
//! - A file is read through a repository that links to it, exactly as any large file ([`crate::lfs`]).
//! - A file may be put together from a xorb only by somebody who uploaded that xorb, was told of it by the hub, or can read
//!   a file that uses it. For everybody else it is missing, with the same words.
//! - That a xorb is stored is told only to those; others upload it once more, and the copy is thrown away.
//!
//! **Order of a registration** (each step durable before the next): the xorbs' objects, then their rows; then, in one
//! transaction, the files, what they use, the content rows, the links and the finished grants. Whatever dies in
//! between leaves xorbs that no file uses, which go after a month.
//!
//! **A xorb never goes while somebody counts on it.** Its row is the lock: the transaction that makes a file locks the
//! rows of all its xorbs, takes condemned ones off the list, and fails if one is being deleted or is not the one that was
//! looked at. A xorb is condemned only when no file uses it and nobody's leave to refer to it is still running. What
//! is uploaded again gets a fresh generation, which is part of its key, so that a deletion under way cannot hit it.
//!
//! **SHA-256.** Repositories name contents by SHA-256, and a shard says which one each file has: a claim. A file of up to
//! 64 MiB is read and checked before its registration is answered. For a larger one the claim is good for this repository
//! alone until the job `xet.verify` has read the file; a claim that turns out wrong is quarantined and never served again.
//! That the hub knows a content by its SHA-256 changes nothing in what a client is told: only this repository's own links,
//! and files that were read before, do.

mod chunk;
mod compact;
mod content;
mod dedup;
mod digest;
mod duplicate;
mod explain;
mod gauge;
mod gc;
mod grant;
mod memory;
mod reconstruct;
mod settings;
mod shard;
mod standing;
mod state;
mod store;
mod stream;
mod token;
mod verify;
mod views;
mod windows;
mod xorb;

pub use duplicate::{DuplicateFile, FailedFile};
pub use explain::{Amount, FileUsage, GcStep, HubUsage, RepoUsage};
pub use gc::XetSwept;
pub use grant::{XorbGrant, XorbOffer};
pub use memory::{XetBody, XetPermit};
pub use reconstruct::{
    FETCH_RANGES_MAX, FetchRange, FetchWay, Reconstruction, TermPlan, XorbFetch,
};
pub use settings::XetSettings;
pub use shard::{Registered, ShardProgress};
pub use stream::ContentStream;
pub use token::{XetGrant, XetScope, XetToken};
pub use windows::FileChunkWindows;

pub(crate) use standing::XetRepo;
pub(crate) use state::XetState;
