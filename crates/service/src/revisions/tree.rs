//! Listings of a commit's files.

use steelyard_core::Oid;
use steelyard_core::limits::{LAST_COMMIT_WALK_MAX, TREE_PAGE, TREE_PAGE_EXPANDED};
use steelyard_core::page::{Cursor, Page};
use steelyard_git::read::{ListOptions, ListedEntry};
use steelyard_git::{read, walk};

use super::entry::{Entry, EntryKind, describe};
use super::log::CommitInfo;
use super::snapshot::{Snapshot, read_commit};
use crate::history::{History, broken};
use crate::{Error, Result};

/// What part of a tree to list.
#[derive(Debug, Clone, Default)]
pub struct TreeQuery {
    /// The folder; empty for the root.
    pub folder: String,
    /// With everything below it.
    pub recursive: bool,
    /// With the last commit of each entry.
    pub expand: bool,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
    /// Entries per page; the documented page sizes when absent, and never more.
    pub limit: Option<usize>,
}

impl Snapshot {
    /// One page of a folder, bytewise by path.
    pub fn list_tree(&self, query: &TreeQuery) -> Result<Page<Entry>> {
        let folder = query.folder.trim_matches('/');
        let page_max = if query.expand { TREE_PAGE_EXPANDED } else { TREE_PAGE };
        let limit = query.limit.unwrap_or(page_max).clamp(1, page_max);
        let after = query.cursor.as_ref().map(Cursor::as_bytes);
        let options = ListOptions { prefix: folder, recursive: query.recursive, after, limit };
        let listing = read::list_tree(&*self.history, &self.tree, options).map_err(broken)?;
        let listing = listing.ok_or_else(|| Error::no_entry(folder, self.commit))?;
        let mut items = Vec::with_capacity(listing.entries.len());
        for entry in &listing.entries {
            items.push(describe(
                &self.history,
                entry.path_text().into_owned(),
                entry.mode,
                entry.oid,
            )?);
        }
        if query.expand {
            self.add_last_commits(&mut items)?;
        }
        let next =
            listing.entries.last().filter(|_| listing.more).map(|entry| Cursor::after(&entry.path));
        Ok(Page { items, next })
    }

    /// One page of a folder with the last commit of each entry, as large as one without them. For pages, which keep what
    /// they have found.
    pub fn list_folder(&self, folder: &str, cursor: Option<Cursor>) -> Result<Page<Entry>> {
        let query = TreeQuery { folder: folder.to_owned(), cursor, ..TreeQuery::default() };
        let mut page = self.list_tree(&query)?;
        self.add_last_commits(&mut page.items)?;
        Ok(page)
    }

    /// The entries at `paths`; those that do not exist are left out.
    pub fn paths_info(&self, paths: &[String], expand: bool) -> Result<Vec<Entry>> {
        let mut items = Vec::new();
        for path in paths {
            items.extend(self.find_entry(path.trim_matches('/'))?);
        }
        if expand {
            self.add_last_commits(&mut items)?;
        }
        Ok(items)
    }

    /// Every file of the commit, bytewise by path; at most `limit`.
    pub fn list_files(&self, limit: usize) -> Result<Vec<ListedEntry>> {
        list_files(&self.history, self.tree, limit)
    }

    /// As [`Snapshot::list_files`], with sizes and pointers.
    pub fn list_file_entries(&self, limit: usize) -> Result<Vec<Entry>> {
        let files = self.list_files(limit)?;
        let describe = |file: ListedEntry| {
            describe(&self.history, file.path_text().into_owned(), file.mode, file.oid)
        };
        files.into_iter().map(describe).collect()
    }

    /// The bytes of all files of the commit together; of at most `limit` files.
    pub fn size(&self, limit: usize) -> Result<u64> {
        let sizes = self.list_file_entries(limit)?.into_iter().map(|entry| match entry.kind {
            EntryKind::File { size, .. } => size,
            _ => 0,
        });
        Ok(sizes.fold(0, u64::saturating_add))
    }

    /// Finds the last commit of each entry, walking the history once per folder.
    fn add_last_commits(&self, items: &mut [Entry]) -> Result<()> {
        let mut folders: std::collections::BTreeMap<String, Vec<usize>> =
            std::collections::BTreeMap::new();
        for (index, entry) in items.iter().enumerate() {
            let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            folders.entry(folder.to_owned()).or_default().push(index);
        }
        for (folder, indexes) in folders {
            let name_of = |index: &usize| {
                let path = &items[*index].path;
                path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name).as_bytes().to_vec()
            };
            let names: Vec<Vec<u8>> = indexes.iter().map(name_of).collect();
            let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            let found = walk::last_commits(
                &*self.history,
                &self.commit,
                &folder,
                &names,
                LAST_COMMIT_WALK_MAX,
            )
            .map_err(broken)?;
            for (index, oid) in indexes.iter().zip(found) {
                let Some(oid) = oid else { continue };
                let commit = read_commit(&self.history, oid)?;
                items[*index].last_commit = Some(CommitInfo::new(oid, &commit));
            }
        }
        Ok(())
    }
}

/// Every file of a tree, bytewise by path; at most `limit`.
pub(super) fn list_files(history: &History, tree: Oid, limit: usize) -> Result<Vec<ListedEntry>> {
    let options = ListOptions { prefix: "", recursive: true, after: None, limit };
    let listing = read::list_tree(history, &tree, options).map_err(broken)?;
    let entries = listing.map(|listing| listing.entries).unwrap_or_default();
    Ok(entries.into_iter().filter(|entry| entry.mode.is_file()).collect())
}
