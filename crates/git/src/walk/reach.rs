//! Everything that is reachable from some commits.

use std::collections::HashSet;

use steelyard_core::Oid;

use crate::GitError;
use crate::commit::Commit;
use crate::object::ObjectKind;
use crate::store::ObjectSource;
use crate::tag::Tag;
use crate::tree::{EMPTY_TREE, Scan};

/// The ids of all objects reachable from `tips`: commits, tags, folders, files; not the commits of submodules.
///
/// Objects for which `is_known` holds are taken as complete: they are neither entered nor part of the answer.
/// What is missing is told to `on_missing`, which may stop the walk with an error.
pub fn reachable(
    source: &dyn ObjectSource,
    tips: &[Oid],
    is_known: &dyn Fn(&Oid) -> bool,
    on_missing: &mut dyn FnMut(&Oid) -> Result<(), GitError>,
) -> Result<HashSet<Oid>, GitError> {
    let mut walk = Reach { source, is_known, on_missing, found: HashSet::new(), open: Vec::new() };
    for tip in tips {
        walk.note(tip, None)?;
    }
    while let Some((oid, expected)) = walk.open.pop() {
        walk.enter(&oid, expected)?;
    }
    Ok(walk.found)
}

struct Reach<'a> {
    source: &'a dyn ObjectSource,
    is_known: &'a dyn Fn(&Oid) -> bool,
    on_missing: &'a mut dyn FnMut(&Oid) -> Result<(), GitError>,
    found: HashSet<Oid>,
    open: Vec<(Oid, Option<ObjectKind>)>,
}

impl Reach<'_> {
    /// Notes an object; a file is only looked for, anything else waits to be entered.
    fn note(&mut self, oid: &Oid, kind: Option<ObjectKind>) -> Result<(), GitError> {
        if self.found.contains(oid) || (self.is_known)(oid) {
            return Ok(());
        }
        if kind == Some(ObjectKind::Blob) {
            match self.source.header(oid)? {
                None => return (self.on_missing)(oid),
                Some((found, _)) => check_kind(oid, kind, found)?,
            }
        } else {
            self.open.push((*oid, kind));
        }
        self.found.insert(*oid);
        Ok(())
    }

    fn enter(&mut self, oid: &Oid, expected: Option<ObjectKind>) -> Result<(), GitError> {
        let Some(object) = self.source.read(oid)? else {
            if *oid == EMPTY_TREE {
                return Ok(());
            }
            self.found.remove(oid);
            return (self.on_missing)(oid);
        };
        check_kind(oid, expected, object.kind)?;
        match object.kind {
            ObjectKind::Blob => {}
            ObjectKind::Tag => {
                let tag = Tag::parse(&object.data)?;
                self.note(&tag.target, Some(tag.target_kind))?;
            }
            ObjectKind::Commit => {
                let commit = Commit::parse(&object.data)?;
                self.note(&commit.tree, Some(ObjectKind::Tree))?;
                for parent in &commit.parents {
                    self.note(parent, Some(ObjectKind::Commit))?;
                }
            }
            ObjectKind::Tree => {
                let mut entries = Scan::new(&object.data);
                while let Some(entry) = entries.next_entry()? {
                    if let Some(kind) = entry.mode.object_kind() {
                        self.note(&entry.oid, Some(kind))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn check_kind(oid: &Oid, expected: Option<ObjectKind>, found: ObjectKind) -> Result<(), GitError> {
    match expected {
        Some(expected) if expected != found => {
            Err(GitError::WrongKind { oid: *oid, expected, found })
        }
        _ => Ok(()),
    }
}
