//! Reading what was pasted.

/// Headers that are kept.
const HEADERS_MAX: usize = 100;

/// A request and its answer, as far as the words tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pasted {
    pub(crate) method: Option<String>,
    /// `https` or `http`.
    pub(crate) scheme: Option<String>,
    /// With its port, in lower case.
    pub(crate) host: Option<String>,
    /// The path with its slash; without the query.
    pub(crate) path: Option<String>,
    /// Names in lower case.
    pub(crate) sent: Vec<(String, String)>,
    pub(crate) received: Vec<(String, String)>,
    pub(crate) status: Option<u16>,
}

impl Pasted {
    /// Reads a text: lines of `curl -v` (`>` sent, `<` received), bare headers, a request line, or any words with an address
    /// in them.
    pub(crate) fn read(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines().map(str::trim) {
            let (line, is_received) = match (line.strip_prefix('<'), line.strip_prefix('>')) {
                (Some(line), _) => (line.trim(), true),
                (_, Some(line)) => (line.trim(), false),
                _ => (line, false),
            };
            found.line(line, is_received);
        }
        if found.path.is_none() {
            found.address_in(asked_in(text));
        }
        if found.host.is_none() {
            found.pool_in(text);
        }
        if found.host.is_none() {
            found.host = found.header("host").map(str::to_ascii_lowercase);
        }
        if found.host.is_none() {
            found.host = of_the_hub(text);
        }
        if found.status.is_none() {
            found.status = status_in(text);
        }
        found
    }

