//! How far a job has come: told by whoever does the work, kept beside the lease, shown to administrators.
//!
//! Work need not know who asked for it: what is told outside of a job goes nowhere.

use std::sync::{Arc, Mutex, PoisonError};

use steelyard_db::job::JobProgress;

tokio::task_local! {
    static CURRENT: Progress;
}

/// What the run of a job has told so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Mutex<Option<JobProgress>>>);

impl Progress {
    /// Does `work` as a job that tells its progress here.
    pub(super) async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), work).await
    }

    /// The latest state.
    pub(super) fn get(&self) -> Option<JobProgress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn change(how: impl FnOnce(&mut Option<JobProgress>)) {
    // Without a job there is nobody to tell.
    let _ = CURRENT.try_with(|current| {
        how(&mut current.0.lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// Begins to count `unit`, of which there are `total` if that is known.
pub(crate) fn begin(unit: &str, total: Option<u64>) {
    change(|state| *state = Some(JobProgress { done: 0, total, unit: unit.to_owned() }));
}

/// So many more of what was begun are done.
pub(crate) fn advance(count: u64) {
    change(|state| {
        if let Some(state) = state {
            state.done = state.done.saturating_add(count);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_reaches_the_job_and_nobody_else() {
        begin("bytes", Some(1));
        advance(1);
        let (one, two) = (Progress::default(), Progress::default());
        let work = |unit: &'static str, count| async move {
            advance(1);
            begin(unit, None);
            tokio::task::yield_now().await;
            advance(count);
        };
        tokio::join!(one.of(work("packs", 3)), two.of(work("xorbs", 4)));
        let told = |progress: &Progress| progress.get().map(|state| (state.done, state.unit));
        assert_eq!(told(&one), Some((3, "packs".to_owned())));
        assert_eq!(told(&two), Some((4, "xorbs".to_owned())));
    }
}
