//! Datasets and Spaces: what their cards say.

use steelyard_core::RepoKind;

use super::catalogue::Catalogue;
use super::chance::Question;
use super::front_matter::FrontMatter;
use super::model::{LICENSES, languages};
use super::spec::File;

const TASKS: &[(&str, u32)] = &[
    ("text-generation", 30),
    ("text-classification", 18),
    ("question-answering", 14),
    ("summarization", 7),
    ("translation", 7),
    ("token-classification", 6),
    ("image-classification", 6),
    ("automatic-speech-recognition", 5),
    ("text-to-image", 4),
    ("object-detection", 3),
    ("robotics", 6),
    ("feature-extraction", 4),
    ("fill-mask", 3),
    ("image-to-text", 2),
    ("visual-question-answering", 2),
    ("tabular-classification", 2),
    ("audio-classification", 2),
];

const SIZES: &[(&str, u32)] = &[
    ("n<1K", 30),
    ("1K<n<10K", 28),
    ("10K<n<100K", 20),
    ("100K<n<1M", 12),
    ("1M<n<10M", 7),
    ("10M<n<100M", 2),
    ("100M<n<1B", 1),
];

const SDKS: &[(&str, u32)] = &[("gradio", 62), ("docker", 16), ("static", 15), ("streamlit", 7)];
const COLORS: &[&str] = &["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"];
const EMOJI: &[&str] = &["🚀", "🔥", "🎨", "🤖", "📚", "🐢", "⚡", "🌍"];

/// A dataset's files: a card and a few rows.
pub(super) fn dataset(catalogue: &Catalogue, index: u64, prose: &str) -> Vec<File> {
    let mut chance = catalogue.chance(Question::Trait, index);
    let mut card = FrontMatter::default();
    let topic = catalogue.topic(index);
    if chance.happens(0.75) {
        if chance.happens(0.6) {
            card.list("language", &languages(&mut chance));
        }
        if chance.happens(0.65) {
            card.word("license", chance.weighted(LICENSES));
        }
        if chance.happens(0.5) {
            card.list("task_categories", &[chance.weighted(TASKS)]);
        }
        if chance.happens(0.3) {
            card.quoted("pretty_name", &format!("{topic} data"));
        }
        if chance.happens(0.6) {
            card.list("size_categories", &[chance.weighted(SIZES)]);
        }
        if chance.happens(0.2) {
            card.list("multilinguality", &["monolingual"]);
            card.list("source_datasets", &["original"]);
        }
        if chance.happens(0.3) {
            card.list("tags", &[topic]);
        }
    }
    let is_csv = chance.happens(0.4);
    let data = if is_csv {
        File::text("train.csv", format!("text,label\n{topic} one,0\n{topic} two,1\n"))
    } else {
        File::text(
            "train.jsonl",
            format!("{{\"text\": \"{topic} one\"}}\n{{\"text\": \"{topic} two\"}}\n"),
        )
    };
    vec![File::text("README.md", card.into_card() + prose), data]
}

/// What runs a Space.
pub(super) fn sdk(catalogue: &Catalogue, index: u64) -> &'static str {
    let mut chance = catalogue.chance(Question::Trait, index ^ (1 << 57));
    let sdk: &&str = chance.weighted(SDKS);
    sdk
}

/// A Space's files: a card and a program.
pub(super) fn space(catalogue: &Catalogue, index: u64, prose: &str) -> Vec<File> {
    let mut chance = catalogue.chance(Question::Trait, index);
    let (sdk, topic) = (sdk(catalogue, index), catalogue.topic(index));
    let mut card = FrontMatter::default();
    card.quoted("title", &format!("{} {topic}", chance.pick(&["The", "Talk", "Explore", "Try"])));
    card.word("emoji", chance.pick(EMOJI));
    card.word("colorFrom", chance.pick(COLORS));
    card.word("colorTo", chance.pick(COLORS));
    card.word("sdk", sdk);
    if sdk == "gradio" {
        card.quoted("sdk_version", "5.49.1");
        card.word("app_file", "app.py");
    }
    card.word("pinned", chance.happens(0.05));
    if chance.happens(0.4) {
        card.word("license", chance.weighted(LICENSES));
    }
    if chance.happens(0.35) {
        let model = catalogue.earlier(index, RepoKind::Model, &mut chance);
        let models: Vec<String> = model.into_iter().map(|model| catalogue.id(model)).collect();
        card.list("models", &models);
    }
    let program = match sdk {
        "docker" => File::text(
            "Dockerfile",
            "FROM python:3.13-slim\nCMD [\"python\", \"-m\", \"http.server\", \"7860\"]\n"
                .to_owned(),
        ),
        "static" => File::text("index.html", format!("<!doctype html>\n<title>{topic}</title>\n")),
        _ => File::text(
            "app.py",
            format!(
                "import gradio as gr\n\ngr.Interface(lambda text: text, \"text\", \"text\", title=\"{topic}\").launch()\n"
            ),
        ),
    };
    // A Space's card is mostly its front matter.
    let prose = prose.split("\n\n").next().unwrap_or_default();
    vec![File::text("README.md", format!("{}{prose}\n", card.into_card())), program]
}
