//! Where a text stands, so that its relative links lead somewhere.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::links;

/// Where a text stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The address of the repository's page: `/ns/name`. Empty outside repositories: relative links stay.
    pub base: String,
    /// The revision that is shown.
    pub revision: String,
    /// The folder of the text; empty for the root.
    pub folder: String,
}

impl Place {
    /// An address as it is meant here: relative ones become pages of files, or with `is_source` the files themselves.
    pub(super) fn resolve<'u>(&self, url: &'u str, is_source: bool) -> Option<Cow<'u, str>> {
        let url = url.trim();
        if let Some(name) = url.strip_prefix('#') {
            // The sanitiser gives every id this prefix, so that no text can name a part of the page around it.
            let name = name.strip_prefix(PREFIX).unwrap_or(name);
            return Some(format!("#{PREFIX}{name}").into());
        }
        let has_scheme =
            url.find([':', '/', '?', '#']).is_some_and(|at| url.as_bytes().get(at) == Some(&b':'));
        if self.base.is_empty() || has_scheme || url.starts_with('/') || url.is_empty() {
            return Some(url.into());
        }
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let (file, rest) = url.split_at(end);
        let path = self.join(file)?;
        let is_folder = path.is_empty() || file.ends_with('/');
        let verb = match (is_source, is_folder) {
            (true, _) => "resolve",
            (false, true) => "tree",
            (false, false) => "blob",
        };
        Some(format!("{}{rest}", links::at(&self.base, verb, &self.revision, &path)).into())
    }

    /// The address of a picture, a sound or a film that metadata names: a file of the repository, or one elsewhere over TLS,
    /// as the policy of pages wants it.
    pub(crate) fn source(&self, url: &str) -> Option<String> {
        let found = self.resolve(url, true)?;
        (found.starts_with("https://") || (found.starts_with('/') && !found.starts_with("//")))
            .then(|| found.into_owned())
    }

    /// The path from the root; none when it leaves the repository.
    fn join(&self, file: &str) -> Option<String> {
        let decoded = percent_decode_str(file).decode_utf8().ok()?;
        let mut parts: Vec<&str> = self.folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in decoded.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(parts.join("/"))
    }
}

/// What every id of a text begins with.
pub(super) const PREFIX: &str = "user-content-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_addresses_lead_to_the_revision() {
        let place = Place {
            base: "/datasets/a/b".to_owned(),
            revision: "refs/pr/1".to_owned(),
            folder: "docs".to_owned(),
        };
        let cases = [
            ("x.md#part", false, Some("/datasets/a/b/blob/refs%2Fpr%2F1/docs/x.md#part")),
            (
                "./images/a%20b.png",
                true,
                Some("/datasets/a/b/resolve/refs%2Fpr%2F1/docs/images/a%20b.png"),
            ),
            ("../LICENSE", false, Some("/datasets/a/b/blob/refs%2Fpr%2F1/LICENSE")),
            ("data/", false, Some("/datasets/a/b/tree/refs%2Fpr%2F1/docs/data")),
            ("..", false, Some("/datasets/a/b/tree/refs%2Fpr%2F1")),
            ("../../etc/passwd", false, None),
            ("https://example.org/x", false, Some("https://example.org/x")),
            ("mailto:a@b.c", false, Some("mailto:a@b.c")),
            ("/other/repo", false, Some("/other/repo")),
            ("#usage", false, Some("#user-content-usage")),
            ("x?y=a:b", false, Some("/datasets/a/b/blob/refs%2Fpr%2F1/docs/x?y=a:b")),
        ];
        for (url, is_source, expected) in cases {
            assert_eq!(place.resolve(url, is_source).as_deref(), expected, "{url}");
        }
    }
}
