//! LFS pointers: the small files that stand for large ones
//! (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).

use steelyard_core::Sha256;
use steelyard_core::limits::LFS_OBJECT_BYTES_MAX;

/// Pointers are shorter than this.
pub const POINTER_BYTES_MAX: usize = 1024;

const VERSION: &[u8] = b"version https://git-lfs.github.com/spec/v1";

/// Reads a pointer: hash and size of the file it stands for; `None` when the content is no pointer.
///
/// As lenient as git-lfs itself (white space around, CRLF, extension lines), so that the server takes for a pointer
/// whatever a client would.
pub fn parse(content: &[u8]) -> Option<(Sha256, u64)> {
    if content.len() >= POINTER_BYTES_MAX {
        return None;
    }
    let lines = content.trim_ascii().split(|byte| *byte == b'\n');
    let mut lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if lines.next()? != VERSION {
        return None;
    }
    let mut line = lines.next()?;
    while is_extension(line) {
        line = lines.next()?;
    }
    let oid = line.strip_prefix(b"oid sha256:")?;
    if oid.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let oid = Sha256::parse(std::str::from_utf8(oid).ok()?).ok()?;
    let size = lines.next()?.strip_prefix(b"size ")?;
    if lines.next().is_some() || size.is_empty() || !size.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = std::str::from_utf8(size).ok()?.parse().ok()?;
    (size <= LFS_OBJECT_BYTES_MAX).then_some((oid, size))
}

/// Writes the pointer of a file.
pub fn format(oid: &Sha256, size: u64) -> String {
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n")
}

/// Length in bytes of the pointer of a file of that size.
pub fn pointer_size(size: u64) -> u64 {
    let digits = u64::from(size.checked_ilog10().unwrap_or(0)) + 1;
    (VERSION.len() + "\noid sha256:\nsize \n".len() + 2 * Sha256::LEN) as u64 + digits
}

/// `ext-<digit>-<name> sha256:<hash>`
fn is_extension(line: &[u8]) -> bool {
    matches!(line, [b'e', b'x', b't', b'-', b'0'..=b'9', b'-', rest @ ..] if memchr::memmem::find(rest, b" sha256:").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_round_trip() {
        let oid = Sha256::new([0xab; 32]);
        for size in [0, 9, 10, 12_345, 1_000_000_000_000] {
            let text = format(&oid, size);
            assert_eq!(parse(text.as_bytes()), Some((oid, size)));
            assert_eq!(pointer_size(size), text.len() as u64);
            assert_eq!(parse(text.trim_end().as_bytes()), Some((oid, size)));
            assert_eq!(parse(text.replace('\n', "\r\n").as_bytes()), Some((oid, size)));
            let extended = text.replace("\noid", "\next-0-foo sha256:00\noid");
            assert_eq!(parse(extended.as_bytes()), Some((oid, size)));
        }
    }

    #[test]
    fn other_files_are_no_pointers() {
        let good = format(&Sha256::new([0xab; 32]), 5);
        for bad in [
            String::new(),
            good.replace("v1", "v2"),
            good.replace("ab\n", "\n"),
            good.replace("ab\n", "AB\n"),
            good.replace("size 5", "size -5"),
            good.replace("size 5", "size 99999999999999999999"),
            good.replace("size 5", "size 9999999999999999"),
            good.replace("size 5\n", ""),
            format!("{good}more\n"),
            format!("{good}{}", " ".repeat(1024)),
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
