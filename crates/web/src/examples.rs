//! Examples that a card gives: pictures, sounds and words with the prompt that made them, and what widgets would answer.
//!
//! The metadata's `widget` lists them. A text may say where they stand: `<Gallery />` shows the pictures of the list there, and
//! `<Gallery>` … `</Gallery>` is a gallery of the pictures between. Nothing is run; what the card does not say is not shown.

use serde_json::Value;
use steelyard_card::front_matter;

use crate::highlight::escape_into;
use crate::markdown::Place;

/// Examples that are shown, and characters of one text of theirs.
const EXAMPLES_MAX: usize = 24;
const CHARS_MAX: usize = 600;
/// Labels of a classification.
const LABELS_MAX: usize = 8;

/// What there is to see or to hear; addresses lead to the revision or elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    Image(String),
    Audio(String),
    Video(String),
    Words,
}

/// An example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) title: String,
    pub(crate) prompt: String,
    pub(crate) shown: Shown,
    /// What comes out: a text, or labels with what they score.
    pub(crate) outputs: Vec<(String, String)>,
}

impl Example {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let outputs: usize = self.outputs.iter().map(|(label, _)| label.len() + 32).sum();
        self.title.len() + self.prompt.len() + outputs + 200
    }
}

/// The examples of a card's metadata that show what comes out.
pub(crate) fn of(card: Option<&Value>, place: &Place) -> Vec<Example> {
    let listed = card.and_then(|card| card.get("widget")).and_then(Value::as_array);
    let listed = listed.into_iter().flatten().take(EXAMPLES_MAX);
    listed.filter_map(|entry| example(entry, place)).collect()
}

fn example(entry: &Value, place: &Place) -> Option<Example> {
    let output = entry.get("output")?;
    let url = output.get("url").and_then(Value::as_str).and_then(|url| place.source(url));
    let shown = url.map_or(Shown::Words, |url| shown(&url));
    let outputs = outputs(output);
    if shown == Shown::Words && outputs.is_empty() {
        return None;
    }
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(short);
    let title = text("example_title").unwrap_or_default();
    Some(Example { title, prompt: prompt(entry), shown, outputs })
}

/// What was asked: a text, a question, or the last message of a conversation.
fn prompt(entry: &Value) -> String {
    let last =
        entry.get("messages").and_then(|messages| messages.as_array()?.last()?.get("content"));
    let asked =
        ["text", "prompt", "question", "source_sentence"].iter().find_map(|key| entry.get(key));
    asked.or(last).and_then(Value::as_str).map(short).unwrap_or_default()
}

fn outputs(output: &Value) -> Vec<(String, String)> {
    let label = |one: &Value| {
        let label = one.get("label").and_then(Value::as_str).map(short)?;
        let score = one.get("score").and_then(Value::as_f64);
        Some((label, score.map_or_else(String::new, crate::format::measured)))
    };
    if let Some(labels) = output.as_array() {
        return labels.iter().take(LABELS_MAX).filter_map(label).collect();
    }
    let words = ["text", "answer"].iter().find_map(|key| output.get(key)?.as_str());
    words.map(|words| (short(words), String::new())).into_iter().collect()
}

fn shown(url: &str) -> Shown {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase().as_str() {
        "mp3" | "wav" | "flac" | "ogg" => Shown::Audio(url.to_owned()),
        "mp4" | "webm" => Shown::Video(url.to_owned()),
        _ => Shown::Image(url.to_owned()),
    }
}

fn short(text: &str) -> String {
    text.trim().chars().take(CHARS_MAX).collect()
}

/// Whether a text says itself where the examples stand.
pub(crate) fn are_in_text(body: &str) -> bool {
    body.contains(SELF_CLOSED) || body.contains(SELF_CLOSED_TIGHT)
}

const SELF_CLOSED: &str = "<Gallery />";
const SELF_CLOSED_TIGHT: &str = "<Gallery/>";

