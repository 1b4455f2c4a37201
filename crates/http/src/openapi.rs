//! The OpenAPI document, made from the one table of routes, the wire types, and THE error mapping.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use steelyard_core::{Oid, RepoId, RepoKind};
use steelyard_service::xet::XetScope;
use steelyard_service::{Action, Error, Missing};

use crate::error::ErrorRecord;
use crate::wire::ErrorResponse;
use crate::wire::lfs::LfsErrorResponse;
use crate::{Access, Route, routes};

/// A body on its way in or out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carried {
    media_type: &'static str,
    schema: Option<fn(&mut SchemaGenerator) -> Schema>,
}

impl Carried {
    /// A body of this shape.
    pub(crate) fn schema<T: JsonSchema>(media_type: &'static str) -> Self {
        Self { media_type, schema: Some(SchemaGenerator::subschema_for::<T>) }
    }

    /// A body without a shape of its own.
    pub(crate) fn bytes(media_type: &'static str) -> Self {
        Self { media_type, schema: None }
    }

    fn content(&self, generator: &mut SchemaGenerator) -> Value {
        let mut media = Map::new();
        if let Some(schema) = self.schema {
            media.insert("schema".to_owned(), schema(generator).to_value());
        }
        json!({self.media_type: media})
    }
}

/// What a parameter of the query string looks like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    List,
}

/// A parameter of the query string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    name: &'static str,
    kind: Kind,
    what: &'static str,
}

impl Parameter {
    /// A text.
    pub(crate) const fn text(name: &'static str, what: &'static str) -> Self {
        Self { name, kind: Kind::Text, what }
    }

    /// A whole number.
    pub(crate) const fn number(name: &'static str, what: &'static str) -> Self {
        Self { name, kind: Kind::Number, what }
    }

    /// `true` or `1`.
    pub(crate) const fn flag(name: &'static str, what: &'static str) -> Self {
        Self { name, kind: Kind::Flag, what }
    }

    /// A name that may come several times, also as `name[]`.
    pub(crate) const fn list(name: &'static str, what: &'static str) -> Self {
        Self { name, kind: Kind::List, what }
    }

    fn value(&self) -> Value {
        let schema = match self.kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Number => json!({"type": "integer", "minimum": 1}),
            Kind::Flag => json!({"type": "boolean"}),
            Kind::List => json!({"type": "array", "items": {"type": "string"}}),
        };
        json!({"name": self.name, "in": "query", "description": self.what, "schema": schema})
    }
}

/// Where the next page starts; the `Link` header of a page carries it.
pub(crate) const CURSOR: Parameter = Parameter::text(
    "cursor",
    "Where the page starts, from the Link header (rel=\"next\") of the page before.",
);
/// Entries per page.
pub(crate) const LIMIT: Parameter = Parameter::number("limit", "Most entries of one page.");

const ABOUT: &str = "The HTTP interface of Steelyard, a self-hosted model hub: what huggingface_hub, git-lfs and git \
speak to it. Names and shapes are the Hugging Face Hub's.\n\nEvery answer carries `X-Request-Id`. Every error carries \
`X-Error-Message` and, where clients tell cases apart, `X-Error-Code`; its body is JSON, for git-lfs JSON of its own \
kind, and for git plain text. Wherever GET is answered, HEAD is too. A \
private repository is to strangers as if it did not exist. A renamed repository answers 307 under its old names. Lists \
are paged by a `Link` header. Query lists may be written `k=a&k=b` or `k[]=a&k[]=b`.";

/// The whole document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in routes::table() {
        let (template, names) = readable_path(&route);
        let item = paths.entry(template.clone()).or_insert_with(|| {
            json!({"parameters": names.iter().map(|name| path_parameter(name)).collect::<Vec<_>>()})
        });
        for method in route.methods {
            let method = method.to_ascii_lowercase();
            let operation = operation(&route, &method, &template, &mut generator);
            item[method] = operation;
        }
    }
    let responses = error_responses(&mut generator);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Steelyard",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": ABOUT,
        },
        "tags": routes::TAGS.iter().map(|(name, what)| json!({"name": name, "description": what})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": responses,
            "securitySchemes": security_schemes(),
        },
    })
}

/// The path as people read it, and its parameters: `{*rest}` becomes what it stands for.
fn readable_path(route: &Route) -> (String, Vec<String>) {
    let path = route.path.replace("{ns}", "{namespace}").replace("{name}", "{repo}");
    let path = path.replace("{*rest}", route.rest.unwrap_or("{rest}")).replace("{*", "{");
    let names = path
        .split('{')
        .skip(1)
        .filter_map(|piece| piece.split_once('}'))
        .map(|(name, _)| name.to_owned());
    let names = names.collect();
    (path, names)
}

