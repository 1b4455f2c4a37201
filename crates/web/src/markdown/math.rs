//! Formulas: LaTeX to MathML, of which every tag is checked before it is believed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::{Parser, Storage, push_mathml};

use crate::highlight::escape_into;

/// Elements of MathML Core that the converter makes.
const ELEMENTS: &[&str] = &[
    "math",
    "mi",
    "mn",
    "mo",
    "ms",
    "mtext",
    "mspace",
    "mrow",
    "mfrac",
    "msqrt",
    "mroot",
    "mstyle",
    "merror",
    "mpadded",
    "mphantom",
    "msub",
    "msup",
    "msubsup",
    "munder",
    "mover",
    "munderover",
    "mmultiscripts",
    "mprescripts",
    "mtable",
    "mtr",
    "mtd",
    "semantics",
    "none",
];

/// Attributes that say how a formula looks and cannot say anything else.
const ATTRIBUTES: &[&str] = &[
    "display",
    "mathvariant",
    "stretchy",
    "symmetric",
    "fence",
    "separator",
    "lspace",
    "rspace",
    "minsize",
    "maxsize",
    "accent",
    "accentunder",
    "movablelimits",
    "linethickness",
    "displaystyle",
    "scriptlevel",
    "width",
    "height",
    "depth",
    "voffset",
    "columnalign",
    "columnspacing",
    "rowspacing",
    "columnlines",
    "rowlines",
    "form",
    "largeop",
];

/// A formula as MathML; what cannot be read is shown as it was written.
pub(super) fn render(latex: &str, is_display: bool) -> String {
    // The converter is young; a fault of its own must not take the page along.
    let converted = catch_unwind(AssertUnwindSafe(|| convert(latex, is_display)));
    if let Some(mathml) = converted.ok().flatten() {
        return mathml;
    }
    let mut html = String::from("<code>");
    escape_into(&mut html, latex);
    html.push_str("</code>");
    html
}

fn convert(latex: &str, is_display: bool) -> Option<String> {
    let storage = Storage::new();
    // A formula with an error in it is shown as written, all of it.
    let events: Vec<_> = Parser::new(latex, &storage).collect::<Result<_, _>>().ok()?;
    let display_mode = if is_display { DisplayMode::Block } else { DisplayMode::Inline };
    let config = RenderConfig { display_mode, ..RenderConfig::default() };
    let mut mathml = String::new();
    let events = events.into_iter().map(Ok::<_, std::convert::Infallible>);
    push_mathml(&mut mathml, events, config).ok()?;
    checked(&mathml)
}

/// Copies MathML tag by tag: known elements with known attributes, and text. Anything else refuses the whole.
fn checked(mathml: &str) -> Option<String> {
    let mut out = String::with_capacity(mathml.len());
    let mut rest = mathml;
    while let Some(start) = rest.find('<') {
        let (text, tag) = rest.split_at(start);
        push_text(&mut out, text);
        // The converter writes the relation as it is: `<mo><</mo>`.
        if !tag[1..].starts_with(|c: char| c == '/' || c.is_ascii_alphabetic()) {
            out.push_str("&lt;");
            rest = &tag[1..];
            continue;
        }
        let end = tag.find('>')?;
        push_tag(&mut out, &tag[1..end])?;
        rest = &tag[end + 1..];
    }
    push_text(&mut out, rest);
    Some(out)
}

/// Text may have entities in it; a lone `>` cannot end anything here, but is written as one all the same.
fn push_text(out: &mut String, text: &str) {
    out.push_str(&text.replace('>', "&gt;"));
}

fn push_tag(out: &mut String, tag: &str) -> Option<()> {
    let (is_end, tag) = match tag.strip_prefix('/') {
        Some(tag) => (true, tag),
        None => (false, tag),
    };
    let (tag, is_empty) = match tag.strip_suffix('/') {
        Some(tag) => (tag, true),
        None => (tag, false),
    };
    let name_end = tag.find(char::is_whitespace).unwrap_or(tag.len());
    let (name, mut attributes) = tag.split_at(name_end);
    if !ELEMENTS.contains(&name) {
        return None;
    }
    out.push_str(if is_end { "</" } else { "<" });
    out.push_str(name);
    while !attributes.trim_start().is_empty() {
        let (key, rest) = attributes.trim_start().split_once("=\"")?;
        let (value, rest) = rest.split_once('"')?;
        if ATTRIBUTES.contains(&key) && !value.contains(['<', '>', '&']) {
            out.push_str(&format!(" {key}=\"{value}\""));
        }
        attributes = rest;
    }
    out.push('>');
    if is_empty {
        // In HTML, MathML elements need their end tags only where they are not written so.
        out.push_str(&format!("</{name}>"));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_mathml() {
        let html = render(r"\frac{a}{b} < \sqrt{x^2}", true);
        assert!(html.starts_with("<math display=\"block\">"), "{html}");
        assert!(
            html.contains("<mfrac>") && html.contains("<msqrt>") && html.contains("&lt;"),
            "{html}"
        );
        assert!(!html.contains("style="), "{html}");
    }

    #[test]
    fn what_is_no_formula_is_shown_as_written() {
        assert_eq!(render(r"\frac{a", false), r"<code>\frac{a</code>");
        assert_eq!(render(r"\nope <b>", false), r"<code>\nope &lt;b&gt;</code>");
    }

    #[test]
    fn nothing_but_mathml_passes() {
        for hostile in [
            r"\text{<script>alert(1)</script>}",
            r"\text{<img src=x onerror=alert(1)>}",
            r"\href{javascript:alert(1)}{x}",
            r"\htmlClass{x}{y}",
            "\\text{\"><svg onload=alert(1)>}",
        ] {
            let html = render(hostile, false);
            assert!(
                !html.contains("<script") && !html.contains("<img") && !html.contains("<svg"),
                "{html}"
            );
            assert!(!html.contains("<a") && !html.contains("href="), "{html}");
        }
        assert_eq!(checked("<math><script>x</script></math>"), None);
        assert_eq!(checked("<mi onclick=\"x\">a</mi>").as_deref(), Some("<mi>a</mi>"));
    }
}
