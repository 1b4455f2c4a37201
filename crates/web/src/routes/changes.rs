//! What differs between two states of a repository, file by file: of a commit and its parent, or of two revisions.

use steelyard_core::Oid;
use steelyard_service::Result;
use steelyard_service::revisions::{Change, Snapshot};

use crate::delta::{self, Delta, DeltaLine};
use crate::{hits, links};

/// Files that are listed, and bytes of them that are compared.
pub(super) const FILES_MAX: usize = 200;
const COMPARED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A file that differs.
pub(super) struct FileDelta {
    pub(super) path: String,
    /// `added`, `removed` or `changed`.
    pub(super) what: &'static str,
    pub(super) href: Option<String>,
    pub(super) delta: Option<Delta>,
    /// Why nothing is compared.
    pub(super) note: &'static str,
}

/// Files that differ, and lines in all.
pub(super) struct Deltas {
    pub(super) files: Vec<FileDelta>,
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) is_cut: bool,
}

impl Deltas {
    /// Compares the files of a list, as far as they are texts and not too large. Links lead to the snapshot's commit.
    pub(super) fn of(
        snapshot: &Snapshot,
        base: &str,
        changes: &[Change],
        is_cut: bool,
    ) -> Result<Self> {
        let mut budget = COMPARED_BYTES_MAX;
        let mut files = Vec::with_capacity(changes.len());
        for change in changes {
            files.push(file_delta(snapshot, base, change, &mut budget)?);
        }
        let sum = |count: fn(&Delta) -> usize| {
            files.iter().filter_map(|file| file.delta.as_ref()).map(count).sum()
        };
        let (added, removed) = (sum(|delta| delta.added), sum(|delta| delta.removed));
        Ok(Self { files, added, removed, is_cut })
    }

    /// The same as Markdown, with each file as a unified comparison without its headers.
    pub(super) fn as_markdown(&self) -> String {
        let more = if self.is_cut { "+" } else { "" };
        let mut text =
            format!("{}{more} files, +{} −{}\n", self.files.len(), self.added, self.removed);
        for file in &self.files {
            text.push_str(&format!("\n## {} ({})\n\n", hits::escape_cell(&file.path), file.what));
            let Some(delta) = &file.delta else {
                text.push_str(&format!("{}\n", file.note));
                continue;
            };
            let line = |line: &DeltaLine| format!("{}{}\n", sign(line.class), line.text);
            let body: String = delta.lines.iter().map(line).collect();
            text.push_str(&hits::fenced(&body, "diff"));
            if delta.is_cut {
                text.push_str("\nThere is more than is shown.\n");
            }
        }
        text
    }
}

/// What stands before a line of a unified comparison.
fn sign(class: &str) -> &'static str {
    match class {
        "add" => "+",
        "del" => "-",
        "gap" => "@@",
        _ => " ",
    }
}

fn file_delta(
    snapshot: &Snapshot,
    base: &str,
    change: &Change,
    budget: &mut usize,
) -> Result<FileDelta> {
    let what = match (change.old, change.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let oid = snapshot.commit.to_string();
    let href = change.new.map(|_| links::at(base, "blob", &oid, &change.path));
    let mut file = FileDelta { path: change.path.clone(), what, href, delta: None, note: "" };
    let side = |oid: Option<Oid>| match oid {
        Some(oid) => snapshot.blob(oid),
        None => Ok(bytes::Bytes::new()),
    };
    if change.is_submodule {
        file.note = "another repository's commit";
        return Ok(file);
    }
    let (old, new) = (side(change.old)?, side(change.new)?);
    let size = old.len() + new.len();
    if old.len().max(new.len()) > delta::FILE_BYTES_MAX || size > *budget {
        file.note = "too large to be compared here";
        return Ok(file);
    }
    *budget -= size;
    match (text(&old), text(&new)) {
        (Some(old), Some(new)) => file.delta = Some(delta::compare(old, new)),
        _ => file.note = "not a text",
    }
    Ok(file)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}