fn path_parameter(name: &str) -> Value {
    let what = match name {
        "namespace" => "The user or organisation that owns the repository.",
        "repo" => "The repository's name within its namespace.",
        "revision" => "A branch, a tag or a commit; a slash in it is written %2F.",
        "branch" => "A branch; a slash in it is written %2F.",
        "path" => "The path of a file or folder; slashes may stand as they are.",
        "topic" => "What the client reports about.",
        "number" => "The part's number, from 1.",
        "sha256" => "The content's SHA-256 in lower-case hexadecimal.",
        "hash" => "A hash of Xet: of a xorb, a chunk or a file.",
        "prefix" => "`default`.",
        "key" => "A xorb, as the address names it.",
        _ => "The id that an earlier answer gave.",
    };
    json!({"name": name, "in": "path", "required": true, "description": what, "schema": {"type": "string"}})
}

fn operation(
    route: &Route,
    method: &str,
    template: &str,
    generator: &mut SchemaGenerator,
) -> Value {
    let mut operation = json!({
        "tags": [route.tag],
        "operationId": operation_id(method, template),
        "summary": route.summary,
        "description": format!("Who may: {}.", who(route.access)),
        "security": security(route.access),
    });
    if !route.query.is_empty() {
        operation["parameters"] = route.query.iter().map(Parameter::value).collect();
    }
    if let Some(body) = &route.takes {
        operation["requestBody"] = json!({"required": true, "content": body.content(generator)});
    }
    let mut success = json!({"description": "It went well."});
    if let (Some(body), true) = (&route.gives, method != "head") {
        success["content"] = body.content(generator);
    }
    let mut responses = Map::from_iter([("200".to_owned(), success)]);
    for status in statuses(route) {
        responses.insert(
            status.to_string(),
            json!({"$ref": format!("#/components/responses/E{status}")}),
        );
    }
    operation["responses"] = Value::Object(responses);
    operation
}

fn operation_id(method: &str, template: &str) -> String {
    let words =
        template.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

fn who(access: Access) -> &'static str {
    match access {
        Access::Anyone => "anybody",
        Access::User => "any user with a valid token; what the request names may ask for more",
        Access::Session | Access::Repo(Action::ChangeAccount) => {
            "any user, signed in with a browser"
        }
        Access::Admin | Access::Repo(Action::AdministerHub) => "administrators of the hub",
        Access::Xet(XetScope::Read) => {
            "whoever holds a token of the content store for the repository"
        }
        Access::Xet(XetScope::Write) => {
            "whoever holds a token of the content store that may write to the repository"
        }
        Access::Signed => "whoever holds this address, which the hub signed for an hour or a few",
        Access::Repo(Action::ReadRepo) => {
            "anybody for a public repository; its owner and the organisation's members for a private one"
        }
        Access::Repo(Action::ReadContent) => {
            "whoever may see the repository and, if its files are gated, is on its list"
        }
        Access::Repo(Action::ProposeChange | Action::LikeRepo) => {
            "whoever may see the repository, with a write token"
        }
        Access::Repo(Action::WriteContent) => {
            "the owner, and in an organisation members with the role write, or contributor for repositories they \
             created; with a write token"
        }
        Access::Repo(Action::AdministerRepo) => {
            "the owner, and in an organisation members with the role write, or contributor for repositories they \
             created; with a write token"
        }
        Access::Repo(Action::CreateRepo) => {
            "the owner of the namespace, and in an organisation members with the role contributor or more; with a \
             write token"
        }
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Signed => json!([{"signature": [], "expires": []}]),
        Access::Xet(_) => json!([{"xet": []}]),
        Access::Anyone | Access::Repo(Action::ReadRepo | Action::ReadContent) => {
            json!([{}, {"bearer": []}, {"basic": []}])
        }
        Access::Session => json!([{"session": []}]),
        Access::Admin => json!([{"session": []}, {"bearer": []}, {"basic": []}]),
        Access::User | Access::Repo(_) => json!([{"bearer": []}, {"basic": []}]),
    }
}

fn security_schemes() -> Value {
    json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token: hf_…"},
        "basic": {"type": "http", "scheme": "basic", "description": "Any user name, an access token as password."},
        "session": {"type": "apiKey", "in": "cookie", "name": "steelyard_session", "description": "Of a browser."},
        "xet": {"type": "http", "scheme": "bearer", "description": "A token from xet-read-token or xet-write-token."},
        "signature": {"type": "apiKey", "in": "query", "name": "signature", "description": "Made by the hub."},
        "expires": {"type": "apiKey", "in": "query", "name": "expires", "description": "Covered by the signature."},
    })
}

