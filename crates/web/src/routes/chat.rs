//! How a model is talked to: its chat template carried out on a sample conversation, and what is known of its tokens.

use askama::Template;
use axum::response::Response;
use serde_json::Value;
use steelyard_card::Facts;
use steelyard_http::{ApiError, Target};
use steelyard_service::revisions::{Content, Snapshot};
use steelyard_service::{Action, Result};

use super::repo::Head;
use crate::chat::{self, Given, Sample, Stop};
use crate::frame::{Frame, Visit};
use crate::{format, highlight, hits, links, respond};

/// Longest configuration of a tokenizer that is read, in bytes, and how many templates of it are shown.
const CONFIG_BYTES_MAX: usize = 4 * 1024 * 1024;
const TEMPLATES_MAX: usize = 4;

/// A template and what it makes of the sample.
struct Shown {
    /// Its name, where there are several.
    name: String,
    /// The file that holds it.
    file: String,
    source: String,
    highlighted: String,
    samples: Vec<Sample>,
}

#[derive(Template)]
#[template(path = "chat.html")]
struct ChatPage {
    frame: Frame,
    head: Head,
    facts: Vec<(&'static str, String)>,
    /// Why a template is missed, when it is.
    missing: Option<&'static str>,
    shown: Vec<Shown>,
    sample: &'static [(&'static str, &'static str)],
}

/// Name, file and text of templates, and the tokens that they may name.
#[derive(Default)]
struct Found {
    templates: Vec<(String, String, String)>,
    given: Given,
}

pub(super) async fn page(visit: Visit, target: Target) -> Result<Response, ApiError> {
    let (kind, id) = (target.kind, &target.id);
    let row = visit.hub.repo(&visit.actor, kind, id, Action::ReadContent).await?;
    let snapshot = visit.hub.head(row.clone()).await?;
    let facts: Facts = serde_json::from_value(row.facts.clone()).unwrap_or_default();
    let mut found = match &snapshot {
        Some(snapshot) => found(&visit, snapshot).await?,
        None => Found::default(),
    };
    found.given.now = Some(visit.hub.now());
    let has_none = found.templates.is_empty();
    let shown = visit.web.work(move || shown(found)).await?;
    let branch = snapshot.as_ref().map_or("main", |snapshot| &snapshot.default_branch);
    let page = ChatPage {
        frame: visit
            .frame
            .clone()
            .section(kind.plural())
            .markdown(format!("{}/chat.md", links::repo(kind, &row.repo))),
        head: Head::of(&visit, &row, branch, "chat").await?,
        missing: has_none.then(|| missing(&facts, row.repo.name.as_str())),
        facts: token_facts(&facts),
        shown,
        sample: chat::SAMPLE,
    };
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        return Ok(respond::markdown(page.as_markdown()));
    }
    Ok(respond::page(&page)?)
}

async fn found(visit: &Visit, snapshot: &Snapshot) -> Result<Found> {
    let mut found = Found::default();
    let config = text_of(snapshot, "tokenizer_config.json")?;
    let config: Value =
        config.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    for name in ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token"] {
        let token = config[name].as_str().or_else(|| config[name]["content"].as_str());
        found.given.tokens.extend(token.map(|token| (name.to_owned(), token.to_owned())));
    }
    if let Some(text) = text_of(snapshot, "chat_template.jinja")? {
        found.templates.push((String::new(), "chat_template.jinja".to_owned(), text));
    }
    let file = "tokenizer_config.json".to_owned();
    match &config["chat_template"] {
        Value::String(text) if found.templates.is_empty() => {
            found.templates.push((String::new(), file, text.clone()));
        }
        Value::Array(named) => {
            for one in named.iter().take(TEMPLATES_MAX) {
                let text = |key: &str| one[key].as_str().map(str::to_owned);
                if let (Some(name), Some(template)) = (text("name"), text("template")) {
                    found.templates.push((name, file.clone(), template));
                }
            }
        }
        _ => {}
    }
    if found.templates.is_empty()
        && let Some(header) = visit.hub.gguf_header(snapshot).await?
        && let Some(template) = header["chat_template"].as_str()
    {
        for name in ["bos_token", "eos_token"] {
            let token = header[name].as_str();
            found.given.tokens.extend(token.map(|token| (name.to_owned(), token.to_owned())));
        }
        found.templates.push((String::new(), "the GGUF file".to_owned(), template.to_owned()));
    }
    Ok(found)
}

