//! Stamps: one small file per finished step, so that a second set-up only compares texts.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use steelyard_testkit::tools;

fn file(step: &str) -> PathBuf {
    tools::root().join("stamps").join(step)
}

/// True if `step` was finished with exactly this recipe.
pub(super) fn is_fresh(step: &str, recipe: &str) -> bool {
    fs::read_to_string(file(step)).is_ok_and(|written| written == recipe)
}

/// Records that `step` is finished with this recipe.
pub(super) fn write(step: &str, recipe: &str) -> Result<()> {
    let file = file(step);
    let folder = file.parent().expect("a stamp lies in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, recipe))
        .with_context(|| format!("cannot write {}", file.display()))
}
