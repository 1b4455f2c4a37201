//! What the words of a failed request tell by themselves.

use super::Finding;
use super::pasted::Pasted;

/// The oldest huggingface_hub that the hub is tested with.
const OLDEST: (u32, u32) = (0, 36);

/// The hub as its clients should reach it.
pub(crate) struct Here<'a> {
    /// `https://hub.example.org`.
    pub(crate) origin: &'a str,
}

/// Everything that the words tell, the most likely cause first.
pub(crate) fn read(text: &str, seen: &Pasted, here: &Here<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(host(seen, here));
    found.extend(unreached(text, seen, here));
    found.extend(seen.path.as_deref().and_then(path));
    found.extend(client(seen));
    found.extend(token(seen));
    found.extend(words(text));
    found.extend(code(seen));
    found.extend(status(seen));
    found
}

fn host(seen: &Pasted, here: &Here<'_>) -> Option<Finding> {
    let asked = seen.host.as_deref()?;
    let (scheme, own) = here.origin.split_once("://")?;
    let own = own.to_ascii_lowercase();
    let export = format!("export HF_ENDPOINT={}", here.origin);
    if ["huggingface.co", "hf.co"].iter().any(|hub| is_within(bare(asked), hub)) {
        return Some(Finding::bad(
            "The request went to huggingface.co, not to this hub.",
            set(here),
        ));
    }
    if bare(asked) != bare(&own) {
        return Some(Finding::bad(
            format!("The request went to {asked}; this hub is {own}."),
            format!("{export}. If {asked} should lead here, look at the proxy or the DNS between."),
        ));
    }
    if seen.scheme.as_deref().is_some_and(|asked| asked != scheme) {
        return Some(Finding::mind(
            format!("The request used another scheme than {scheme}."),
            format!("{export}. A redirect from http to https makes clients drop the token."),
        ));
    }
    Some(Finding::good("The request came to this hub."))
}

/// How clients are sent here.
fn set(here: &Here<'_>) -> String {
    format!(
        "Set the endpoint before the program starts (export HF_ENDPOINT={}); in a notebook before the first import of \
         huggingface_hub or transformers, because they read it once.",
        here.origin
    )
}

/// Whether a host is this one, or has a name below it.
fn is_within(host: &str, parent: &str) -> bool {
    host.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Errors of clients that reached nothing.
const UNREACHED: [&str; 6] = [
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
    "ConnectionError",
    "ConnectError",
    "MaxRetryError",
    "NameResolutionError",
];

/// A client that reached no hub and does not say which one it wanted: most often nobody told it.
fn unreached(text: &str, seen: &Pasted, here: &Here<'_>) -> Option<Finding> {
    let is_so = seen.host.is_none() && UNREACHED.iter().any(|error| text.contains(error));
    is_so.then(|| {
        let what = "The client reached no hub, and the text does not say which one it asked: without HF_ENDPOINT that is \
                    huggingface.co.";
        Finding::mind(what, set(here))
    })
}

/// A host without the port that its scheme implies.
fn bare(host: &str) -> &str {
    host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host)
}

fn path(path: &str) -> Option<Finding> {
    if path.contains("//") {
        return Some(Finding::bad(
            "The path has two slashes in a row.",
            "HF_ENDPOINT ends in a slash: leave it out. (llama.cpp alone wants one.)",
        ));
    }
    if path.starts_with("/v1/")
        || path.starts_with("/api/v1/")
        || path.contains("/chat/completions")
    {
        return Some(Finding::bad(
            "This is an address of an inference server, as OpenAI's clients ask for it.",
            "A hub keeps models and runs none. Point the client at the server that runs it (vLLM, llama.cpp, TGI), and \
             that server at this hub with HF_ENDPOINT.",
        ));
    }
    if path.starts_with("/hub/") || path.starts_with("/hf/") {
        return Some(Finding::mind(
            "The path begins with a folder that this hub does not have.",
            "A hub cannot live below a folder of an address; give it a name of its own.",
        ));
    }
    let of_models = path.strip_prefix("/api/models/")?;
    let is_short = !of_models.trim_end_matches('/').contains('/');
    is_short.then(|| {
        Finding::bad(
            format!("“{of_models}” has no namespace."),
            "Names such as gpt2 or bert-base-uncased are special cases of huggingface.co. Here every repository is \
             namespace/name: openai-community/gpt2, if somebody has put it here.",
        )
    })
}

fn client(seen: &Pasted) -> Option<Finding> {
    let agent = seen.header("user-agent")?;
    let at = ["huggingface_hub/", "hf_hub/"]
        .iter()
        .find_map(|name| Some(agent.find(name)? + name.len()))?;
    let mut parts = agent[at..].split(|c: char| !c.is_ascii_digit());
    let version = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (version < OLDEST).then(|| {
        Finding::mind(
            format!("The client is huggingface_hub {}.{}.", version.0, version.1),
            format!(
                "Older than {}.{}, which is the oldest that this hub is tested with: pip install -U huggingface_hub.",
                OLDEST.0, OLDEST.1
            ),
        )
    })
}

