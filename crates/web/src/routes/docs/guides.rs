//! The guides: files of `docs/`, part of the binary.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::markdown::{self, Place, Rendered};

/// A guide.
pub(super) struct Guide {
    /// Its name in addresses, which is that of its file.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// For whom it is: `use`, `run` or `know`.
    pub(super) shelf: &'static str,
    pub(super) text: &'static str,
}

macro_rules! guide {
    ($shelf:literal, $name:literal, $title:literal, $about:literal) => {
        Guide {
            name: $name,
            title: $title,
            about: $about,
            shelf: $shelf,
            text: include_str!(concat!("../../../../../docs/", $name, ".md")),
        }
    };
}

/// The address of a hub, as guides write it.
const EXAMPLE: &str = "https://hub.example.org";

/// Every guide, by shelf.
pub(super) const GUIDES: &[Guide] = &[
    guide!("use", "user-guide", "User guide", "Up and down with the clients you know"),
    guide!("use", "search", "Search", "Words and terms, and what they find"),
    guide!("use", "cards", "Cards", "What the hub reads in a README"),
    guide!(
        "use",
        "lineage-and-reports",
        "Lineage and reports",
        "Where models come from, and how cards are judged"
    ),
    guide!("use", "large-files", "Large files", "Xet, git-lfs, and what happens to the bytes"),
    guide!("use", "counters", "Counters", "What counts as a download"),
    guide!("run", "operator-guide", "Operator guide", "Install, back up, upgrade, mend"),
    guide!("run", "configuration", "Configuration", "Every key, its default and its meaning"),
    guide!("run", "limits", "Limits", "How large things may be"),
    guide!("know", "ARCHITECTURE", "Architecture", "The house, floor by floor"),
    guide!("know", "xet-protocol", "Xet on the wire", "What hf_xet and the hub say to each other"),
    guide!("know", "benchmarks", "Benchmarks", "How fast it is, and beside what"),
    guide!("know", "design", "Design", "Why pages look as they do"),
    guide!("know", "adding-a-feature", "Adding a feature", "The way through the house"),
];

/// The guide of that name.
pub(super) fn find(name: &str) -> Option<&'static Guide> {
    GUIDES.iter().find(|guide| guide.name == name)
}

static RENDERED: LazyLock<HashMap<&'static str, Rendered>> = LazyLock::new(|| {
    let render = |guide: &Guide| {
        let text = with_links(guide.text);
        (guide.name, markdown::render(&text, &Place::default()))
    };
    GUIDES.iter().map(render).collect()
});

impl Guide {
    /// Its text as HTML, about the hub at this address.
    pub(super) fn html(&self, origin: &str) -> String {
        self.about(&RENDERED[self.name].html, origin)
    }

    /// Its text as it was written, about the hub at this address.
    pub(super) fn source(&self, origin: &str) -> String {
        self.about(self.text, origin)
    }

    /// Guides for those who use the hub name it; for those who run one, the address is an example.
    fn about(&self, text: &str, origin: &str) -> String {
        match self.shelf {
            "use" => text.replace(EXAMPLE, origin),
            _ => text.to_owned(),
        }
    }
}

/// Links from file to file become links from page to page; what is not part of the binary loses its link.
fn with_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("](") {
        let (before, after) = rest.split_at(at);
        let Some(end) = after.find(')') else { break };
        let address = &after[2..end];
        match resolved(address) {
            Some(address) => out.push_str(&format!("{before}]({address})")),
            None => {
                // The words stay, without the bracket (and the mark of a picture) that opened the link.
                let open = before.rfind('[').unwrap_or(before.len());
                out.push_str(before[..open].trim_end_matches('!'));
                out.push_str(before.get(open + 1..).unwrap_or_default());
            }
        }
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    out
}

fn resolved(address: &str) -> Option<String> {
    if address.starts_with('#') || address.contains("://") || address.starts_with('/') {
        return Some(address.to_owned());
    }
    let (file, part) = address.split_once('#').unwrap_or((address, ""));
    let name = file.strip_suffix(".md").filter(|name| find(name).is_some());
    let page = match (name, file) {
        (Some(name), _) => format!("/docs/{name}"),
        (None, "openapi.json") => "/docs/api".to_owned(),
        (None, _) => return None,
    };
    // Ids of headings carry the prefix of all users' text.
    Some(if part.is_empty() { page } else { format!("{page}#user-content-{part}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_or_become_words() {
        let text = "a [b](cards.md#x) ![two](two.svg) [c](../CONTRIBUTING.md), [d](https://e.org/f) [g](#h)";
        let found = with_links(text);
        assert_eq!(found, "a [b](/docs/cards#user-content-x) two c, [d](https://e.org/f) [g](#h)");
        for guide in GUIDES {
            assert!(RENDERED[guide.name].note.is_none(), "{}", guide.name);
            let html = guide.html("http://own.test:81");
            assert!(!html.contains(".md\""), "{}", guide.name);
            assert!(guide.shelf != "use" || !html.contains("hub.example.org"), "{}", guide.name);
        }
    }
}
