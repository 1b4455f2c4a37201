//! A hydrated bare repository: the directory that the git binary and readers are pointed at.
//!
//! It is a cache. Nothing here calls fsync: whoever owns the directory deletes it when it lacks the marker of
//! [`mark_clean`] after a restart, and builds it anew. All writes go through a temporary name and a rename, so that
//! a process reading the directory at the same time sees the old file or the new one.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::RefRecord;

const CLEAN: &str = "clean";
const CONFIG: &[u8] = b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n";

/// The cache could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CacheDirError {
    /// A file or directory could not be written.
    #[error("writing {}", path.display())]
    Io {
        /// What was to be written.
        path: PathBuf,
        /// Why it was not.
        #[source]
        source: io::Error,
    },
    /// A name cannot stand in a file of a repository.
    #[error("{field} \"{}\" is not fit for a repository", value.escape_debug())]
    BadName {
        /// What is named.
        field: &'static str,
        /// The name.
        value: String,
    },
}

/// Where the bytes of an installed file come from.
#[derive(Debug, Clone, Copy)]
pub enum FileSource<'a> {
    /// They are in memory.
    Bytes(&'a [u8]),
    /// They are in this file, which nobody changes: it is linked, or copied when it lies on another file system.
    Path(&'a Path),
}

/// Creates the skeleton of a bare repository with an unborn `HEAD`; existing directories are kept.
pub fn write_skeleton(dir: &Path) -> Result<(), CacheDirError> {
    for sub in ["objects/pack", "objects/info", "refs/heads", "refs/tags"] {
        let path = dir.join(sub);
        fs::create_dir_all(&path).map_err(|source| CacheDirError::Io { path, source })?;
    }
    write_file(&dir.join("config"), FileSource::Bytes(CONFIG))?;
    write_head(dir, "refs/heads/main")
}

/// Makes `refs` the refs of the repository, and `head_ref` the branch that `HEAD` points to.
pub fn write_packed_refs(
    dir: &Path,
    refs: &[RefRecord],
    head_ref: &str,
) -> Result<(), CacheDirError> {
    let mut sorted: Vec<&RefRecord> = refs.iter().collect();
    sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut text = Vec::with_capacity(64 + sorted.len() * 80);
    text.extend_from_slice(b"# pack-refs with: peeled fully-peeled sorted \n");
    for record in sorted {
        check_ref(&record.name)?;
        // Writing to a Vec cannot fail.
        let _ = writeln!(text, "{} {}", record.oid, record.name);
        if let Some(peeled) = record.peeled {
            let _ = writeln!(text, "^{peeled}");
        }
    }
    write_file(&dir.join("packed-refs"), FileSource::Bytes(&text))?;
    write_head(dir, head_ref)
}

/// Installs a pack and its index as `objects/pack/<name>.pack` and `.idx`; `name` is `pack-` and lower-case letters,
/// digits or dashes. Readers see the pack once its index is there, which comes last.
pub fn install_pack(
    dir: &Path,
    name: &str,
    pack: FileSource<'_>,
    idx: FileSource<'_>,
) -> Result<(), CacheDirError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let id = name.strip_prefix("pack-").unwrap_or_default();
    if id.is_empty() || name.len() > 100 || !id.chars().all(fits) {
        return Err(CacheDirError::BadName { field: "pack", value: name.to_owned() });
    }
    let folder = dir.join("objects/pack");
    write_file(&folder.join(format!("{name}.pack")), pack)?;
    write_file(&folder.join(format!("{name}.idx")), idx)
}

/// Notes that the directory is complete and no one writes to it any more: called at an orderly shutdown.
pub fn mark_clean(dir: &Path) -> Result<(), CacheDirError> {
    write_file(&dir.join(CLEAN), FileSource::Bytes(b""))
}

/// True when the directory was left with [`mark_clean`]; one without the marker is to be deleted.
pub fn is_clean(dir: &Path) -> bool {
    dir.join(CLEAN).is_file()
}

/// Takes the marker away: called before the first write after a start.
pub fn clear_clean(dir: &Path) -> Result<(), CacheDirError> {
    let path = dir.join(CLEAN);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(CacheDirError::Io { path, source })
        }
        _ => Ok(()),
    }
}

fn write_head(dir: &Path, head_ref: &str) -> Result<(), CacheDirError> {
    check_ref(head_ref)?;
    write_file(&dir.join("HEAD"), FileSource::Bytes(format!("ref: {head_ref}\n").as_bytes()))
}