    fn line(&mut self, line: &str, is_received: bool) {
        if let Some(rest) = line.strip_prefix("HTTP/") {
            let status = rest.split_whitespace().nth(1).and_then(|status| status.parse().ok());
            // The last answer counts: before it came redirects.
            self.status = status.or(self.status);
            return;
        }
        if let Some((method, target)) = request_line(line) {
            self.method = Some(method.to_owned());
            match target.contains("://") {
                true => self.address_in(target),
                false => self.path = Some(without_query(target).to_owned()),
            }
            return;
        }
        let Some((name, value)) = line.split_once(": ").filter(|(name, _)| is_name(name)) else {
            return;
        };
        let headers = if is_received { &mut self.received } else { &mut self.sent };
        if headers.len() < HEADERS_MAX {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The last address in a text.
    fn address_in(&mut self, text: &str) {
        let Some(at) = text.rfind("http://").max(text.rfind("https://")) else { return };
        let address = &text[at..];
        let is_end = |c: char| c.is_whitespace() || "\"'<>)`|".contains(c);
        let address = &address[..address.find(is_end).unwrap_or(address.len())];
        let Some((scheme, rest)) = address.trim_end_matches(['.', ',', ':']).split_once("://")
        else {
            return;
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        self.scheme = Some(scheme.to_owned());
        // What stands before an `@` is a name and a password.
        let host = host.rsplit('@').next().unwrap_or(host);
        self.host = Some(host.to_ascii_lowercase());
        self.path = Some(without_query(path).to_owned()).filter(|path| !path.is_empty());
    }

    /// The host of a pool of connections, as Python's errors name it: `HTTPSConnectionPool(host='a', port=443): … with url: /b`.
    fn pool_in(&mut self, text: &str) {
        let Some((before, rest)) = text.rsplit_once("ConnectionPool(host='") else { return };
        let Some((host, rest)) = rest.split_once('\'') else { return };
        let scheme = if before.ends_with("HTTPS") { "https" } else { "http" };
        let port = rest.strip_prefix(", port=").map(digits).unwrap_or_default();
        self.host = Some(match port {
            "" | "443" | "80" => host.to_ascii_lowercase(),
            port => format!("{}:{port}", host.to_ascii_lowercase()),
        });
        self.scheme = Some(scheme.to_owned());
        let target = rest.split_once("with url: ").map(|(_, rest)| rest).unwrap_or_default();
        let target = target.split_whitespace().next().unwrap_or_default();
        if target.starts_with('/') && self.path.is_none() {
            self.path = Some(without_query(target).to_owned());
        }
    }

    /// A header that was sent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.sent, name)
    }

    /// A header of the answer. People paste headers without saying whose they are; those that only the hub makes are clear.
    pub(crate) fn answer(&self, name: &str) -> Option<&str> {
        header(&self.received, name).or_else(|| header(&self.sent, name))
    }

    /// The token that was sent.
    pub(crate) fn token(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    /// Whether nothing was recognised.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Words before the address that a client could not reach.
const REACHING: [&str; 4] = ["for url: ", "for url '", "couldn't connect to '", "Cannot reach "];
/// Pages that errors of clients lead their readers to; nothing was asked of them.
const LEADING: [&str; 5] = ["/docs", "/join", "/settings", "/login", "/pricing"];

/// The part of a text whose last address is the one that was asked.
fn asked_in(text: &str) -> &str {
    if let Some(rest) = REACHING.iter().find_map(|words| Some(text.rsplit_once(words)?.1)) {
        let end = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
        if rest.starts_with("http") {
            return &rest[..end];
        }
    }
    let mut rest = text;
    while let Some(at) = rest.rfind("://") {
        let host_and_path = &rest[at + 3..];
        let path = host_and_path.find('/').map(|slash| &host_and_path[slash..]).unwrap_or_default();
        let is_of_the_hub = host_and_path.starts_with("huggingface.co");
        if !is_of_the_hub || !LEADING.iter().any(|page| path.starts_with(page)) {
            break;
        }
        rest = rest[..at].trim_end_matches("https").trim_end_matches("http");
    }
    rest
}

/// huggingface.co, where a text names it or one of its stores in any other way than as an address to read.
fn of_the_hub(text: &str) -> Option<String> {
    let text = asked_in(text).to_ascii_lowercase();
    let is_named = ["huggingface.co", "xethub.hf.co"].iter().any(|name| text.contains(name));
    is_named.then(|| "huggingface.co".to_owned())
}

/// What a text begins with, as far as it is digits.
fn digits(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn request_line(line: &str) -> Option<(&str, &str)> {
    let (method, rest) = line.split_once(' ')?;
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    let target = rest.split_whitespace().next().filter(|_| methods.contains(&method))?;
    (target.starts_with('/') || target.contains("://")).then_some((method, target))
}

fn without_query(target: &str) -> &str {
    &target[..target.find(['?', '#']).unwrap_or(target.len())]
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `404 Client Error` and its like, as Python's clients word it.
fn status_in(text: &str) -> Option<u16> {
    let at = text.find(" Client Error").or_else(|| text.find(" Server Error"))?;
    let digits = text[..at].rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_curl_is_read() {
        let text = "* Connected to hub.test\n> GET /a/b/resolve/main/x.bin?download=1 HTTP/1.1\n> Host: Hub.test:8080\n\
                    > Authorization: Bearer hf_abc\n> User-Agent: curl/8.5\n< HTTP/1.1 302 Found\n< HTTP/1.1 404 Not Found\n\
                    < X-Error-Code: RepoNotFound\n";
        let found = Pasted::read(text);
        assert_eq!(found.method.as_deref(), Some("GET"));
        assert_eq!(found.path.as_deref(), Some("/a/b/resolve/main/x.bin"));
        assert_eq!((found.host.as_deref(), found.status), (Some("hub.test:8080"), Some(404)));
        assert_eq!(
            (found.token(), found.answer("x-error-code")),
            (Some("hf_abc"), Some("RepoNotFound"))
        );
    }

    #[test]
    fn what_could_not_be_reached_is_read() {
        let pool = "requests.exceptions.ConnectionError: (MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max \
                    retries exceeded with url: /gpt2/resolve/main/config.json?x=1 (Caused by NameResolutionError(...))\"))";
        let found = Pasted::read(pool);
        assert_eq!(found.host.as_deref(), Some("huggingface.co"));
        assert_eq!(found.path.as_deref(), Some("/gpt2/resolve/main/config.json"));
        let own = "HTTPConnectionPool(host='Hub.test', port=8080): Max retries exceeded with url: /api/models/a/b\n\
                   See https://huggingface.co/docs/huggingface_hub/errors";
        let found = Pasted::read(own);
        assert_eq!(
            (found.host.as_deref(), found.scheme.as_deref()),
            (Some("hub.test:8080"), Some("http"))
        );
        // What a message leads its reader to was asked nothing.
        let lost = "OSError: We couldn't connect to 'http://hub.test' to load the files, and couldn't find them in the cached files.\n\
                    See how to run the library in offline mode at 'https://huggingface.co/docs/transformers/installation#offline-mode'.";
        assert_eq!(Pasted::read(lost).host.as_deref(), Some("hub.test"));
        let lost = lost.replace("http://hub.test", "https://huggingface.co");
        assert_eq!(Pasted::read(&lost).host.as_deref(), Some("huggingface.co"));
        let offline = "OfflineModeIsEnabled: Cannot reach https://huggingface.co/api/models/a/b: offline mode is enabled.";
        assert_eq!(Pasted::read(offline).host.as_deref(), Some("huggingface.co"));
        for named in [
            "Failed to resolve 'huggingface.co' ([Errno -2])",
            "curl: (6) Could not resolve host: huggingface.co",
        ] {
            assert_eq!(Pasted::read(named).host.as_deref(), Some("huggingface.co"), "{named}");
        }
        let silent =
            "LocalEntryNotFoundError: see https://huggingface.co/docs/huggingface_hub/guides";
        assert_eq!((Pasted::read(silent).host, Pasted::read(silent).path), (None, None));
        for odd in [
            "ConnectionPool(host='",
            "ConnectionPool(host='é', port=x): with url: é",
            "Cannot reach ",
            "://",
            "for url: httpé",
        ] {
            let _ = Pasted::read(odd);
        }
    }

    #[test]
    fn tracebacks_and_addresses_are_read() {
        let text = "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1-abc)\n\n\
                    Repository Not Found for url: https://huggingface.co/api/models/a/b.\nPlease";
        let found = Pasted::read(text);
        assert_eq!((found.host.as_deref(), found.status), (Some("huggingface.co"), Some(401)));
        assert_eq!(found.path.as_deref(), Some("/api/models/a/b"));
        let found = Pasted::read("http://u:p@localhost:8080//api/models");
        assert_eq!(found.host.as_deref(), Some("localhost:8080"));
        assert_eq!(found.path.as_deref(), Some("//api/models"));
        assert!(Pasted::read("it does not work").is_empty());
        assert!(Pasted::read("").is_empty());
    }
}
