//! What tests need and users never see: real servers, real clients, broken networks, and time and chance on a lead.
//!
//! Everything here is synchronous and knows nothing of the async runtime, so that it serves `xtask`, plain tests and
//! `#[tokio::test]` alike. Servers die with the process that started them, and so do their directories.

#[cfg(feature = "hub")]
mod cases;
mod clock;
mod error;
mod files;
pub mod garage;
#[cfg(feature = "hub")]
pub mod hub;
mod ports;
pub mod postgres;
pub mod process;
mod proxy;
mod rng;
pub mod tools;

pub use clock::TestClock;
pub use error::Error;
pub use files::gguf;
pub use garage::Garage;
#[cfg(feature = "http")]
pub use hub::Answer;
#[cfg(feature = "hub")]
pub use hub::{Setup, Stores, TestHub};
pub use ports::free_port;
pub use postgres::{Durability, Postgres, TestDatabase};
pub use process::{Launch, Process};
pub use proxy::FaultProxy;
pub use rng::TestRng;
pub use tools::{HfVersion, Venv};
