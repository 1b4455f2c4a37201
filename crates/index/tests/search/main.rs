//! The index against a naive scan over plain documents: every kind of condition, order, viewer and facet, while
//! repositories come, change and go.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod lineage;
mod listing;
mod naive;
mod random;
mod relevance;
mod world;