fn token(seen: &Pasted) -> Option<Finding> {
    let refused = matches!(seen.status, Some(401 | 403 | 404));
    let Some(value) = seen.header("authorization") else {
        // Only of a whole request can be said what it lacks.
        return (refused && seen.header("host").is_some()).then(|| {
            Finding::mind(
                "The request carried no token.",
                "If the repository is private or gated: hf auth login, or HF_TOKEN in the environment of the program \
                 (a container and a service have their own).",
            )
        });
    };
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let is_known = ["bearer", "basic"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if !is_known {
        return Some(Finding::bad(
            "The Authorization header has no scheme that this hub knows.",
            "It must read: Authorization: Bearer hf_… (or Basic with the token as the password, as git sends it).",
        ));
    }
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    let is_hidden = rest.contains('*') || rest.contains('[') || rest.contains('…');
    (is_bearer && !is_hidden && !rest.trim().starts_with("hf_")).then(|| {
        Finding::bad(
            "The token does not begin with hf_, as the tokens of every hub do.",
            "Look for a variable that was never filled in, quotes around it, or a key of another service.",
        )
    })
}

/// Words of error messages: what they contain, what it means, what to do.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "CERTIFICATE_VERIFY_FAILED",
        "The client does not trust the certificate of the server it reached.",
        "With a certificate of your own authority: REQUESTS_CA_BUNDLE and SSL_CERT_FILE must name a file that has it.",
    ),
    (
        "self-signed certificate",
        "The client does not trust the certificate of the server it reached.",
        "REQUESTS_CA_BUNDLE and SSL_CERT_FILE must name a file with the authority that signed it.",
    ),
    (
        "HF_HUB_OFFLINE",
        "The client was told to stay offline and asked nobody.",
        "unset HF_HUB_OFFLINE (and TRANSFORMERS_OFFLINE).",
    ),
    (
        "LocalEntryNotFoundError",
        "The client found no hub and looked into its cache instead, which has not got the file.",
        "See whether the machine reaches this hub at all: curl -I and the address of this page.",
    ),
    (
        "Connection refused",
        "Nothing listens where the client asked.",
        "Look at the port of HF_ENDPOINT; inside a container localhost is the container.",
    ),
    (
        "Name or service not known",
        "The name in HF_ENDPOINT has no address on that machine.",
        "Look at its spelling and at the DNS of the machine or the cluster.",
    ),
    (
        "Could not resolve host",
        "The name in the address has no address on that machine.",
        "Look at its spelling and at the DNS of the machine or the cluster.",
    ),
    (
        "ProxyError",
        "A proxy stands between and did not let it through.",
        "Put the hub's name into NO_PROXY, or let the proxy pass it.",
    ),
    (
        "smudge filter lfs failed",
        "git came through, git-lfs did not.",
        "git lfs install, and a token with access: git asks for it once, git-lfs takes it from the credential helper.",
    ),
    (
        "No space left on device",
        "The disk of the client is full.",
        "HF_HOME names where downloads are kept; hf cache ls shows what takes the room.",
    ),
    (
        "does not appear to have a file named config.json",
        "The repository has no config.json at its root, so transformers does not know what it is.",
        "Look at its files: GGUF and adapters are loaded by other programs (the page of the repository says which).",
    ),
];

fn words(text: &str) -> Option<Finding> {
    let (_, what, cure) = WORDS.iter().find(|(words, _, _)| text.contains(words))?;
    Some(Finding::bad(*what, *cure))
}

/// `X-Error-Code`: what it stands for, and what to do.
const CODES: &[(&str, &str, &str)] = &[
    (
        "RepoNotFound",
        "The hub says: there is no such repository, or this caller may not see it. Both sound the same on purpose.",
        "Check namespace, name and kind (datasets and Spaces have datasets/ and spaces/ in their addresses), then the token.",
    ),
    (
        "RevisionNotFound",
        "The repository is there; the branch, tag or commit is not.",
        "Look at the switch of revisions on its Files page. A shallow habit: the branch is called main here, not master.",
    ),
    (
        "EntryNotFound",
        "The repository and the revision are there; the file is not.",
        "Clients ask for files that may be absent and go on: this alone is often no fault. Names are case-sensitive.",
    ),
    (
        "GatedRepo",
        "The repository is gated: its files are given to those who may write to it.",
        "The token must be of one of them. Asking for access is not there yet.",
    ),
];

