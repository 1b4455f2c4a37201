//! The `.gitattributes` of a new repository: which files go to LFS.

use std::sync::LazyLock;

use steelyard_core::RepoKind;

use crate::vocab;

static PLAIN: LazyLock<String> = LazyLock::new(|| render(false));
static DATASET: LazyLock<String> = LazyLock::new(|| render(true));

/// The text of the `.gitattributes` a repository of this kind starts with.
///
/// Datasets also send media files to LFS; the other kinds leave small pictures in git.
pub fn default_gitattributes(kind: RepoKind) -> &'static str {
    match kind {
        RepoKind::Dataset => &DATASET,
        RepoKind::Model | RepoKind::Space | RepoKind::Kernel => &PLAIN,
    }
}

fn render(dataset: bool) -> String {
    let (mut text, mut section) = (String::new(), "");
    for row in vocab::rows(include_str!("../data/gitattributes.csv")) {
        if row.raw(1) != "all" && !dataset {
            continue;
        }
        if row.raw(2) != section {
            section = row.raw(2);
            text.push_str(&format!("# {section}\n"));
        }
        text.push_str(row.raw(0));
        text.push_str(" filter=lfs diff=lfs merge=lfs -text\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_starts_with_the_usual_patterns() {
        let text = default_gitattributes(RepoKind::Model);
        assert!(text.starts_with("*.7z filter=lfs diff=lfs merge=lfs -text\n*.arrow "));
        assert!(text.contains("\nsaved_model/**/* filter=lfs diff=lfs merge=lfs -text\n*.tar.* "));
        assert!(text.contains("\n*.gguf filter=lfs"));
        assert!(!text.contains("*.png") && !text.contains('#'));
        assert!(text.ends_with("-text\n"));
        assert_eq!(text, default_gitattributes(RepoKind::Space));
    }

    #[test]
    fn a_dataset_adds_media_under_headings() {
        let text = default_gitattributes(RepoKind::Dataset);
        assert!(text.contains("*.lfs.* filter=lfs diff=lfs merge=lfs -text\n*.lz4 "));
        assert!(text.contains("\n# Audio files - uncompressed\n*.pcm "));
        assert!(text.contains("\n# Video files - compressed\n*.mp4 "));
    }
}
