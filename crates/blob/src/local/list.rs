use std::fs;
use std::io;
use std::path::Path;

use super::info;
use crate::{BlobInfo, Family, Key};

/// The first `limit` objects of a family behind `after`, in the order of their keys.
pub(super) fn page(
    root: &Path,
    family: Family,
    after: Option<Key>,
    limit: usize,
) -> io::Result<Vec<(Key, BlobInfo)>> {
    let depth = match family {
        Family::Packs | Family::Uploads => 0,
        Family::Xorbs => 1,
        Family::Lfs => 2,
    };
    let mut listing =
        Listing { root, after: after.map(|key| key.to_string()), limit, found: Vec::new() };
    listing.descend(family.prefix(), depth)?;
    Ok(listing.found)
}

struct Listing<'a> {
    root: &'a Path,
    after: Option<String>,
    limit: usize,
    found: Vec<(Key, BlobInfo)>,
}

impl Listing<'_> {
    /// Lists what lies under `prefix` (which ends with a slash), `depth` folders down.
    fn descend(&mut self, prefix: &str, depth: usize) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(prefix))? {
            let name = entry?.file_name();
            // Names that are not text are not ours.
            let Some(name) = name.to_str() else { continue };
            let path =
                if depth == 0 { format!("{prefix}{name}") } else { format!("{prefix}{name}/") };
            if self.may_follow(&path) {
                names.push(path);
            }
        }
        names.sort_unstable();
        for path in names {
            if self.found.len() >= self.limit {
                break;
            }
            if depth == 0 {
                self.add(&path)?;
            } else if self.root.join(&path).is_dir() {
                self.descend(&path, depth - 1)?;
            }
        }
        Ok(())
    }

    /// Whether the object `path`, or one in the folder `path`, can come behind `after`.
    fn may_follow(&self, path: &str) -> bool {
        self.after
            .as_deref()
            .is_none_or(|after| path > after || (path.ends_with('/') && after.starts_with(path)))
    }

    fn add(&mut self, path: &str) -> io::Result<()> {
        let Ok(key) = Key::parse(path) else { return Ok(()) };
        match fs::metadata(self.root.join(path)) {
            Ok(metadata) if metadata.is_file() => self.found.push((key, info(&metadata))),
            // Deleted since the folder was read.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _not_an_object => {}
        }
        Ok(())
    }
}
