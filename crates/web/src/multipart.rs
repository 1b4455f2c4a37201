//! `multipart/form-data`, as browsers send files with a form (RFC 7578), read from a body that is in memory already: the
//! files go into one commit, which is built in memory, so they are slices of the body and never copied.

use bytes::Bytes;
use steelyard_service::{Error, Result};

/// Most fields and files of one form.
const PARTS_MAX: usize = 600;
/// Longest head of a part: a name and a file name.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What one form holds.
#[derive(Debug, Default)]
pub(crate) struct Multipart {
    fields: Vec<(String, String)>,
    /// Names of files as the browser gave them, with their bytes.
    pub(crate) files: Vec<(String, Bytes)>,
}

impl Multipart {
    /// Reads a body; `content_type` is the header that names the boundary.
    pub(crate) fn parse(content_type: &str, body: &Bytes) -> Result<Self> {
        let boundary = boundary(content_type)?;
        let delimiter = format!("\r\n--{boundary}");
        let mut form = Self::default();
        // The first delimiter has no line break before it.
        let mut at = match find(body, &delimiter.as_bytes()[2..]) {
            Some(start) => start + delimiter.len() - 2,
            None => return Err(malformed()),
        };
        for _ in 0..=PARTS_MAX {
            if body[at..].starts_with(b"--") {
                return Ok(form);
            }
            let start = at + find(&body[at..], b"\r\n").ok_or_else(malformed)? + 2;
            let head_end = find(&body[start..], b"\r\n\r\n").ok_or_else(malformed)?;
            if head_end > HEAD_BYTES_MAX {
                return Err(malformed());
            }
            let content = start + head_end + 4;
            let end =
                content + find(&body[content..], delimiter.as_bytes()).ok_or_else(malformed)?;
            form.take(&body[start..start + head_end], body.slice(content..end))?;
            at = end + delimiter.len();
        }
        let limit = format!("{PARTS_MAX} files; upload them in several turns");
        Err(Error::TooLarge { what: "the form".to_owned(), limit })
    }

    fn take(&mut self, head: &[u8], content: Bytes) -> Result<()> {
        let head = std::str::from_utf8(head).map_err(|_| malformed())?;
        let is_disposition =
            |line: &&str| line.to_ascii_lowercase().starts_with("content-disposition:");
        let line = head.split("\r\n").find(is_disposition).ok_or_else(malformed)?;
        let name = parameter(line, "name").ok_or_else(malformed)?;
        match parameter(line, "filename") {
            // A field for files that was left empty is sent as a file without a name.
            Some(file) if file.is_empty() && content.is_empty() => {}
            Some(file) => self.files.push((file, content)),
            None => {
                let text = String::from_utf8(content.to_vec());
                self.fields.push((name, text.map_err(|_| malformed())?));
            }
        }
        Ok(())
    }

    /// The value of a field; empty where the form had none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let mut fields = self.fields.iter();
        fields.find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

fn malformed() -> Error {
    Error::invalid("body", "must be multipart/form-data as a browser sends it")
}

fn boundary(content_type: &str) -> Result<String> {
    let is_form = content_type.to_ascii_lowercase().starts_with("multipart/form-data");
    let found = parameter(content_type, "boundary").filter(|found| is_form && !found.is_empty());
    found.filter(|found| found.len() <= 70).ok_or_else(|| {
        Error::invalid("content-type", "must be multipart/form-data with a boundary")
    })
}

/// The parameter of a header line, with or without quotes. Browsers write `"` in a name as `%22`, and line breaks likewise.
fn parameter(line: &str, name: &str) -> Option<String> {
    let start = format!("{name}=");
    let mut rest = line;
    loop {
        let (_, after) = rest.split_once(';')?;
        rest = after.trim_start();
        if let Some(value) = rest.strip_prefix(&start) {
            let value = match value.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next()?,
                None => value.split(';').next()?.trim(),
            };
            return Some(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        }
        if let Some(quoted) = rest.split_once('=').and_then(|(_, value)| value.strip_prefix('"')) {
            rest = quoted.split_once('"').map_or("", |(_, after)| after);
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(step) = haystack[from..].iter().position(|byte| *byte == first) {
        let at = from + step;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Multipart> {
        Multipart::parse(
            "multipart/form-data; boundary=X",
            &Bytes::copy_from_slice(text.as_bytes()),
        )
    }

    #[test]
    fn fields_and_files_are_told_apart() {
        let text = "--X\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n\
                    --X\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a;b %22c%22.bin\"\r\n\
                    Content-Type: application/octet-stream\r\n\r\n\r\n--Y\r\n\0\r\n\
                    --X\r\ncontent-disposition: form-data; name=files; filename=\"\"\r\n\r\n\r\n--X--\r\n";
        let form = parse(text).unwrap();
        assert_eq!((form.get("csrf"), form.get("other")), ("abc", ""));
        assert_eq!(form.files.len(), 1);
        assert_eq!(form.files[0].0, "a;b \"c\".bin");
        assert_eq!(&*form.files[0].1, b"\r\n--Y\r\n\0");
    }

    #[test]
    fn what_is_cut_off_or_no_form_is_refused() {
        for text in [
            "",
            "--X",
            "--X\r\n",
            "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nabc",
            "--X\r\nContent-Type: text/plain\r\n\r\nabc\r\n--X--",
            "--X\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--X--",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        let many = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n".repeat(700);
        assert!(parse(&many).unwrap_err().to_string().contains("600 files"));
        for kind in ["text/plain", "multipart/form-data", "multipart/form-data; boundary=\"\""] {
            assert!(Multipart::parse(kind, &Bytes::from_static(b"--X--")).is_err(), "{kind}");
        }
    }
}
