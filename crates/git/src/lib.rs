//! Git as data: objects, packs, trees, histories, attributes.
//!
//! Objects and packs are read and written here, in memory; nothing on the commit path creates a file. The crate
//! knows nothing of users, databases or HTTP. Whatever comes from outside (packs, trees, patterns) may be hostile:
//! every parser answers with an error, never with a panic, and allocates no more than its input can justify.

pub mod attributes;
pub mod cache_dir;
pub mod commit;
pub mod delta;
pub mod edit;
pub mod error;
pub mod ignore;
pub mod lfs_pointer;
pub mod object;
pub mod pack;
mod pattern;
pub mod pktline;
pub mod protocol;
pub mod read;
pub mod rewrite;
pub mod store;
pub mod tag;
pub mod tool;
pub mod tree;
pub mod walk;
mod wildmatch;

#[cfg(test)]
mod oracle;

pub use commit::{Commit, Signature};
pub use edit::{EditError, TreeOp, apply_ops};
pub use error::GitError;
pub use object::{Object, ObjectKind, hash_object};
pub use pack::{BuiltPack, Pack, PackBuilder, PackData, Toc};
pub use store::{CachedSource, ObjectCache, ObjectSource, PackSet};
pub use tag::Tag;
pub use tree::{EMPTY_TREE, EntryMode, Tree, TreeEntry};
