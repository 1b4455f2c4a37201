//! Every query, on SQLite and on PostgreSQL: what is written once must mean the same on both.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod accounts;
mod administration;
mod base;
mod catalogue;
mod complete;
mod counters;
mod feed;
mod jobs;
mod lfs;
mod logins;
mod oauth;
mod own_accounts;
mod packs;
mod refs;
mod repos;
mod schema;
mod seed;
mod transactions;
mod xet;