/// A last guard against a name that would forge lines; the rules proper are those of `RefName`.
fn check_ref(name: &str) -> Result<(), CacheDirError> {
    let forges = name.chars().any(|c| c.is_ascii_control() || c == ' ');
    if forges || !name.starts_with("refs/") {
        return Err(CacheDirError::BadName { field: "ref", value: name.to_owned() });
    }
    Ok(())
}

fn write_file(path: &Path, source: FileSource<'_>) -> Result<(), CacheDirError> {
    let temporary = temporary_name(path);
    let written = match source {
        FileSource::Bytes(bytes) => fs::write(&temporary, bytes),
        // Not every file system can link, and none across its border.
        FileSource::Path(from) => {
            fs::hard_link(from, &temporary).or_else(|_| fs::copy(from, &temporary).map(|_| ()))
        }
    };
    written.and_then(|()| fs::rename(&temporary, path)).map_err(|source| {
        let _ = fs::remove_file(&temporary);
        CacheDirError::Io { path: path.to_owned(), source }
    })?;
    // Renaming one link of a file onto another does nothing, not even remove the first.
    if matches!(source, FileSource::Path(_)) {
        let _ = fs::remove_file(&temporary);
    }
    Ok(())
}

/// A name beside `path` that no other writer of this process uses and git takes for garbage of its own.
fn temporary_name(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = OsString::from(format!("tmp_{}_{number}_", std::process::id()));
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use steelyard_core::Oid;

    use super::*;

    fn record(name: &str, peeled: Option<Oid>) -> RefRecord {
        RefRecord { name: name.into(), oid: Oid::new([1; 20]), peeled }
    }

    #[test]
    fn refs_are_written_sorted_with_what_they_peel_to() {
        let dir = tempfile::tempdir().unwrap();
        write_skeleton(dir.path()).unwrap();
        let refs = [
            record("refs/tags/v1", Some(Oid::new([2; 20]))),
            record("refs/heads/a/b", None),
            record("refs/heads/a-b", None),
        ];
        write_packed_refs(dir.path(), &refs, "refs/heads/dev").unwrap();
        let text = fs::read_to_string(dir.path().join("packed-refs")).unwrap();
        let (one, two) = ("01".repeat(20), "02".repeat(20));
        assert_eq!(
            text,
            format!(
                "# pack-refs with: peeled fully-peeled sorted \n{one} refs/heads/a-b\n\
                 {one} refs/heads/a/b\n{one} refs/tags/v1\n^{two}\n"
            )
        );
        let head = fs::read_to_string(dir.path().join("HEAD")).unwrap();
        assert_eq!(head, "ref: refs/heads/dev\n");
    }

    #[test]
    fn names_cannot_forge_lines_or_leave_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        write_skeleton(dir.path()).unwrap();
        for bad in ["refs/heads/a\nb", "refs/heads/a b", "main", ""] {
            assert!(
                write_packed_refs(dir.path(), &[record(bad, None)], "refs/heads/main").is_err()
            );
            assert!(write_packed_refs(dir.path(), &[], bad).is_err());
        }
        for bad in ["pack-", "pack-../x", "x", "pack-A", "pack-a.b"] {
            let source = FileSource::Bytes(b"");
            let error = install_pack(dir.path(), bad, source, source).unwrap_err();
            assert!(error.to_string().starts_with("pack \""), "{error}");
        }
    }

    #[test]
    fn packs_are_written_or_linked_and_leave_no_temporary_files() {
        let dir = tempfile::tempdir().unwrap();
        write_skeleton(dir.path()).unwrap();
        let from = dir.path().join("elsewhere");
        fs::write(&from, b"PACK").unwrap();
        for _ in 0..2 {
            install_pack(dir.path(), "pack-1a", FileSource::Path(&from), FileSource::Bytes(b"idx"))
                .unwrap();
        }
        let folder = dir.path().join("objects/pack");
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["pack-1a.idx", "pack-1a.pack"]);
        assert_eq!(fs::read(folder.join("pack-1a.pack")).unwrap(), b"PACK");
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(fs::metadata(&from).unwrap().nlink(), 2);
        let missing = FileSource::Path(Path::new("/nonexistent/pack"));
        assert!(install_pack(dir.path(), "pack-2", missing, FileSource::Bytes(b"")).is_err());
    }

    #[test]
    fn the_clean_marker_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_clean(dir.path()));
        mark_clean(dir.path()).unwrap();
        assert!(is_clean(dir.path()));
        clear_clean(dir.path()).unwrap();
        clear_clean(dir.path()).unwrap();
        assert!(!is_clean(dir.path()));
    }
}
