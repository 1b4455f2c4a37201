//! Memory for the bodies of xorbs and shards: they are held whole while they are checked, so their sum is bounded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Hub, Result};

/// How long a request waits for memory before it is asked to come again.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// After how many seconds it shall come again.
const RETRY_AFTER_SECS: u64 = 5;
/// What is counted: one permit of the semaphore.
const UNIT_BYTES: u64 = 1024;
/// Memory that the chunk tables of one registration may take; see [`super::XetSettings::MEMORY_BYTES_MIN`].
pub(super) const TABLES_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Memory that is set aside until this is dropped.
#[derive(Debug)]
pub struct XetPermit {
    _permit: OwnedSemaphorePermit,
}

impl XetPermit {
    /// What taking in a xorb with a body of `body_bytes` needs.
    pub const fn xorb_cost(body_bytes: u64) -> u64 {
        // The body, its table of chunks, and one chunk.
        body_bytes.saturating_add(1024 * 1024)
    }

    /// What taking in a shard with a body of `body_bytes` needs.
    pub const fn shard_cost(body_bytes: u64) -> u64 {
        // The body, what is parsed from it, what is stored of it, and the chunk tables against which it is checked.
        body_bytes.saturating_mul(3).saturating_add(TABLES_BYTES_MAX)
    }
}

/// The body of a request, and the memory set aside for it.
#[derive(Debug)]
pub struct XetBody {
    /// The body.
    pub bytes: Bytes,
    /// Covers what the work on it needs.
    pub permit: XetPermit,
}

/// All the memory there is for bodies.
#[derive(Debug)]
pub(crate) struct Memory {
    units: Arc<Semaphore>,
    units_max: u32,
}

impl Memory {
    /// Sets `bytes` as the most that is given out at a time.
    pub(super) fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX);
        Self { units: Arc::new(Semaphore::new(units as usize)), units_max: units }
    }

    async fn take(&self, bytes: u64, wait_max: Duration) -> Result<XetPermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        // What asks for more than there is gets all of it, alone.
        let taken = Arc::clone(&self.units).acquire_many_owned(units.min(self.units_max));
        match tokio::time::timeout(wait_max, taken).await {
            Ok(Ok(permit)) => Ok(XetPermit { _permit: permit }),
            Ok(Err(closed)) => Err(Error::internal(closed)),
            Err(_) => Err(Error::Busy {
                what: "the memory for uploads is used up",
                retry_after_secs: RETRY_AFTER_SECS,
            }),
        }
    }
}

impl Hub {
    /// Sets memory aside for the body of a xorb or shard; to be called before the body is read. [`Error::Busy`] when none
    /// becomes free in time.
    pub async fn xet_memory(&self, bytes: u64) -> Result<XetPermit> {
        self.xet().memory.take(bytes, WAIT_MAX).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_given_out_once() {
        let memory = Memory::new(10 * UNIT_BYTES);
        let soon = Duration::from_millis(20);
        let first = memory.take(6 * UNIT_BYTES - 5, soon).await.unwrap();
        let refused = memory.take(5 * UNIT_BYTES, soon).await.unwrap_err();
        assert!(matches!(refused, Error::Busy { .. }), "{refused:?}");
        let second = memory.take(4 * UNIT_BYTES, soon).await.unwrap();
        drop(first);
        memory.take(6 * UNIT_BYTES, soon).await.unwrap();
        drop(second);
    }

    #[tokio::test]
    async fn a_giant_waits_for_everybody_else_and_then_gets_in() {
        let memory = Memory::new(10 * UNIT_BYTES);
        let soon = Duration::from_millis(20);
        let small = memory.take(1, soon).await.unwrap();
        assert!(memory.take(u64::MAX, soon).await.is_err());
        drop(small);
        memory.take(u64::MAX, soon).await.unwrap();
    }

    #[test]
    fn the_least_memory_is_enough_for_the_largest_shard() {
        let largest = XetPermit::shard_cost(steelyard_core::limits::SHARD_BODY_BYTES_MAX as u64);
        assert!(largest <= super::super::XetSettings::MEMORY_BYTES_MIN, "{largest}");
    }
}
