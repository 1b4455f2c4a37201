//! Cards and other Markdown as HTML that is safe to show.
//!
//! The text goes through comrak (GitHub's Markdown), its code is highlighted and its formulas become MathML; then ammonia
//! lets through nothing but what [`sanitize`] lists. Whatever exceeds a limit is shown as plain text, never cut in the
//! middle of a tag and never refused.

mod latex;
mod limits;
mod math;
mod place;
mod sanitize;

use comrak::nodes::{AstNode, NodeHtmlBlock, NodeValue};
use comrak::{Arena, Options, format_html, parse_document};
use sha2::{Digest as _, Sha256};

use crate::highlight;

pub use place::Place;
pub use sanitize::clean as clean_html;
use sanitize::clean;

/// A text that was rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// HTML that may be put into a page.
    pub html: String,
    /// Why it is shown as plain text, when it is.
    pub note: Option<String>,
}

impl Rendered {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        self.html.len() + self.note.as_ref().map_or(0, String::len)
    }
}

/// Renders Markdown that stands at a place in a repository; its relative links and pictures lead to that revision.
pub fn render(text: &str, place: &Place) -> Rendered {
    if let Some(note) = limits::too_large(text) {
        return plain(text, note);
    }
    let single = latex::single(text);
    let key = placeholder_key(&single);
    let mut formulas = Vec::new();
    let html = to_html(&single, &key, &mut formulas);
    if let Some(note) = limits::too_deep(&html) {
        return plain(text, note);
    }
    let clean = clean(&html, place);
    Rendered { html: put_back(&clean, &key, &formulas), note: None }
}

/// The text as it is, for what cannot be rendered.
fn plain(text: &str, note: &str) -> Rendered {
    let end = text.floor_char_boundary(limits::PLAIN_BYTES_MAX);
    let mut html = String::from("<pre class=\"plain\">");
    highlight::escape_into(&mut html, &text[..end]);
    html.push_str("</pre>");
    Rendered { html, note: Some(note.to_owned()) }
}

/// What marks the place of a formula while the sanitiser works. It is made from the whole text, so no text can contain its
/// own: a reader's formula can only ever appear where that reader's text has one.
fn placeholder_key(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..16])
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.table = true;
    extension.strikethrough = true;
    extension.autolink = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.alerts = true;
    extension.math_dollars = true;
    extension.math_latex = true;
    extension.header_id_prefix = Some(String::new());
    // Cards are full of HTML; the sanitiser decides what stays.
    options.render.r#unsafe = true;
    options
}

fn to_html(text: &str, key: &str, formulas: &mut Vec<String>) -> String {
    let arena = Arena::new();
    let options = options();
    let root = parse_document(&arena, text, &options);
    let mut highlighted = limits::HIGHLIGHTED_BYTES_MAX;
    for node in root.descendants() {
        replace(node, key, formulas, &mut highlighted);
    }
    let mut html = String::with_capacity(text.len() * 2);
    // Writing to a string does not fail.
    let _ = format_html(root, &options, &mut html);
    html
}

/// Puts highlighted code in the place of code, and a mark in the place of a formula.
fn replace<'a>(node: &'a AstNode<'a>, key: &str, formulas: &mut Vec<String>, budget: &mut usize) {
    let mut mark = |latex: &str, is_display: bool| {
        formulas.push(math::render(latex, is_display));
        format!("math{key}n{}e", formulas.len() - 1)
    };
    let mut data = node.data_mut();
    let value = match &data.value {
        NodeValue::Math(math) if formulas_left(&math.literal) => {
            NodeValue::Text(mark(&math.literal, math.display_math).into())
        }
        NodeValue::CodeBlock(block) if block.info.trim() == "math" => {
            let literal = format!("<p>{}</p>\n", mark(&block.literal, true));
            NodeValue::HtmlBlock(NodeHtmlBlock { block_type: 6, literal })
        }
        NodeValue::CodeBlock(block) => {
            let language = block.info.split([' ', ',', '{']).next().unwrap_or_default();
            let known = highlight::language(language).filter(|_| block.literal.len() <= *budget);
            *budget = budget.saturating_sub(block.literal.len());
            let mut literal = String::from("<pre><code>");
            match known {
                Some(language) => highlight::block_into(&mut literal, &block.literal, language),
                None => highlight::escape_into(&mut literal, &block.literal),
            }
            literal.push_str("</code></pre>\n");
            NodeValue::HtmlBlock(NodeHtmlBlock { block_type: 6, literal })
        }
        _ => return,
    };
    data.value = value;
}

fn formulas_left(latex: &str) -> bool {
    latex.len() <= limits::FORMULA_BYTES_MAX
}

fn put_back(html: &str, key: &str, formulas: &[String]) -> String {
    if formulas.is_empty() {
        return html.to_owned();
    }
    let mark = format!("math{key}n");
    let mut pieces = html.split(&mark);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (number, rest) = piece.split_once('e').unwrap_or((piece, ""));
        let formula = number.parse::<usize>().ok().and_then(|number| formulas.get(number));
        out.push_str(formula.map_or("", String::as_str));
        out.push_str(rest);
    }
    out
}
