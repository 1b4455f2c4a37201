//! Reading: from a revision to a commit, from a path to an entry, from an entry to bytes.

mod blame;
mod changes;
mod entry;
mod facts;
mod gguf;
mod large;
mod log;
mod parameters;
mod results;
mod safetensors;
mod snapshot;
mod tree;

pub use blame::Blamed;
pub use changes::{Change, Changes};
pub use entry::{Content, Entry, EntryKind, LfsInfo};
pub use log::CommitInfo;
pub use safetensors::SafetensorsMetadata;
pub use snapshot::Snapshot;
pub use tree::TreeQuery;

pub(crate) use facts::{
    HEADER_MARK, HeadFacts, WEIGHTS_KEY, compute_facts, facts_of_card, facts_with, facts_with_card,
    is_telling, record_head,
};
pub(crate) use parameters::Parameters;
pub(crate) use results::{FOLDER as RESULTS_FOLDER, compute_proposed, result_files, result_of};
pub(crate) use snapshot::read_tree_of;
