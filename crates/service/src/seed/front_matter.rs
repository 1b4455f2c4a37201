//! Writes the front matter of cards.

use std::fmt::{Display, Write as _};

/// Front matter that is being written. Values are plain YAML unless [`FrontMatter::quoted`] writes them.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    yaml: String,
}

impl FrontMatter {
    pub(super) fn word(&mut self, key: &str, value: impl Display) {
        self.line(0, format_args!("{key}: {value}"));
    }

    pub(super) fn quoted(&mut self, key: &str, value: &str) {
        self.word(key, serde_json::Value::from(value));
    }

    /// A list; nothing when it is empty.
    pub(super) fn list(&mut self, key: &str, values: &[impl Display]) {
        if !values.is_empty() {
            self.line(0, format_args!("{key}:"));
        }
        values.iter().for_each(|value| self.line(0, format_args!("- {value}")));
    }

    /// A line as it stands, so far to the right.
    pub(super) fn line(&mut self, indent: usize, text: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.yaml, "{:indent$}{text}", "");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.yaml.is_empty()
    }

    /// The card so far: the front matter between its fences, or nothing when there is none.
    pub(super) fn into_card(self) -> String {
        match self.is_empty() {
            true => String::new(),
            false => format!("---\n{}---\n\n", self.yaml),
        }
    }
}
