//! Every route of the hub, one file per part of the job.

mod account;
mod commit;
mod content;
mod git;
mod info;
mod judge;
mod lfs;
mod likes;
mod listing;
mod oauth;
mod refs;
mod repo;
mod search;
mod tree;
mod xet;

pub use commit::parse_commit;
pub use listing::request_of as listing_request;
pub(crate) use xet::ROOT as XET_ROOT;

use crate::Route;

/// The parts of the interface, and what each is for.
pub const TAGS: &[(&str, &str)] = &[
    ("Accounts", "Who am I, may I, and what clients report by themselves."),
    ("Sign in", "OAuth 2 and OpenID Connect: how apps come to an account without its password."),
    ("Repositories", "Create, find, describe, configure, move, copy and delete."),
    ("Discovery", "Find repositories, and judge what was found."),
    ("Commits", "Upload files without git."),
    ("Files", "List files and read their contents."),
    ("History", "Branches, tags, commits."),
    ("Large files", "git-lfs, and the lists of large files."),
    (
        "Xet",
        "Large files as chunks, of which each is stored once: what hf_xet speaks. Paths below /api/xet take a token \
             from xet-read-token or xet-write-token.",
    ),
    ("git", "git's smart HTTP protocol."),
];

type Part = (&'static str, fn(&mut Vec<Route>));

const PARTS: &[Part] = &[
    ("Accounts", account::add),
    ("Sign in", oauth::add),
    ("Repositories", repo::add),
    ("Repositories", info::add),
    ("Repositories", likes::add),
    ("Discovery", listing::add),
    ("Discovery", search::add),
    ("Discovery", judge::add),
    ("Commits", commit::add),
    ("Files", tree::add),
    ("Files", content::add),
    ("History", refs::add),
    ("Large files", lfs::add),
    ("Xet", xet::add),
    ("git", git::add),
];

/// All routes.
pub fn table() -> Vec<Route> {
    let mut table = Vec::new();
    for (tag, add) in PARTS {
        let before = table.len();
        add(&mut table);
        table[before..].iter_mut().for_each(|route| route.tag = tag);
    }
    table
}
