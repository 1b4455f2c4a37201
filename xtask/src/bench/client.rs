//! A small HTTP/1.1 client that keeps its connection: what it costs is the same for every server.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const BUFFER_BYTES: usize = 256 * 1024;

/// One connection to one server.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    address: String,
    token: String,
}

/// The head of an answer; its body is still to be read.
struct Head {
    status: u16,
    length: u64,
    /// Where the next page of a list is: the path and what follows.
    next: Option<String>,
}

impl Client {
    /// Connects to `host:port`; an empty token is nobody.
    pub(super) fn connect(address: &str, token: &str) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(BUFFER_BYTES, stream);
        Ok(Self { stream, address: address.to_owned(), token: token.to_owned() })
    }

    fn write_head(&mut self, method: &str, path: &str, headers: &str, length: u64) -> Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}", self.address);
        if !self.token.is_empty() && !headers.contains("Authorization") {
            head.push_str(&format!("Authorization: Bearer {}\r\n", self.token));
        }
        head.push_str(&format!("Content-Length: {length}\r\n\r\n"));
        self.stream.get_mut().write_all(head.as_bytes())?;
        Ok(())
    }

    fn read_head(&mut self) -> Result<Head> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("not a status line: {line:?}"))?;
        let (mut length, mut next) = (None, None);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse()?);
            }
            if name.eq_ignore_ascii_case("link") {
                next = next_page(value);
            }
        }
        if length.is_none() && status != 204 {
            bail!("an answer of status {status} without Content-Length");
        }
        Ok(Head { status, length: length.unwrap_or(0), next })
    }

    fn read_body(&mut self, head: &Head) -> Result<Vec<u8>> {
        let mut body = vec![0; usize::try_from(head.length)?];
        self.stream.read_exact(&mut body)?;
        if !(200..300).contains(&head.status) {
            bail!("status {}: {}", head.status, String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    /// Sends a request and returns the body of the answer, which must be a success.
    pub(super) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Result<Vec<u8>> {
        self.write_head(method, path, headers, body.len() as u64)?;
        self.stream.get_mut().write_all(body)?;
        let head = self.read_head()?;
        self.read_body(&head)
    }

    pub(super) fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        self.send("GET", path, "", b"").with_context(|| format!("GET {path}"))
    }

    /// A page of a list, and where the next one is.
    pub(super) fn get_page(&mut self, path: &str) -> Result<(Vec<u8>, Option<String>)> {
        self.write_head("GET", path, "", 0)?;
        let head = self.read_head()?;
        let body = self.read_body(&head).with_context(|| format!("GET {path}"))?;
        Ok((body, head.next))
    }

    pub(super) fn post(&mut self, path: &str, content_type: &str, body: &[u8]) -> Result<Value> {
        let headers = format!("Content-Type: {content_type}\r\nAccept: {content_type}\r\n");
        let answer =
            self.send("POST", path, &headers, body).with_context(|| format!("POST {path}"))?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Reads a large body and throws it away; returns how many bytes came.
    pub(super) fn drain(&mut self, path: &str) -> Result<u64> {
        self.write_head("GET", path, "", 0)?;
        let head = self.read_head()?;
        if head.status != 200 {
            bail!("GET {path}: status {}", head.status);
        }
        let mut left = head.length;
        let buffered = (self.stream.buffer().len() as u64).min(left);
        self.stream.consume(usize::try_from(buffered)?);
        left -= buffered;
        let mut buffer = vec![0; BUFFER_BYTES];
        while left > 0 {
            let want = usize::try_from(left.min(BUFFER_BYTES as u64))?;
            let count = self.stream.get_mut().read(&mut buffer[..want])?;
            if count == 0 {
                bail!("GET {path} broke off {left} bytes before its end");
            }
            left -= count as u64;
        }
        Ok(head.length)
    }

    /// Sends a file as the body.
    pub(super) fn put_file(&mut self, path: &str, headers: &str, file: &Path) -> Result<()> {
        let mut file = File::open(file)?;
        self.write_head("PUT", path, headers, file.metadata()?.len())?;
        std::io::copy(&mut file, self.stream.get_mut())?;
        let head = self.read_head()?;
        self.read_body(&head).with_context(|| format!("PUT {path}"))?;
        Ok(())
    }
}

/// The path of `<http://host/path>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    let path = address.split_once("://")?.1;
    let path = &path[path.find('/')?..];
    rest.contains("rel=\"next\"").then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_next_page_is_found() {
        let link = " <http://127.0.0.1:80/api/models?limit=2&cursor=a>; rel=\"next\"\r\n";
        assert_eq!(super::next_page(link).unwrap(), "/api/models?limit=2&cursor=a");
        assert_eq!(super::next_page("<http://h/x>; rel=\"prev\""), None);
    }
}
