//! One function for each kind of text from outside: it must not panic whatever the bytes are, and must keep what it
//! promises about them. Driven by `main.rs` here and by libFuzzer in `fuzz/`.

use std::path::{Component, Path};

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use steelyard_core::limits::{COMMIT_OPERATIONS_MAX, PATH_BYTES_MAX};
use steelyard_core::page::Cursor;
use steelyard_core::{Namespace, RefName, RepoId, RepoName, RepoPath, Revision};
use steelyard_http::file::{RangeRequest, content_disposition, content_type, parse_range};
use steelyard_http::routes::parse_commit;
use steelyard_service::commits::Operation;

/// The body of a commit: what is read from it is no larger than it, and names only sound paths.
pub fn ndjson(data: &[u8]) {
    let Ok(request) = parse_commit(&Bytes::copy_from_slice(data), false) else { return };
    assert!(request.operations.len() <= COMMIT_OPERATIONS_MAX);
    let mut bytes = request.summary.len() + request.description.len();
    for operation in &request.operations {
        path_is_safe(operation.path());
        if let Operation::File { content, .. } = operation {
            bytes += content.len();
        }
    }
    assert!(bytes <= data.len(), "{bytes} bytes out of {}", data.len());
}

/// A range lies in the file, and is not empty.
pub fn range(data: &[u8]) {
    let (size, text) = data.split_at(data.len().min(8));
    let mut number = [0; 8];
    number[..size.len()].copy_from_slice(size);
    let Ok(value) = HeaderValue::from_bytes(text) else { return };
    let headers = HeaderMap::from_iter([(header::RANGE, value)]);
    for size in [u64::from_le_bytes(number), u64::from(number[0]), 0, u64::MAX] {
        if let RangeRequest::Part(range) = parse_range(&headers, size) {
            assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
        }
    }
}

/// A path that is accepted stays below the folder it is joined to, on every system, and hides nothing.
pub fn paths(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(path) = RepoPath::parse(&text) {
        assert_eq!(path.as_str(), text);
        path_is_safe(&path);
    }
    let name = content_disposition(&text);
    assert!(HeaderValue::from_str(&name).is_ok() && name.is_ascii(), "{name}");
    assert!(content_type(&text).is_ascii());
}

fn path_is_safe(path: &RepoPath) {
    let text = path.as_str();
    assert!(!text.is_empty() && text.len() <= PATH_BYTES_MAX && !text.contains(['\0', '\n', '\\']));
    let parts = Path::new(text).components();
    assert!(parts.clone().all(|part| matches!(part, Component::Normal(_))), "{text:?}");
    assert_eq!(parts.count(), path.parts().count());
    for part in path.parts() {
        let folded = part.to_lowercase();
        let stem = folded.trim_end_matches(['.', ' ']);
        assert!(
            stem != ".git"
                && !stem.starts_with(".git:")
                && stem != "git~1"
                && !stem.starts_with("git~1:")
        );
    }
}

/// Names, refs and revisions: what is accepted reads back as itself.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(name) = RefName::parse(&text) {
        assert!(name.as_str() == text && text.starts_with("refs/") && !text.contains(".."));
        assert!(Revision::parse(&text).is_ok());
    }
    if let Ok(name) = RefName::branch(&text) {
        assert_eq!(name.branch_name(), Some(&*text));
    }
    if let Ok(Revision::Named { refs, abbreviation, .. }) = Revision::parse(&text) {
        assert!(refs.len() <= 2 && abbreviation.is_none_or(|digits| digits.len() < 40));
    }
    if let Ok(name) = Namespace::parse(&text) {
        assert_eq!(
            name.folded(),
            Namespace::parse(&name.folded()).expect("folding breaks no rule").folded()
        );
    }
    if let Ok(name) = RepoName::parse(&text) {
        assert!(name.as_str() == text && !text.contains('/') && text.is_ascii());
    }
    if let Ok(id) = RepoId::parse(&text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(cursor) = Cursor::parse(&text) {
        assert_eq!(
            Cursor::parse(&cursor.encode()).expect("our own cursor").as_bytes(),
            cursor.as_bytes()
        );
    }
}
