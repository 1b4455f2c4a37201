//! Background jobs: what nobody waits for.
//!
//! A job is a row with a lease ([`steelyard_db::job`]): any replica works it, a second one takes over when the first
//! dies, and every job may be stopped at any moment and started again from the beginning. Scanners look for work every
//! few seconds and put it in line; the same work never waits twice, so any number of replicas may scan.
//!
//! | kind | what it does | what it may lose |
//! |---|---|---|
//! | `git.join` | joins the many small packs of commits into few larger ones | nothing |
//! | `git.drop` | drops objects that no ref reaches any more | what was cut off two weeks ago |
//! | `git.repack` | lets git find better deltas | nothing |
//! | `lfs.sweep` | deletes large files no repository links to | those |
//! | `lfs.orphans` | deletes stored bytes of large files that never got a row | nothing |
//! | `lfs.chunk` | puts a large file that arrived as plain bytes into xorbs | nothing |
//! | `lfs.unchunked` | finds large files that wait for that | nothing |
//! | `xet.sweep` | deletes files that nothing names, and xorbs that no file uses, long after | those |
//! | `xet.verify` | reads a file of which a client said what SHA-256 it has | the links of a false claim |
//! | `xet.unverified` | finds files that wait for that | nothing |
//! | `xet.compact` | copies xorbs that are mostly empty without what no file has | nothing |
//! | `xet.orphans` | deletes stored xorbs that never got a row | nothing |
//! | `packs.sweep` | deletes packs that were replaced a day ago | nothing |
//! | `packs.orphans` | deletes stored packs that never got a row | nothing |
//! | `repos.purge` | deletes what is left of repositories deleted a week ago | those |
//! | `counters.roll` | takes days that are older than 30 days out of the counters | who downloaded something two days ago |
//! | `mail.reset` | sends somebody a code for a new password | nothing |
//! | `logins.trim` | deletes sessions, codes and counts of wrong tries whose time is over | those |
//! | `jobs.trim` | deletes the rows of ended jobs | those |

mod kind;
mod manifest;
pub(crate) mod progress;
mod runner;
mod scan;

mod dropping;
mod join;
mod repack;
mod sweep;

pub use runner::{JobTally, run};
pub use sweep::PacksSwept;

pub(crate) use runner::chain;

pub(crate) use kind::JobKind;
