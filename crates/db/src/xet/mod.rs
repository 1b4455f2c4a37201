//! Xet: blocks of chunks ("xorbs"), files put together from them, who may refer to what, and how they go.
//!
//! **A xorb** is found by its hash; its bytes are the object of hash *and* generation. Its row is live, condemned
//! (nobody uses it; it goes unless somebody does) or being deleted. A row that is being deleted never becomes live
//! again under the same generation, so a deletion that comes late hits nothing that is in use.
//!
//! **A file** is a list of terms, each a run of chunks of a xorb. `xet_file_xorb` repeats which xorbs the terms name:
//! these edges are what keeps a xorb.
//!
//! **Locks.** Whoever makes an edge locks the xorbs first ([`lock_xorbs`]); whoever condemns or deletes one locks it and
//! then looks again for edges and uses. So on PostgreSQL, too, neither can overlook the other. Rows are locked in order
//! of id.

mod claim;
mod compact;
mod dedup;
mod file;
mod gc;
mod register;
mod report;
mod xorb;

pub use claim::{
    ClaimOutcome, Confirmed, NewLink, claim_link, claim_links, confirm_claims,
    list_unverified_files,
};
pub use compact::{
    clear_shrunk, list_dedup_of_xorb, list_files_of_xorb, list_shrunk_xorbs, move_dedup, move_file,
};
pub use dedup::{find_dedup, insert_dedup, readable_files_of_xorb};
pub use file::{
    FileRow, RepoFile, file_terms, find_file, find_file_by_id, find_files, find_repo_file,
    list_terms, set_file_sha256,
};
pub(crate) use file::{file, file_columns};
pub use gc::{
    RepoStorage, claim_xorbs_to_delete, condemn_files, condemn_xorbs, delete_ended_uses,
    delete_files, delete_xorb, list_condemnable_files, list_condemnable_xorbs,
    list_deletable_files, list_deletable_xorbs, list_sparable_files, spare_files, storage_of_repo,
};
pub use register::{NewFile, insert_file, insert_files, set_files_sha256};
pub use report::{HubStorage, LinkStorage, Tally, list_link_storage, storage_of_hub};
pub use xorb::{
    NewXorb, XorbInsert, XorbRow, XorbState, find_xorbs, find_xorbs_by_id, insert_xorb, lock_xorbs,
    mark_used, readable_xorbs, revive_xorbs, touch_use, unused_bytes, usable_xorbs, xorb_tables,
};
pub(crate) use xorb::{xorb, xorb_columns};

/// Who asks for something that only readers of a repository may know.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// The user; `None` for nobody in particular.
    pub user_id: Option<i64>,
    /// They administer the hub and read everything.
    pub is_admin: bool,
}

/// Whether [`Reader`] (`$1` is their id, `$2` whether they administer the hub) may read the files of repository `r`.
/// The same rule as reading a content has in the table of permissions.
macro_rules! readable {
    () => {
        "r.deleted_at IS NULL AND NOT r.disabled AND ($2 OR r.owner_id = $1 \
         OR (r.visibility = 'public' AND r.gated = '') \
         OR EXISTS (SELECT 1 FROM org_member m WHERE m.org_id = r.owner_id AND m.user_id = $1 \
         AND (r.gated = '' OR m.role IN ('write', 'admin') OR (m.role = 'contributor' AND r.creator_id = $1))))"
    };
}
pub(crate) use readable;

/// The newest files of a xorb (an expression), as `e`. Only so many are looked at for one that somebody can read:
/// where they are all private, the look would take as long as there are files. Who is told "no" wrongly uploads again.
macro_rules! newest_files {
    ($xorb:literal) => {
        concat!(
            "(SELECT file_id FROM xet_file_xorb WHERE xorb_id = ",
            $xorb,
            " ORDER BY file_id DESC LIMIT 1000) e"
        )
    };
}
pub(crate) use newest_files;

/// Whether the reader can read file `e.file_id` in a repository that links to it, or claims it.
/// The offset keeps PostgreSQL from collecting all files that the reader can read, to look one up among them.
macro_rules! readable_file {
    () => {
        concat!(
            "(EXISTS (SELECT 1 FROM lfs_object o JOIN lfs_link l ON l.sha256 = o.sha256 AND l.claimed_file_id IS NULL \
             JOIN repo r ON r.id = l.repo_id WHERE o.xet_file_id = e.file_id AND ",
            crate::xet::readable!(),
            " LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1 FROM lfs_link l JOIN repo r ON r.id = l.repo_id \
             WHERE l.claimed_file_id = e.file_id AND l.quarantined_at IS NULL AND ",
            crate::xet::readable!(),
            " LIMIT 1 OFFSET 0))"
        )
    };
}
pub(crate) use readable_file;
