//! Chat templates on a sample conversation, as transformers renders them.
//!
//! A template is a program that somebody uploaded. minijinja parses it (whitespace control, syntax, how deep things may be
//! nested); it is carried out here, because a program of thirty lines can double a string thirty times, and no count of
//! instructions stops that. Here every step and **every byte that is made** is paid from a [`Budget`], nothing nests deeper
//! than a limit, and there is nothing to reach: no files, no other templates, no clock but the one given.

mod call;
mod eval;
mod filters;
mod methods;
mod operators;
mod value;

use std::rc::Rc;

use chrono::DateTime;
use minijinja::machinery::{ast, parse};
use minijinja::syntax::SyntaxConfig;
use serde_json::{Map, Value as Json, json};
use steelyard_core::Timestamp;

use self::eval::Machine;
use self::value::V;

/// Longest template that is carried out, in bytes.
const TEMPLATE_BYTES_MAX: usize = 256 * 1024;
/// Steps, and bytes of all values that are made.
const STEPS: u64 = 200_000;
const BYTES: u64 = 8 * 1024 * 1024;

/// Why a template did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The template refused the conversation, in its own words.
    Raised(String),
    /// It needs more than a page may spend.
    Limit(&'static str),
    /// It uses what is not known here, or wrongly.
    Wrong(String),
}

impl Stop {
    fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong(what.into())
    }
}

/// What is left to spend.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: u64,
    bytes: u64,
}

impl Budget {
    fn new() -> Self {
        Self { steps: STEPS, bytes: BYTES }
    }

    fn step(&mut self) -> Result<(), Stop> {
        self.steps = self.steps.checked_sub(1).ok_or(Stop::Limit("steps"))?;
        Ok(())
    }

    fn pay(&mut self, bytes: usize) -> Result<(), Stop> {
        self.bytes = self.bytes.checked_sub(bytes as u64).ok_or(Stop::Limit("memory"))?;
        Ok(())
    }
}

/// What a template is given beside the conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// `bos_token` and its like.
    pub(crate) tokens: Vec<(String, String)>,
    pub(crate) now: Option<Timestamp>,
}

/// What a template makes of the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    /// What is special about it, in words; empty for the plain conversation.
    pub(crate) note: &'static str,
    pub(crate) text: Result<String, Stop>,
}

/// Stack of the thread that carries templates out: how deep they may go is limited, and this is enough for it.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// As [`carried_out`], on a thread with room for what may be nested.
pub(crate) fn samples(template: &str, given: &Given) -> Vec<Sample> {
    let (template, given) = (template.to_owned(), given.clone());
    let work = move || carried_out(&template, &given);
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
    let done = thread.ok().and_then(|thread| thread.join().ok());
    done.unwrap_or_else(|| vec![Sample { note: "", text: Err(Stop::wrong("a fault of the hub")) }])
}

/// The sample conversation by the template, and once more with a tool where it speaks of tools. A template that takes no
/// system message gets the conversation without it.
fn carried_out(template: &str, given: &Given) -> Vec<Sample> {
    let mut samples = Vec::new();
    let whole = render(template, &conversation(true, None), given);
    match whole {
        Err(Stop::Raised(_)) => {
            let note = "It refuses a system message; this is the conversation without one.";
            samples
                .push(Sample { note, text: render(template, &conversation(false, None), given) });
        }
        text => samples.push(Sample { note: "", text }),
    }
    if template.contains("tools") {
        let note = "The same with a tool that the model may call.";
        let text = render(template, &conversation(true, Some(tool())), given);
        if text.is_ok() && text != samples[0].text {
            samples.push(Sample { note, text });
        }
    }
    samples
}

/// The conversation of the sample, in words.
pub(crate) const SAMPLE: &[(&str, &str)] = &[
    ("system", "You weigh things."),
    ("user", "What weighs more?"),
    ("assistant", "That depends on the two."),
    ("user", "A kilo of iron or of feathers?"),
];

fn conversation(with_system: bool, tool: Option<Json>) -> Map<String, Json> {
    let messages = SAMPLE.iter().filter(|(role, _)| with_system || *role != "system");
    let messages: Vec<Json> =
        messages.map(|(role, content)| json!({"role": role, "content": content})).collect();
    let mut context = Map::new();
    context.insert("messages".to_owned(), messages.into());
    context.insert("add_generation_prompt".to_owned(), true.into());
    // transformers gives both, empty or not.
    context.insert("tools".to_owned(), tool.map_or(Json::Null, |tool| json!([tool])));
    context.insert("documents".to_owned(), Json::Null);
    context
}

fn tool() -> Json {
    json!({"type": "function", "function": {
        "name": "weigh",
        "description": "Weighs a thing.",
        "parameters": {"type": "object", "properties": {"thing": {"type": "string"}}, "required": ["thing"]},
    }})
}

fn render(template: &str, context: &Map<String, Json>, given: &Given) -> Result<String, Stop> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(Stop::Limit("length of a template"));
    }
    let source = without_generation(template);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    let parsed = syntax.and_then(|syntax| parse(&source, "template", syntax));
    let parsed = parsed.map_err(|error| Stop::Wrong(told(&error)))?;
    let ast::Stmt::Template(root) = &parsed else { return Err(Stop::wrong("it is no template")) };
    let mut budget = Budget::new();
    let mut globals: Vec<(Rc<str>, V)> = Vec::new();
    for (name, text) in &given.tokens {
        globals.push((name.as_str().into(), V::text(text, &mut budget)?));
    }
    for (name, value) in context {
        globals.push((name.as_str().into(), V::of_json(value, &mut budget)?));
    }
    Machine::new(budget, globals, given.now).run(&root.children)
}

/// `{% generation %}` marks what a model has said, for training; it shows nothing.
fn without_generation(template: &str) -> String {
    let mut source = template.to_owned();
    for (tag, instead) in [("generation", "if true"), ("endgeneration", "endif")] {
        for (open, close) in [("{%", "%}"), ("{%-", "%}"), ("{%", "-%}"), ("{%-", "-%}")] {
            for blank in [" ", ""] {
                let from = format!("{open}{blank}{tag}{blank}{close}");
                source = source.replace(&from, &format!("{open} {instead} {close}"));
            }
        }
    }
    source
}

fn told(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{}{line}", error.detail().unwrap_or("its syntax cannot be read"))
}

/// `strftime_now`.
fn formatted(now: Option<Timestamp>, format: &str) -> Result<String, Stop> {
    use chrono::format::{Item, StrftimeItems};
    let now = now.and_then(|now| DateTime::from_timestamp(now.secs(), 0));
    let now = now.ok_or(Stop::wrong("there is no time"))?;
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    // chrono would panic on what it cannot read.
    if format.len() > 200 || items.contains(&Item::Error) {
        return Err(Stop::wrong("strftime_now: a format that is not known"));
    }
    Ok(now.format_with_items(items.into_iter()).to_string())
}

#[cfg(test)]
mod tests;
