//! What a process costs, as the kernel counts it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// `USER_HZ`: what one tick of `/proc/<pid>/stat` is on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU, user and system, that a process has used so far.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    let fields = stat(pid).with_context(|| format!("process {pid} is gone"))?;
    Ok((fields[0] + fields[1]) as f64 / TICKS_PER_SECOND)
}

/// utime and stime.
fn stat(pid: u32) -> Option<[u64; 2]> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets; the fields start behind its last bracket, with the third one.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse().ok();
    Some([field(14)?, field(15)?])
}

/// Resident memory in MiB.
pub(super) fn resident_mib(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// Watches how far a process's memory grows.
pub(super) struct MemoryWatch {
    before: f64,
    peak_kib: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl MemoryWatch {
    pub(super) fn start(pid: u32) -> Result<Self> {
        let (peak_kib, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (peak, stopped) = (Arc::clone(&peak_kib), Arc::clone(&stop));
        let before = resident_mib(pid)?;
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let now = resident_mib(pid).unwrap_or(0.0) * 1024.0;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "KiB of memory fit"
                )]
                peak.fetch_max(now as u64, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Ok(Self { before, peak_kib, stop, thread })
    }

    /// MiB that the process had at its peak beyond what it had at the start.
    pub(super) fn finish(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        // The thread only loops and cannot panic.
        self.thread.join().ok();
        (self.peak_kib.load(Ordering::Relaxed) as f64 / 1024.0 - self.before).max(0.0)
    }
}
