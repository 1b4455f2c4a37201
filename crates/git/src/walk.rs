//! Walks: histories, the last commits of paths, what is reachable, what would be, what differs.

mod blame;
mod diff;
mod fresh;
mod history;
mod last_commits;
mod reach;

pub use blame::{Blame, BlameLimits, blame};
pub use diff::{TreeChange, TreeDiff, diff_trees};
pub use fresh::{FreshCommit, OnFile, fresh_commits, fresh_files};
pub use history::{History, is_ancestor, log};
pub use last_commits::last_commits;
pub use reach::reachable;

#[cfg(test)]
mod tests;