/// The errors a caller may meet: those of its kind of access, and the route's own.
fn statuses(route: &Route) -> Vec<u16> {
    let access: &[u16] = match route.access {
        Access::Anyone => &[400, 401, 429],
        Access::User | Access::Session | Access::Admin => &[400, 401, 403, 404, 429],
        Access::Repo(_) => &[307, 400, 401, 403, 404, 429],
        Access::Xet(_) => &[400, 401, 403, 404],
        Access::Signed => &[400, 403, 404],
    };
    let mut all: Vec<u16> = access.iter().chain(route.fails).copied().chain([500, 503]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// One of each error and what it means; the mapping says under which status and code it goes out.
fn causes() -> Vec<(Error, &'static str)> {
    let repo = RepoId::parse("alice/bert").expect("a plain name is valid");
    let (kind, url) = (RepoKind::Model, String::new());
    let nothing = || Box::<dyn std::error::Error + Send + Sync>::from("");
    let gated = |anonymous| Error::Gated { kind, repo: repo.clone(), url: url.clone(), anonymous };
    vec![
        (
            Error::Moved { kind, from: repo.clone(), to: repo.clone() },
            "the repository has another name now; follow `Location`",
        ),
        (Error::invalid("field", ""), "a value breaks a rule; `field` and the message name both"),
        (Error::BadCredentials, "the token is wrong or was revoked"),
        (Error::LoginRequired(String::new()), "this needs a token"),
        (
            Error::NotFound(Missing::Repo { anonymous: true }),
            "the repository does not exist, or nobody is logged in who may see it",
        ),
        (gated(true), "the files are gated and nobody is logged in"),
        (Error::Forbidden(String::new()), "the token's user may not do this"),
        (Error::Disabled, "an administrator took the repository out of service"),
        (gated(false), "the files are gated and the user is not on the list"),
        (
            Error::NotFound(Missing::Repo { anonymous: false }),
            "the repository does not exist, or this user may not see it",
        ),
        (Error::no_revision(""), "the branch, tag or commit does not exist"),
        (Error::no_entry("", Oid::ZERO), "the revision has no such file or folder"),
        (Error::NotFound(Missing::Other("")), "something else does not exist"),
        (Error::conflict(""), "it exists already, or it was changed meanwhile"),
        (Error::Stale, "`parentCommit` is not the branch's commit any more"),
        (
            Error::TooLarge { what: String::new(), limit: String::new() },
            "something is larger than the limit in the message",
        ),
        (
            Error::RateLimited { retry_after_secs: 1 },
            "too many failed authentications; `Retry-After` says when to try again",
        ),
        (
            Error::Internal(nothing()),
            "a fault of the hub; its log has the cause under the request id",
        ),
        (
            Error::NotImplemented(String::new()),
            "this hub does not do this; the message says what to leave out",
        ),
        (
            Error::Busy { what: "", retry_after_secs: 1 },
            "the hub has too much to do at the moment; `Retry-After` says when to try again",
        ),
        (
            Error::Unavailable(nothing()),
            "a store cannot answer now; `Retry-After` says when to try again",
        ),
    ]
}

fn error_responses(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let schema = generator.subschema_for::<ErrorResponse>().to_value();
    let lfs_schema = generator.subschema_for::<LfsErrorResponse>().to_value();
    let mut by_status: BTreeMap<u16, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for (error, what) in causes() {
        let record = ErrorRecord::of(&error);
        let (codes, texts) = by_status.entry(record.status.as_u16()).or_default();
        codes.extend(record.code);
        texts.push(what);
    }
    let response = |(status, (codes, texts)): (u16, (Vec<&str>, Vec<&str>))| {
        let text =
            json!({"description": "What went wrong, in ASCII.", "schema": {"type": "string"}});
        let mut headers = json!({"X-Error-Message": text});
        if !codes.is_empty() {
            let schema = json!({"type": "string", "enum": codes});
            headers["X-Error-Code"] =
                json!({"description": "What clients decide by.", "schema": schema});
        }
        let value = json!({
            "description": format!("Either of: {}.", texts.join("; ")),
            "headers": headers,
            "content": {
                "application/json": {"schema": schema},
                "application/vnd.git-lfs+json": {"schema": lfs_schema},
                "text/plain": {},
            },
        });
        (format!("E{status}"), value)
    };
    by_status.into_iter().map(response).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Every `$ref` below a value.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    found.push(target.clone());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_in_the_document() {
        let document = document();
        for route in routes::table() {
            let (template, names) = readable_path(&route);
            let item = &document["paths"][&template];
            for method in route.methods {
                let operation = &item[method.to_ascii_lowercase()];
                assert_eq!(operation["summary"], route.summary, "{method} {}", route.path);
                assert!(
                    !route.summary.is_empty() && !route.tag.is_empty(),
                    "{method} {}",
                    route.path
                );
            }
            let listed = item["parameters"].as_array().unwrap();
            assert!(
                listed.iter().map(|one| one["name"].as_str().unwrap()).eq(&names),
                "{template}"
            );
        }
    }

    #[test]
    fn what_stands_behind_a_verb_is_spelt_out() {
        for route in routes::table() {
            assert_eq!(
                route.path.contains("{*rest}"),
                route.rest.is_some(),
                "{} needs Route::rest",
                route.path
            );
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let document = document();
        let mut seen = HashSet::new();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values().filter(|value| value.is_object()) {
                assert!(
                    seen.insert(operation["operationId"].clone()),
                    "{}",
                    operation["operationId"]
                );
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100);
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn errors_are_listed_with_the_codes_of_the_mapping() {
        let document = document();
        let responses = &document["components"]["responses"];
        let codes = &responses["E404"]["headers"]["X-Error-Code"]["schema"]["enum"];
        assert_eq!(*codes, json!(["RepoNotFound", "RevisionNotFound", "EntryNotFound"]));
        let names: HashSet<_> = causes().iter().map(|(error, _)| error.code()).collect();
        assert_eq!(names.len(), 16, "one cause for each case of the service's error: {names:?}");
    }
}
