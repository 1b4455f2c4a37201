//! Faults on purpose: plans that fail the N-th call of a store, and named points where a process dies.
//!
//! Both cost one relaxed atomic load when unarmed, so they stay in the shipped code: what is tested is what runs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// When the failing call fails: before it has any effect, or after its effect but before the caller learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call does nothing and fails.
    Before,
    /// The call takes effect and still fails, as when a connection breaks before the answer.
    After,
}

/// Fails the N-th call that asks it.
#[derive(Debug, Default)]
pub struct FaultPlan {
    armed: AtomicBool,
    after: AtomicBool,
    remaining: AtomicU64,
    fired: AtomicBool,
}

impl FaultPlan {
    /// Arms the plan: the `n`-th call from now (1 is the next) fails at `moment`, and no other.
    pub fn arm(&self, n: u64, moment: Moment) {
        self.remaining.store(n, SeqCst);
        self.after.store(moment == Moment::After, SeqCst);
        self.fired.store(false, SeqCst);
        self.armed.store(true, SeqCst);
    }

    /// Lets every call through again; returns whether a call was failed since the plan was armed.
    pub fn disarm(&self) -> bool {
        self.armed.store(false, SeqCst);
        self.fired.load(SeqCst)
    }

    /// Counts one call; tells whether and when it must fail.
    pub fn next_call(&self) -> Option<Moment> {
        if !self.armed.load(std::sync::atomic::Ordering::Relaxed) {
            return None;
        }
        let before =
            self.remaining.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).unwrap_or(0);
        if before != 1 {
            return None;
        }
        self.fired.store(true, SeqCst);
        Some(if self.after.load(SeqCst) { Moment::After } else { Moment::Before })
    }
}

struct CrashPoint {
    name: String,
    remaining: AtomicU64,
}

static CRASH: OnceLock<CrashPoint> = OnceLock::new();

/// Makes the process abort when it passes the point `name` for the `n`-th time. Works once per process.
pub fn arm_crash(name: &str, n: u64) {
    let _already_armed =
        CRASH.set(CrashPoint { name: name.to_owned(), remaining: AtomicU64::new(n) });
}

/// Marks a step after which a crash must lose nothing acknowledged; aborts here if a test armed this point.
pub fn crash_point(name: &str) {
    let Some(point) = CRASH.get() else { return };
    if point.name == name && point.remaining.fetch_sub(1, SeqCst) == 1 {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_nth_call_fails() {
        let plan = FaultPlan::default();
        assert_eq!(plan.next_call(), None);
        plan.arm(3, Moment::After);
        let calls: Vec<_> = (0..5).map(|_| plan.next_call()).collect();
        assert_eq!(calls, [None, None, Some(Moment::After), None, None]);
        assert!(plan.disarm());
    }
}
