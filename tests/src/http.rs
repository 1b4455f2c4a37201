//! Requests from many threads at once, without a process for each.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Whom to ask, and as whom.
#[derive(Debug, Clone)]
pub struct Http {
    address: String,
    token: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Http {
    /// Asks the server at `url` (`http://host:port`); an empty token is nobody.
    pub fn new(url: &str, token: &str) -> Self {
        Self { address: url.trim_start_matches("http://").to_owned(), token: token.to_owned() }
    }

    /// One request on a connection of its own. A connection that breaks before the end of the answer is an error.
    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        // HTTP/1.0: the server neither keeps the connection nor sends chunks.
        let mut head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        if !self.token.is_empty() {
            head.push_str(&format!("Authorization: Bearer {}\r\n", self.token));
        }
        head.push_str("Content-Type: application/json\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        parse(&received)
            .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the answer broke off"))
    }

    /// A GET that must be answered.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"").unwrap()
    }

    /// A POST of JSON that must be answered.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body.to_string().as_bytes()).unwrap()
    }

    /// Creates a model repository in the caller's own namespace.
    #[track_caller]
    pub fn create_model(&self, name: &str, private: bool) {
        let made =
            self.post("/api/repos/create", &serde_json::json!({"name": name, "private": private}));
        assert_eq!(made.status, 200, "{}", made.text());
    }

    /// Commits text files to a branch; the answer, if one came.
    pub fn commit(
        &self,
        repo: &str,
        branch: &str,
        parent: Option<&str>,
        files: &[(&str, &str)],
    ) -> io::Result<Answer> {
        let mut header = serde_json::json!({"summary": "change"});
        if let Some(parent) = parent {
            header["parentCommit"] = parent.into();
        }
        let mut body = serde_json::json!({"key": "header", "value": header}).to_string();
        for (path, content) in files {
            let value = serde_json::json!({"path": path, "content": content, "encoding": "utf-8"});
            body.push('\n');
            body.push_str(&serde_json::json!({"key": "file", "value": value}).to_string());
        }
        self.send("POST", &format!("/api/models/{repo}/commit/{branch}"), body.as_bytes())
    }

    /// The commit a revision stands for.
    #[track_caller]
    pub fn head(&self, repo: &str, revision: &str) -> String {
        let answer = self.get(&format!("/api/models/{repo}/revision/{revision}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["sha"].as_str().unwrap().to_owned()
    }
}

fn parse(received: &[u8]) -> Option<Answer> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let answer = Answer { status, head, body: received[end + 4..].to_vec() };
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    let is_whole = length.is_none_or(|length: usize| length == answer.body.len());
    is_whole.then_some(answer)
}