fn code(seen: &Pasted) -> Option<Finding> {
    let code = seen.answer("x-error-code")?;
    let (_, what, cure) = CODES.iter().find(|(known, _, _)| *known == code)?;
    Some(Finding::mind(*what, *cure))
}

fn status(seen: &Pasted) -> Option<Finding> {
    if seen
        .answer("x-error-code")
        .is_some_and(|code| CODES.iter().any(|(known, _, _)| *known == code))
    {
        return None;
    }
    let (what, cure) = match seen.status? {
        200..=299 => return Some(Finding::good("The answer was a success.")),
        301 | 302 | 307 | 308 => (
            "The answer leads elsewhere.",
            "Let the client follow redirects (curl -L); a renamed repository answers so for ever.",
        ),
        401 => (
            "401: the hub does not know who asks.",
            "A token is missing, expired, revoked, or of another hub.",
        ),
        403 => (
            "403: the hub knows who asks, and they may not do this.",
            "Most often a token that may only read was used to write.",
        ),
        413 => (
            "413: too large.",
            "The message says which limit; large files go by hf upload, which cuts them.",
        ),
        416 => (
            "416: a range beyond the end of the file.",
            "A broken download was resumed on a file that has changed: delete the .incomplete file.",
        ),
        429 => (
            "429: too many failed logins from that address.",
            "Wait as long as Retry-After says, then mend the token.",
        ),
        500..=599 => (
            "The hub failed.",
            "Tell the operator the request id (X-Request-Id): the cause stands beside it in the log.",
        ),
        _ => return None,
    };
    Some(Finding::mind(what, cure))
}

/// Whether an answer came from this program at all.
pub(crate) fn is_ours(seen: &Pasted) -> Option<Finding> {
    let has_answer = seen.received.iter().any(|(name, _)| name != "date");
    (has_answer && seen.answer("x-request-id").is_none()).then(|| {
        Finding::mind(
            "The answer has no X-Request-Id, which every answer of this hub has.",
            "It came from a proxy or another server in between.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Here<'_> = Here { origin: "https://hub.test" };

    fn told(text: &str) -> String {
        let found = read(text, &Pasted::read(text), &HERE);
        found.iter().map(|one| format!("{} {} {}\n", one.tone, one.what, one.cure)).collect()
    }

    #[test]
    fn causes_are_told_by_their_signs() {
        for (text, sign) in [
            ("401 Client Error for url: https://huggingface.co/api/models/a/b", "not to this hub"),
            (
                "(MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /a/b\"))",
                "export HF_ENDPOINT=https://hub.test",
            ),
            (
                "OfflineModeIsEnabled: Cannot reach https://huggingface.co/api/models/a/b: offline",
                "not to this hub",
            ),
            ("Failed to resolve 'cas-server.xethub.hf.co'", "not to this hub"),
            (
                "LocalEntryNotFoundError: Cannot find the requested files",
                "without HF_ENDPOINT that is huggingface.co",
            ),
            (
                "httpx.ConnectError: [Errno -2] Name or service not known",
                "export HF_ENDPOINT=https://hub.test",
            ),
            ("GET https://nothuggingface.co/api/models/a/b", "went to nothuggingface.co"),
            ("GET https://other.test/api/models/a/b", "went to other.test"),
            ("https://hub.test//api/models/a/b", "two slashes"),
            ("POST https://hub.test/v1/chat/completions", "inference server"),
            ("https://hub.test/api/models/gpt2", "has no namespace"),
            ("> GET /a/b HTTP/1.1\n> Host: hub.test\n< HTTP/1.1 404", "carried no token"),
            ("> GET /a/b HTTP/1.1\n> Authorization: Bearer sk-123", "does not begin with hf_"),
            ("> GET /a/b HTTP/1.1\n> Authorization: hf_123", "no scheme"),
            ("User-Agent: unknown/None; hf_hub/0.14.1; python/3.8", "huggingface_hub 0.14"),
            ("ssl.SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED", "does not trust"),
            ("> GET /a/b HTTP/1.1\n< HTTP/1.1 403\n< x-error-code: GatedRepo", "is gated"),
            ("< HTTP/1.1 429 Too Many", "failed logins"),
            ("http://hub.test/a/b", "another scheme"),
        ] {
            assert!(told(text).contains(sign), "{text}: {}", told(text));
        }
    }

    #[test]
    fn what_is_well_is_not_blamed() {
        let text = "> GET /a/b/resolve/main/x HTTP/1.1\n> Host: hub.test:443\n> User-Agent: hf_hub/1.10.2\n\
                    > Authorization: Bearer hf_x\n< HTTP/1.1 200 OK\n< x-request-id: 1";
        let told = told(text);
        assert!(!told.contains("bad ") && !told.contains("mind "), "{told}");
    }
}
