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
    /// Why it did not run.
    left_out: Option<&'static str>,
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
        self.done.push(Step { name, took: start.elapsed(), error, left_out: None });
        well
    }

    /// Notes that a step cannot run here.
    pub(super) fn leave_out(&mut self, name: &'static str, why: &'static str) {
        eprintln!("== {name}: not run: {why}");
        self.done.push(Step { name, took: Duration::ZERO, error: None, left_out: Some(why) });
    }

    /// The names of the steps that failed.
    pub(super) fn failed(&self) -> Vec<&'static str> {
        self.done.iter().filter(|step| step.error.is_some()).map(|step| step.name).collect()
    }

    /// Prints one line for each step.
    pub(super) fn print(&self) {
        eprintln!("== steps");
        for step in &self.done {
            let mark = match step.left_out {
                Some(why) => format!("NOT RUN: {why}"),
                None if step.error.is_some() => "FAILED".to_owned(),
                None => "ok".to_owned(),
            };
            eprintln!("{:<8} {:>8.1} s  {mark}", step.name, step.took.as_secs_f64());
        }
    }
}
