//! The JSON that goes over the wire; apart from domain types, because clients fix its shape.

pub mod account;
pub mod commit;
pub mod info;
pub mod lfs;
pub mod repo;
pub mod tree;
