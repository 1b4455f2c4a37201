//! Large files: contents, the links that let repositories reach them, uploads under way, and locks.
//!
//! **A content** (`lfs_object`) is bytes whose SHA-256 the hub has computed. It has a home: an object of its own ("raw"),
//! or a file put together from xorbs ([`crate::xet`]); for a while after a move, the raw object is still there too.
//!
//! **A link** leads to a content, or rests on a claim: then it leads to a file whose SHA-256 nobody has checked.

mod content;
mod link;
mod lock;
mod sweep;
mod upload;

pub use content::{
    ContentRow, ensure_object, ensure_xet_object, ensure_xet_objects, find_content, find_object,
    list_objects, list_raw_only, set_xet_home,
};
pub use link::{
    Home, LinkRow, delete_link, ensure_link, find_link, find_linked, list_links, name_link,
    share_links, sum_linked_bytes, sum_stored_bytes, xet_hashes,
};
pub use lock::{LockRow, create_lock, delete_lock, find_lock, find_lock_by_path, list_locks};
pub use sweep::{
    condemn_orphan, condemn_unlinked, delete_condemned, forget_retired_raw, list_condemned,
    list_retired_raw, list_unlinked, spare_object,
};
pub use upload::{
    UploadRow, create_finished_upload, create_finished_uploads, create_upload, delete_upload,
    find_upload, finish_upload, list_expired_uploads, list_uploads, upload_exists,
};
