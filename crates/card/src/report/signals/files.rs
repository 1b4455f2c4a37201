//! The signals that lie in the names of files.

use super::{Answer, Questions, said};
use crate::report::{EVIDENCE_MAX, Evidence, SignalState};

/// Suffixes of files that run code when they are loaded: Python's pickle in its many clothes.
const PICKLES: [&str; 7] = [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"];
/// Files of these suffixes that are no weights: what is read only where a training goes on.
const NO_PICKLES: [&str; 6] = [
    "training_args.bin",
    "rng_state.pth",
    "optimizer.pt",
    "scheduler.pt",
    "scaler.pt",
    "tokenizer.bin",
];
/// Suffixes of weights that hold data and nothing else.
const SAFE: [&str; 4] = [".safetensors", ".gguf", ".onnx", ".skops"];

impl Questions<'_> {
    pub(super) fn license_file(&self) -> Answer {
        let is_text = |path: &&&str| {
            let upper = path.to_ascii_uppercase();
            ["LICENSE", "LICENCE", "COPYING", "UNLICENSE"]
                .iter()
                .any(|name| upper.starts_with(name))
        };
        match self.input.files.iter().find(is_text) {
            Some(path) => said(SignalState::Yes, (**path).to_owned()),
            None if self.facts().license.is_empty() => {
                said(SignalState::No, "there is no licence, neither declared nor as a file")
            }
            None => {
                let declared = self.facts().license.join(", ");
                said(SignalState::No, format!("{declared} is declared, and no file holds its text"))
            }
        }
    }

    pub(super) fn safetensors(&self) -> Answer {
        let ends =
            |path: &str, suffixes: &[&str]| suffixes.iter().any(|suffix| path.ends_with(suffix));
        let files = self.input.files.iter();
        let pickles: Vec<Evidence> = files
            .clone()
            .filter(|path| ends(path, &PICKLES) && !ends(path, &NO_PICKLES))
            .take(EVIDENCE_MAX)
            .map(|path| Evidence {
                text: format!("{path} may run code when it is loaded"),
                line: None,
            })
            .collect();
        let faults = &self.input.known.weight_faults;
        if pickles.is_empty() && !faults.is_empty() {
            let evidence = |fault: &String| Evidence { text: fault.clone(), line: None };
            return (SignalState::Unknown, faults.iter().map(evidence).collect());
        }
        let safe = files.filter(|path| ends(path, &SAFE)).count();
        match (pickles.is_empty(), safe) {
            (false, _) => (SignalState::No, pickles),
            (true, 0) => said(SignalState::NotApplicable, "there are no weights of a known format"),
            (true, 1) => said(SignalState::Yes, "one file of weights, and it holds only data"),
            (true, count) => {
                said(SignalState::Yes, format!("{count} files of weights, and all hold only data"))
            }
        }
    }
}