/// The text with its galleries as HTML, which is sanitised like anything else that users wrote. Code keeps its words: only a
/// line that has nothing else is a gallery.
pub(crate) fn into_text(body: &str, readme: &str) -> String {
    if !body.contains("<Gallery") {
        return body.to_owned();
    }
    let (mut out, mut is_code) = (String::with_capacity(body.len() + 1024), false);
    for line in body.split_inclusive('\n') {
        let bare = line.trim();
        if bare.starts_with("```") || bare.starts_with("~~~") {
            is_code = !is_code;
        }
        match bare {
            SELF_CLOSED | SELF_CLOSED_TIGHT if !is_code => out.push_str(&pictures(readme)),
            "<Gallery>" if !is_code => out.push_str("<div class=\"gallery\">\n\n"),
            "</Gallery>" if !is_code => out.push_str("\n</div>\n\n"),
            _ => out.push_str(line),
        }
    }
    out
}

const PICTURE_END: &str = "\">";

/// The pictures of the metadata's list, as one block of HTML without an empty line, so that Markdown leaves it whole.
fn pictures(readme: &str) -> String {
    let card = front_matter::Card::parse(readme).ok();
    let listed = card.as_ref().and_then(|card| card.data.get("widget")).and_then(Value::as_array);
    let mut html = String::from("<div class=\"gallery\">\n");
    for entry in listed.into_iter().flatten().take(EXAMPLES_MAX) {
        let Some(url) = entry.pointer("/output/url").and_then(Value::as_str) else { continue };
        let caption: String = prompt(entry).split_whitespace().collect::<Vec<_>>().join(" ");
        html.push_str("<figure>");
        let (open, close) = match shown(url) {
            Shown::Audio(_) => ("<audio controls src=\"", "\"></audio>"),
            Shown::Video(_) => ("<video controls src=\"", "\"></video>"),
            Shown::Image(_) | Shown::Words => ("<img src=\"", PICTURE_END),
        };
        html.push_str(open);
        escape_into(&mut html, url.trim());
        if close == PICTURE_END {
            html.push_str("\" alt=\"");
            escape_into(&mut html, &caption);
        }
        html.push_str(close);
        html.push_str("<figcaption>");
        escape_into(&mut html, &caption);
        html.push_str("</figcaption></figure>\n");
    }
    html.push_str("</div>\n\n");
    html
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn examples_are_what_the_card_says_comes_out() {
        let place = Place { base: "/a/b".into(), revision: "main".into(), folder: String::new() };
        let card = json!({"widget": [
            {"text": "a cat", "output": {"url": "images/cat.png"}},
            {"text": "nothing comes out of this"},
            {"text": "I like it", "example_title": "Mood", "output": [{"label": "good", "score": 0.9}]},
            {"messages": [{"role": "user", "content": "Hi"}], "output": {"text": "Hello"}},
            {"text": "x", "output": {"url": "javascript:alert(1)"}},
        ]});
        let found = of(Some(&card), &place);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0].shown, Shown::Image("/a/b/resolve/main/images/cat.png".into()));
        assert_eq!(found[1].outputs, [("good".to_owned(), "0.9".to_owned())]);
        assert_eq!((found[2].prompt.as_str(), found[2].outputs[0].0.as_str()), ("Hi", "Hello"));
    }

    #[test]
    fn galleries_in_texts_become_figures_and_code_stays() {
        let readme = "---\nwidget:\n- text: a <b>\n  output:\n    url: x\" onerror=\"y.png\n---\nA\n\n<Gallery />\n\n```\n<Gallery />\n```\n";
        let body = front_matter::body(readme);
        let text = into_text(body, readme);
        assert!(text.contains("<figcaption>a &lt;b&gt;</figcaption>"), "{text}");
        assert!(text.contains("src=\"x&quot; onerror=&quot;y.png\""), "{text}");
        assert!(text.contains("alt=\"a &lt;b&gt;\">"), "{text}");
        assert!(text.contains("```\n<Gallery />\n```"), "{text}");
        let html = crate::markdown::render(&text, &Place::default()).html;
        assert!(html.contains("<div class=\"gallery\">") && !html.contains("onerror=\""), "{html}");
    }
}
