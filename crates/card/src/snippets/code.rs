//! Lines of code, put together.

use super::{DEFAULT_ENDPOINT, Snippet, SnippetInput};

/// The code of one snippet in the making.
pub(super) struct Code {
    lines: Vec<String>,
}

impl Code {
    /// Python that first names the hub, then imports. The clients read the address when they are imported.
    pub(super) fn python(input: &SnippetInput<'_>, imports: &[&str]) -> Self {
        let mut code = Self { lines: Vec::new() };
        if input.endpoint != DEFAULT_ENDPOINT {
            code.line("import os");
            code.line("");
            code.line(format!("os.environ[\"HF_ENDPOINT\"] = {}", quoted(input.endpoint)));
            code.line("");
        }
        imports.iter().for_each(|import| code.line(*import));
        if !imports.is_empty() {
            code.line("");
        }
        code
    }

    /// Shell commands that first name the hub.
    pub(super) fn shell(input: &SnippetInput<'_>) -> Self {
        let mut code = Self { lines: Vec::new() };
        if input.endpoint != DEFAULT_ENDPOINT {
            code.line(format!("export HF_ENDPOINT={}", shell_quoted(input.endpoint)));
        }
        code
    }

    /// Code that names the hub by its addresses.
    pub(super) fn bare() -> Self {
        Self { lines: Vec::new() }
    }

    pub(super) fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub(super) fn lines(&mut self, lines: &[&str]) {
        lines.iter().for_each(|line| self.line(*line));
    }

    pub(super) fn done(
        self,
        id: &'static str,
        title: impl Into<String>,
        language: &'static str,
        needs: &[&'static str],
    ) -> Snippet {
        let code = self.lines.join("\n").trim_end().to_owned() + "\n";
        let needs = needs.to_vec();
        Snippet { id, title: title.into(), language, code, notes: Vec::new(), needs }
    }
}

/// A literal of Python: the strings of JSON are strings of Python.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A word of the shell.
pub(super) fn shell_quoted(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,%".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A path as part of an address.
pub(super) fn url_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
