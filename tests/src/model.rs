//! Folders of files: the real model, copied and compared.

use std::path::Path;

/// Copies a model's files, without what Python left beside them.
pub fn copy_model(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == "__pycache__" || name.to_string_lossy().ends_with(".py") {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            copy_model(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Fails the test unless every file of `original` is in `copy`, byte for byte.
#[track_caller]
pub fn assert_same(original: &Path, copy: &Path) {
    for entry in std::fs::read_dir(original).unwrap() {
        let entry = entry.unwrap();
        let other = copy.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            assert_same(&entry.path(), &other);
        } else {
            let same = std::fs::read(entry.path()).unwrap() == std::fs::read(&other).unwrap();
            assert!(same, "{} differs", other.display());
        }
    }
}
