//! Pages of a listing in bytewise order of paths.
//!
//! Git sorts a folder `a` as if it were `a/`, thus after `a.b`; a listing shows the folder itself before `a.b`, and
//! what it holds after. The folder is found early by asking, at every entry, for folders whose name the entry's name
//! starts with; so a page never sorts or visits more than it shows.

use std::borrow::Cow;
use std::sync::Arc;

use steelyard_core::Oid;

use super::{FOLDER_DEPTH_MAX, get_tree, lookup_path};
use crate::GitError;
use crate::store::ObjectSource;
use crate::tree::{EntryMode, EntryRef, Tree};

/// Which part of a tree to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListOptions<'a> {
    /// The folder, `""` for the root.
    pub prefix: &'a str,
    /// True to list what folders hold, and not only the folders.
    pub recursive: bool,
    /// The full path of the last entry of the page before.
    pub after: Option<&'a [u8]>,
    /// Most entries of the page.
    pub limit: usize,
}

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// The full path. Bytes, because git does not demand UTF-8.
    pub path: Vec<u8>,
    /// What the entry is.
    pub mode: EntryMode,
    /// The object.
    pub oid: Oid,
}

impl ListedEntry {
    /// The path as text; bytes that are not UTF-8 are replaced.
    pub fn path_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.path)
    }
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The entries, sorted by the bytes of their paths.
    pub entries: Vec<ListedEntry>,
    /// True when there is at least one more.
    pub more: bool,
}

/// Lists a folder of `tree` by pages; `None` when there is no such folder.
pub fn list_tree(
    source: &(impl ObjectSource + ?Sized),
    tree: &Oid,
    options: ListOptions<'_>,
) -> Result<Option<Listing>, GitError> {
    let prefix = options.prefix.trim_end_matches('/');
    let folder = lookup_path(source, tree, prefix)?.filter(|entry| entry.mode.is_tree());
    let Some(folder) = folder else { return Ok(None) };
    let mut path = prefix.as_bytes().to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    // A cursor before the folder (or none) shows all of it, one after the folder shows nothing.
    let after = match options.after {
        None => None,
        Some(after) => match after.strip_prefix(path.as_slice()) {
            Some(rest) => Some(rest),
            None if after > path.as_slice() => {
                return Ok(Some(Listing { entries: Vec::new(), more: false }));
            }
            None => None,
        },
    };
    let mut page = Page { source, options, entries: Vec::new(), more: false };
    page.walk(&mut path, get_tree(source, &folder.oid)?, after.unwrap_or_default())?;
    Ok(Some(Listing { entries: page.entries, more: page.more }))
}

struct Page<'a, S: ?Sized> {
    source: &'a S,
    options: ListOptions<'a>,
    entries: Vec<ListedEntry>,
    more: bool,
}

/// A folder that is being listed.
struct Level<'a> {
    tree: Arc<Tree>,
    next: usize,
    /// Relative to this folder; nothing up to it is shown. Empty: show all.
    after: &'a [u8],
    path_len: usize,
}

impl<S: ObjectSource + ?Sized> Page<'_, S> {
    fn walk(&mut self, path: &mut Vec<u8>, root: Arc<Tree>, after: &[u8]) -> Result<(), GitError> {
        let next = first_visible(&root, after);
        let mut stack = vec![Level { tree: root, next, after, path_len: path.len() }];
        while let Some(level) = stack.last_mut() {
            path.truncate(level.path_len);
            if self.more {
                return Ok(());
            }
            if level.next == level.tree.len() {
                stack.pop();
                continue;
            }
            let index = level.next;
            level.next += 1;
            let (tree, after) = (level.tree.clone(), level.after);
            let entry = tree.entry(index);
            self.show_folders_before(&tree, index, after, path);
            if !(entry.mode.is_tree() && was_shown_before(&tree, index)) {
                self.show(entry, after, path);
            }
            if self.options.recursive && entry.mode.is_tree() && !self.more {
                if stack.len() == FOLDER_DEPTH_MAX {
                    return Err(GitError::TooLarge {
                        what: "depth of folders",
                        limit: FOLDER_DEPTH_MAX as u64,
                    });
                }
                let rest = after.strip_prefix(entry.name).and_then(|rest| rest.strip_prefix(b"/"));
                let rest = rest.unwrap_or_default();
                path.extend_from_slice(entry.name);
                path.push(b'/');
                let folder = get_tree(self.source, &entry.oid)?;
                let next = first_visible(&folder, rest);
                stack.push(Level { tree: folder, next, after: rest, path_len: path.len() });
            }
        }
        Ok(())
    }

    /// Shows the folders that git sorts later but whose bare names come before the entry at `index`.
    fn show_folders_before(&mut self, tree: &Tree, index: usize, after: &[u8], path: &[u8]) {
        let name = tree.entry(index).name;
        let previous = index.checked_sub(1).map(|index| tree.entry(index).name);
        for (end, _) in name.iter().enumerate().skip(1).filter(|(_, byte)| **byte < b'/') {
            let stem = &name[..end];
            if previous.is_some_and(|previous| extends_below_slash(previous, stem)) {
                continue;
            }
            if let Ok(folder) = tree.position(stem, true) {
                self.show(tree.entry(folder), after, path);
            }
        }
    }

    fn show(&mut self, entry: EntryRef<'_>, after: &[u8], path: &[u8]) {
        if !after.is_empty() && entry.name <= after {
            return;
        }
        if self.entries.len() >= self.options.limit {
            self.more = true;
            return;
        }
        let path = [path, entry.name].concat();
        self.entries.push(ListedEntry { path, mode: entry.mode, oid: entry.oid });
    }
}

/// True when the folder at `index` was shown on account of the entry before it.
fn was_shown_before(tree: &Tree, index: usize) -> bool {
    let previous = index.checked_sub(1).map(|index| tree.entry(index).name);
    previous.is_some_and(|previous| extends_below_slash(previous, tree.entry(index).name))
}

/// True when `name` is `stem` and then a byte that sorts before '/'.
fn extends_below_slash(name: &[u8], stem: &[u8]) -> bool {
    name.strip_prefix(stem).and_then(<[u8]>::first).is_some_and(|byte| *byte < b'/')
}

/// The first entry that shows, or holds, something after `after`.
fn first_visible(tree: &Tree, after: &[u8]) -> usize {
    if after.is_empty() {
        return 0;
    }
    let (mut low, mut high) = (0, tree.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let entry = tree.entry(middle);
        let is_before = if entry.mode.is_tree() {
            let inside = after.strip_prefix(entry.name).is_some_and(|rest| rest.starts_with(b"/"));
            let key = entry.name.iter().chain(b"/");
            !inside && key.lt(after.iter())
        } else {
            entry.name <= after
        };
        if is_before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