fn text_of(snapshot: &Snapshot, path: &str) -> Result<Option<String>> {
    let Some(entry) = snapshot.find_entry(path)? else { return Ok(None) };
    if !matches!(entry.kind, steelyard_service::revisions::EntryKind::File { .. }) {
        return Ok(None);
    }
    match snapshot.content(&entry)? {
        Content::Regular(bytes) if bytes.len() <= CONFIG_BYTES_MAX => {
            Ok(String::from_utf8(bytes.to_vec()).ok())
        }
        _ => Ok(None),
    }
}

fn shown(found: Found) -> Vec<Shown> {
    let Found { templates, given } = found;
    let show = |(name, file, source): (String, String, String)| {
        let mut highlighted = String::new();
        match highlight::language("jinja") {
            Some(language) => highlight::block_into(&mut highlighted, &source, language),
            None => highlight::escape_into(&mut highlighted, &source),
        }
        Shown { samples: chat::samples(&source, &given), name, file, source, highlighted }
    };
    templates.into_iter().take(TEMPLATES_MAX).map(show).collect()
}

/// Whether a model is meant to be talked to, by its tags and its name.
pub(super) fn is_talked_to(facts: &Facts, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(['-', '_', '.']);
    facts.tags.iter().any(|tag| tag == "conversational")
        || words.any(|word| ["instruct", "chat", "it"].contains(&word))
}

/// Why there should be a template, if so.
fn missing(facts: &Facts, name: &str) -> &'static str {
    match is_talked_to(facts, name) {
        true => {
            "There is no chat template, though the model is meant to be talked to: whoever uses it has to guess its format. \
             Add chat_template.jinja."
        }
        false => "There is no chat template: this model completes texts, or does not speak at all.",
    }
}

fn token_facts(facts: &Facts) -> Vec<(&'static str, String)> {
    let Some(tokenizer) = &facts.tokenizer else { return Vec::new() };
    let length = tokenizer.model_max_length.map(format::full);
    let tools = tokenizer.takes_tools.then(|| "yes".to_owned());
    let all = [
        ("Loaded by", tokenizer.class.clone()),
        ("Longest input, tokens", length),
        ("Pads on the", tokenizer.padding_side.clone()),
        ("First token", tokenizer.bos_token.clone()),
        ("Last token", tokenizer.eos_token.clone()),
        ("Padding", tokenizer.pad_token.clone()),
        ("Unknown", tokenizer.unk_token.clone()),
        ("Takes tools", tools),
    ];
    all.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

impl Shown {
    /// What a sample came to, in words.
    fn said(&self, sample: &Sample) -> String {
        match &sample.text {
            Ok(_) => String::new(),
            Err(Stop::Raised(words)) => format!("The template refuses it: {words}"),
            Err(Stop::Limit(what)) => format!("It was stopped: it takes too much ({what})."),
            Err(Stop::Wrong(what)) => format!("It cannot be carried out here: {what}."),
        }
    }
}

impl ChatPage {
    fn as_markdown(&self) -> String {
        let mut text = format!("# How {} is talked to\n\n", self.head.id());
        for (label, value) in &self.facts {
            text.push_str(&format!("- {label}: `{}`\n", value.replace('`', "'")));
        }
        if let Some(missing) = self.missing {
            text.push_str(&format!("\n{missing}\n"));
        }
        for shown in &self.shown {
            text.push_str(&format!("\n## Template {} ({})\n", shown.name, shown.file));
            for sample in &shown.samples {
                text.push_str(&format!("\n{} {}\n", sample.note, shown.said(sample)));
                if let Ok(rendered) = &sample.text {
                    text.push_str(&format!("\n{}", hits::fenced(rendered, "")));
                }
            }
            text.push_str(&format!("\n### Source\n\n{}", hits::fenced(&shown.source, "jinja")));
        }
        text
    }
}
