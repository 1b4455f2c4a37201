use std::io;
use std::sync::Arc;

use steelyard_core::fault::{FaultPlan, Moment};

/// Where the steps of a store ask whether they must fail. Without a plan every step passes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Option<Arc<FaultPlan>>);

impl Faults {
    pub(crate) const fn from_plan(plan: Arc<FaultPlan>) -> Self {
        Self(Some(plan))
    }

    pub(crate) fn next(&self) -> Option<Moment> {
        self.0.as_ref().and_then(|plan| plan.next_call())
    }

    /// Does one step of a local operation, unless the plan fails it.
    pub(crate) fn step<T>(&self, step: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.next() {
            None => step(),
            Some(Moment::Before) => Err(injected()),
            Some(Moment::After) => step().and_then(|_| Err(injected())),
        }
    }
}

/// Looks like a fault that passes by itself.
fn injected() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "failed on purpose")
}
