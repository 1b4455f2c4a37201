//! One file for each row of the table.

pub(super) mod clone;
pub(super) mod commits;
pub(super) mod discovery;
pub(super) mod large;
pub(super) mod listing;
pub(super) mod pages;
pub(super) mod paint;
pub(super) mod resolve;
pub(super) mod start;
pub(super) mod xet;
pub(super) mod xet_recipes;
