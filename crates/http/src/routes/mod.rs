//! Every route of the hub, one file per part of the job.

mod account;
mod commit;
mod content;
mod git;
mod info;
mod lfs;
mod refs;
mod repo;
mod tree;

use crate::Route;

/// All routes.
pub fn table() -> Vec<Route> {
    let mut table = Vec::new();
    account::add(&mut table);
    commit::add(&mut table);
    content::add(&mut table);
    git::add(&mut table);
    info::add(&mut table);
    lfs::add(&mut table);
    refs::add(&mut table);
    repo::add(&mut table);
    tree::add(&mut table);
    table
}
