//! How much content is in memory on its way to slow receivers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;

/// While there is less than this, readers read ahead, in large pieces.
const AMPLE_BYTES: u64 = 256 * 1024 * 1024;

/// Counts bytes until their receivers are done with them.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// True while there is room to read ahead.
    pub(super) fn is_ample(&self) -> bool {
        self.0.load(Relaxed) < AMPLE_BYTES
    }

    /// The same bytes, counted for as long as anything refers to them.
    pub(super) fn counted(&self, data: Bytes) -> Bytes {
        self.0.fetch_add(data.len() as u64, Relaxed);
        Bytes::from_owner(Counted { data, gauge: self.clone() })
    }
}

struct Counted {
    data: Bytes,
    gauge: Gauge,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(self.data.len() as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_the_last_slice_is_gone() {
        let gauge = Gauge::default();
        let half = vec![7; usize::try_from(AMPLE_BYTES / 2).unwrap()];
        let first = gauge.counted(half.clone().into());
        let slice = first.slice(5..9);
        drop(first);
        assert!(gauge.is_ample());
        let second = gauge.counted(half.into());
        assert!(!gauge.is_ample());
        drop(slice);
        assert!(gauge.is_ample());
        drop(second);
        assert_eq!(gauge.0.load(Relaxed), 0);
    }
}
