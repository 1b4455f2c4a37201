//! What of users' HTML is let through: a list of what is allowed, nothing else.

use std::collections::{HashMap, HashSet};

use ammonia::{Builder, UrlRelative};

use super::place::{PREFIX, Place};

/// Schemes of links. Pictures inside the text (`data:`) are let through for sources alone, see [`allow_source`].
const SCHEMES: [&str; 5] = ["http", "https", "mailto", "data", "hf"];

/// Classes that the hub's own rendering makes; any other is dropped.
const CLASSES: &[(&str, &[&str])] = &[
    ("span", crate::highlight::CLASSES),
    ("pre", &["code"]),
    (
        "div",
        &[
            "markdown-alert",
            "markdown-alert-note",
            "markdown-alert-tip",
            "markdown-alert-important",
            "markdown-alert-warning",
            "markdown-alert-caution",
            "gallery",
        ],
    ),
    ("p", &["markdown-alert-title"]),
    ("section", &["footnotes"]),
    ("sup", &["footnote-ref"]),
    ("a", &["footnote-backref", "anchor"]),
];

/// HTML from outside as HTML that may be put into a page: no script, no style, no form, no frame, no address that runs.
pub fn clean(html: &str, place: &Place) -> String {
    let mut builder = Builder::default();
    builder
        .add_tags([
            "section",
            "video",
            "audio",
            "source",
            "picture",
            "input",
            "figure",
            "figcaption",
        ])
        .rm_tags(["map", "area"])
        .add_generic_attributes(["id", "align"])
        // Anchors of headings have no text; this is their name.
        .add_tag_attributes("a", ["aria-label"])
        .add_tag_attributes(
            "video",
            ["src", "controls", "width", "height", "poster", "muted", "loop"],
        )
        .add_tag_attributes("audio", ["src", "controls"])
        .add_tag_attributes("source", ["src", "type"])
        .add_tag_attributes("img", ["loading"])
        .add_tag_attributes("details", ["open"])
        .add_tag_attributes("input", ["checked"])
        .set_tag_attribute_value("input", "type", "checkbox")
        .set_tag_attribute_value("input", "disabled", "")
        .set_tag_attribute_value("input", "aria-label", "Task")
        .set_tag_attribute_value("img", "loading", "lazy")
        .allowed_classes(classes())
        .url_schemes(SCHEMES.into_iter().collect())
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("nofollow noopener noreferrer"))
        .id_prefix(Some(PREFIX));
    let place = place.clone();
    builder.attribute_filter(move |element, attribute, value| match (element, attribute) {
        (_, "src" | "poster") => allow_source(&place, value),
        (_, "href" | "cite") if is_data(value) => None,
        (_, "href") => place.resolve(value, false),
        _ => Some(value.into()),
    });
    builder.clean(html).to_string()
}

fn classes() -> HashMap<&'static str, HashSet<&'static str>> {
    CLASSES.iter().map(|(tag, classes)| (*tag, classes.iter().copied().collect())).collect()
}

fn is_data(url: &str) -> bool {
    let start: String = url.trim_start().chars().take(5).collect();
    start.eq_ignore_ascii_case("data:")
}

/// A picture may lie in the text itself, as long as it is one that cannot run anything.
fn allow_source<'u>(place: &Place, value: &'u str) -> Option<std::borrow::Cow<'u, str>> {
    if is_data(value) {
        let lower: String =
            value.trim_start().chars().take(24).collect::<String>().to_ascii_lowercase();
        let kinds = ["data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp"];
        return kinds.iter().any(|kind| lower.starts_with(kind)).then(|| value.into());
    }
    place.resolve(value, true)
}
