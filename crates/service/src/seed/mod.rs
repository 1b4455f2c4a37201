//! A catalogue that looks like a real hub's, for tests and measurements: `steelyard dev seed`.
//!
//! Everything about a repository is a function of the seed, the number of repositories and its place among them: its name,
//! its card, what it was made from, how it is used. So a catalogue is the same whenever it is made (on one day: the youngest
//! are of today), and no part of it has to be kept in memory. What it holds is real: each repository has a commit whose
//! files can be downloaded and cloned, and what is derived from them comes from the code that commits use. Only the files of
//! weights are empty; their sizes and parameters are told as if they were not.

mod build;
mod catalogue;
mod chance;
mod evals;
mod families;
mod front_matter;
mod model;
mod other_kinds;
mod people;
mod spec;
mod usage;
mod words;
mod write;

use std::num::NonZeroU64;

use serde::Serialize;

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub struct SeedOptions {
    /// How many repositories.
    pub repos: NonZeroU64,
    /// Another seed makes another catalogue.
    pub seed: u64,
    /// Also where there are repositories already.
    pub into_existing: bool,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedProgress {
    /// Repositories that are committed.
    pub done: u64,
    /// Repositories that are wanted.
    pub of: u64,
}

/// What was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Seeded {
    /// Users.
    pub users: u64,
    /// Organisations.
    pub organizations: u64,
    /// Models.
    pub models: u64,
    /// Datasets.
    pub datasets: u64,
    /// Spaces.
    pub spaces: u64,
    /// Private repositories.
    pub private: u64,
    /// Gated repositories.
    pub gated: u64,
    /// Edges from models to what they were made from.
    pub bases: u64,
    /// Results of evaluations.
    pub evals: u64,
    /// Likes.
    pub likes: u64,
    /// Bytes of the packs.
    pub pack_bytes: u64,
}

#[cfg(test)]
mod tests;
