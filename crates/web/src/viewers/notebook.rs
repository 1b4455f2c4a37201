//! Jupyter notebooks: cells as they stand, outputs as text, pictures and sanitised HTML. Nothing in them runs.

use serde_json::Value;

use crate::highlight;
use crate::markdown::{self, Place};

/// Cells, and outputs of a cell, that are shown.
const CELLS_MAX: usize = 1000;
const OUTPUTS_MAX: usize = 50;
/// Characters of one text output, and bytes of all pictures together.
const OUTPUT_CHARS_MAX: usize = 20_000;
const PICTURES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A cell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) is_code: bool,
    /// The number of its run.
    pub(crate) number: String,
    /// Safe HTML.
    pub(crate) html: String,
    /// Safe HTML each.
    pub(crate) outputs: Vec<String>,
}

/// The cells of a notebook; none when it is not one.
pub(crate) fn read(text: &str, place: &Place) -> Option<Vec<Cell>> {
    let notebook: Value = serde_json::from_str(text).ok()?;
    let cells = notebook.get("cells")?.as_array()?;
    let language = notebook.pointer("/metadata/kernelspec/language").and_then(Value::as_str);
    let language = language.or_else(|| notebook.pointer("/metadata/language_info/name")?.as_str());
    let language = highlight::language(language.unwrap_or("python"));
    let mut pictures = PICTURES_BYTES_MAX;
    let cells = cells.iter().take(CELLS_MAX).map(|cell| {
        let source = joined(&cell["source"]);
        let is_code = cell["cell_type"] == "code";
        let html = match cell["cell_type"].as_str() {
            Some("code") => match language {
                Some(language) => {
                    let mut html = String::new();
                    highlight::block_into(&mut html, &source, language);
                    html
                }
                None => escaped(&source),
            },
            Some("markdown") => markdown::render(&source, place).html,
            _ => format!("<pre>{}</pre>", escaped(&source)),
        };
        let number = cell["execution_count"].as_u64().map(|number| number.to_string());
        let outputs = cell["outputs"].as_array().into_iter().flatten().take(OUTPUTS_MAX);
        let outputs = outputs.filter_map(|output| self::output(output, place, &mut pictures));
        Cell { is_code, number: number.unwrap_or_default(), html, outputs: outputs.collect() }
    });
    Some(cells.collect())
}

fn output(output: &Value, place: &Place, pictures: &mut usize) -> Option<String> {
    match output["output_type"].as_str()? {
        "stream" => Some(pre(&joined(&output["text"]))),
        "error" => {
            let trace = output["traceback"].as_array().into_iter().flatten();
            let trace: Vec<&str> = trace.filter_map(Value::as_str).collect();
            Some(pre(&trace.join("\n")))
        }
        "display_data" | "execute_result" => {
            let data = &output["data"];
            for kind in ["image/png", "image/jpeg", "image/gif"] {
                if let Some(picture) = picture(&joined(&data[kind]), kind, pictures) {
                    return Some(picture);
                }
            }
            let html = joined(&data["text/html"]);
            if !html.is_empty() {
                let clean = markdown::clean_html(&html, place);
                return Some(format!("<div class=\"prose\">{clean}</div>"));
            }
            let plain = joined(&data["text/plain"]);
            (!plain.is_empty()).then(|| pre(&plain))
        }
        _ => None,
    }
}

/// Texts of notebooks are strings or lists of lines.
fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

fn picture(base64: &str, kind: &str, budget: &mut usize) -> Option<String> {
    let data: String = base64.chars().filter(|c| !c.is_whitespace()).collect();
    let is_sound = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    if data.is_empty() || data.len() > *budget || !data.chars().all(is_sound) {
        return None;
    }
    *budget -= data.len();
    Some(format!("<img alt=\"Output\" src=\"data:{kind};base64,{data}\">"))
}

fn pre(text: &str) -> String {
    let plain = without_escapes(text);
    let shown: String = plain.chars().take(OUTPUT_CHARS_MAX).collect();
    format!("<pre>{}</pre>", escaped(&shown))
}

/// Terminals' colours are no text.
fn without_escapes(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let sequence = piece.strip_prefix('[').and_then(|piece| {
            let end = piece.find(|c: char| c.is_ascii_alphabetic())?;
            Some(&piece[end + 1..])
        });
        out.push_str(sequence.unwrap_or(piece));
    }
    out
}

fn escaped(text: &str) -> String {
    let mut html = String::new();
    highlight::escape_into(&mut html, text);
    html
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_and_outputs_are_safe_html() {
        let notebook = json!({"cells": [
            {"cell_type": "markdown", "source": ["# T\n", "<script>alert(1)</script>"]},
            {"cell_type": "code", "execution_count": 3, "source": "print('<b>')", "outputs": [
                {"output_type": "stream", "text": ["\u{1b}[31mred\u{1b}[0m <i>"]},
                {"output_type": "display_data", "data": {"text/html": "<img src=x onerror=alert(1)><b>y</b>"}},
                {"output_type": "display_data", "data": {"image/png": "aGk=\n"}},
                {"output_type": "display_data", "data": {"image/png": "\"><script>"}},
            ]},
        ]});
        let cells = read(&notebook.to_string(), &Place::default()).unwrap();
        assert!(!cells[0].html.contains("script"), "{}", cells[0].html);
        assert_eq!(cells[1].number, "3");
        assert!(cells[1].html.contains("&lt;b&gt;"));
        assert_eq!(cells[1].outputs[0], "<pre>red &lt;i&gt;</pre>");
        assert!(
            !cells[1].outputs[1].contains("onerror") && cells[1].outputs[1].contains("<b>y</b>")
        );
        assert_eq!(cells[1].outputs[2], "<img alt=\"Output\" src=\"data:image/png;base64,aGk=\">");
        assert_eq!(cells[1].outputs.len(), 3);
        assert_eq!(read("[]", &Place::default()), None);
        assert_eq!(read("{\"cells\": 1}", &Place::default()), None);
    }
}
