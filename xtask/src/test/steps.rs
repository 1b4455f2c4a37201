use std::time::{Duration, Instant};

use anyhow::Result;

/// The steps of one run, how long each took, and which failed.
#[derive(Debug, Default)]
pub(super) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    error: Option<anyhow::Error>,
}

impl Steps {
    /// Runs one step and tells whether it went well.
    pub(super) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) -> bool {
        eprintln!("== {name}");
        let start = Instant::now();
        let error = step().err();
        if let Some(error) = &error {
            eprintln!("error in {name}: {error:#}");
        }
        let well = error.is_none();
        self.done.push(Step { name, took: start.elapsed(), error });
        well
    }

    /// The names of the steps that failed.
    pub(super) fn failed(&self) -> Vec<&'static str> {
        self.done.iter().filter(|step| step.error.is_some()).map(|step| step.name).collect()
    }

    /// Prints one line for each step.
    pub(super) fn print(&self) {
        eprintln!("== steps");
        for step in &self.done {
            let mark = if step.error.is_some() { "FAILED" } else { "ok" };
            eprintln!("{:<8} {:>8.1} s  {mark}", step.name, step.took.as_secs_f64());
        }
    }
}
