//! Receiving pushes: judged before the pack is read, checked in quarantine, landed like a commit.
//!
//! A push passes four gates. [`judge`] looks at the commands alone. `quarantine` lets git index and check the pack in
//! a directory of its own, outside of any repository. [`inspect`] applies the hub's rules to what is new. `land`
//! compares and swaps the refs in one transaction with the pack. Whatever fails, nothing is left but a directory to
//! delete, and at worst an unnamed object in the store for the sweep.

mod access;
mod advice;
mod inspect;
mod judge;
mod land;
mod paths;
mod quarantine;
mod receive;

pub use access::PushAccess;
pub use receive::PushReport;
