//! Large files that commits name: the repository has a link to each, and the size is right.

use std::collections::HashSet;

use steelyard_core::{Oid, Sha256};
use steelyard_db::{check, lfs};
use steelyard_git::lfs_pointer::{self, POINTER_BYTES_MAX};
use steelyard_git::{EntryMode, ObjectKind, ObjectSource as _, PackSet, read};

use super::finding::{Finding, Findings, Severity};
use crate::{Hub, Result};

/// A pointer and where it was found first.
#[derive(Debug)]
pub(super) struct PointerAt {
    sha256: Sha256,
    size: u64,
    place: String,
}

/// Collects pointers; each content once. What cannot be read is told by the check of the closure.
#[derive(Debug, Default)]
pub(super) struct Pointers {
    folders: HashSet<Oid>,
    files: HashSet<Oid>,
    contents: HashSet<(Sha256, u64)>,
    list: Vec<PointerAt>,
}

impl Pointers {
    /// Looks at every file of a commit.
    pub(super) fn visit_tip(&mut self, set: &PackSet, name: &str, commit: &Oid) {
        let Ok(commit) = read::get_commit(set, commit) else { return };
        let mut open = vec![(commit.tree, String::new())];
        while let Some((folder, path)) = open.pop() {
            if !self.folders.insert(folder) {
                continue;
            }
            let Ok(tree) = read::get_tree(set, &folder) else { continue };
            for entry in tree.iter() {
                let path = || format!("{path}{}", String::from_utf8_lossy(entry.name));
                match entry.mode {
                    EntryMode::Tree => open.push((entry.oid, format!("{}/", path()))),
                    EntryMode::File | EntryMode::Executable => {
                        self.visit_file(set, &entry.oid, || format!("{name}:{}", path()));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Looks at every file among objects.
    pub(super) fn visit_objects(&mut self, set: &PackSet, objects: &HashSet<Oid>) {
        for oid in objects {
            if matches!(set.header(oid), Ok(Some((ObjectKind::Blob, _)))) {
                self.visit_file(set, oid, || format!("file {oid} of an earlier commit"));
            }
        }
    }

    fn visit_file(&mut self, set: &PackSet, oid: &Oid, place: impl FnOnce() -> String) {
        if !self.files.insert(*oid) {
            return;
        }
        let is_small = |size| size < POINTER_BYTES_MAX as u64;
        if !matches!(set.header(oid), Ok(Some((_, size))) if is_small(size)) {
            return;
        }
        let Ok(content) = read::get_blob(set, oid) else { return };
        if let Some((sha256, size)) = lfs_pointer::parse(&content)
            && self.contents.insert((sha256, size))
        {
            self.list.push(PointerAt { sha256, size, place: place() });
        }
    }

    pub(super) fn into_list(self) -> Vec<PointerAt> {
        self.list
    }
}

impl Hub {
    /// Looks up the link of every pointer.
    pub(super) async fn check_pointers(
        &self,
        repo_id: i64,
        pointers: &[PointerAt],
        findings: &mut Findings,
    ) -> Result<()> {
        let mut missing = Severity::Error;
        for pointer in pointers {
            let mut conn = self.db().read().await?;
            let link = lfs::find_link(&mut conn, repo_id, pointer.sha256).await?;
            if link.is_none()
                && missing == Severity::Error
                && check::has_deleted_links(&mut conn, repo_id).await?
            {
                missing = Severity::Warning;
            }
            drop(conn);
            let finding = match link {
                Some(link) if link.size_bytes == pointer.size => continue,
                Some(link) => {
                    let what = format!(
                        "claims {} bytes for large file {}, which has {}",
                        pointer.size, pointer.sha256, link.size_bytes
                    );
                    Finding::error(pointer.place.clone(), what, "commit the file again")
                }
                None => {
                    let what = format!(
                        "names large file {}, which the repository has no link to",
                        pointer.sha256
                    );
                    let hint = match missing {
                        Severity::Error => "upload the file again",
                        _ => {
                            "owners deleted large files here; upload the file again or remove it from the branch"
                        }
                    };
                    Finding::new(missing, pointer.place.clone(), what, hint)
                }
            };
            findings.push(finding);
        }
        Ok(())
    }
}
