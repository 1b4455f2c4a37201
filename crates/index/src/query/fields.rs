//! The fields of the language, described once for the parser, help, documentation and completion.

use super::ast::Number;
use super::error::nearest;
use crate::document::Facet;

/// A field of the query language.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// Its name, before the colon.
    pub name: &'static str,
    /// Other names it goes by.
    pub aliases: &'static [&'static str],
    /// What it asks for, in one line.
    pub about: &'static str,
    /// A term that uses it.
    pub example: &'static str,
    pub(super) takes: Takes,
}

/// How the value of a field is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Takes {
    Task,
    Language,
    /// A word in lower case, one of the vocabulary unless it is quoted.
    Known(Facet),
    /// A word in lower case.
    Any(Facet),
    /// Ids of datasets, as they are spelt.
    Dataset,
    Rows,
    Quantization,
    Number(Number),
    Eval,
    Newer,
    Base,
    Lineage,
    Gated,
    Successor,
    Tag,
    Author,
    Kind,
    Name,
}

const fn field(
    name: &'static str,
    aliases: &'static [&'static str],
    takes: Takes,
    about: &'static str,
    example: &'static str,
) -> Field {
    Field { name, aliases, about, example, takes }
}

#[rustfmt::skip]
static FIELDS: [Field; 27] = [
    field("task", &["pipeline", "pipeline_tag"], Takes::Task, "what it does", "task:text-classification"),
    field("lang", &["language"], Takes::Language, "language, by code or English name", "lang:en"),
    field("license", &["licence"], Takes::Known(Facet::License), "its own licence", "license:apache-2.0"),
    field("lineage", &[], Takes::Lineage, "what the licences of it and all its ancestors ask", "lineage:permissive"),
    field("size", &[], Takes::Number(Number::SizeBytes), "bytes of the weights one would load", "size:<100MB"),
    field("params", &["parameters"], Takes::Number(Number::Parameters), "number of parameters", "params:1B..8B"),
    field("format", &[], Takes::Any(Facet::Format), "format of the files", "format:safetensors"),
    field("quant", &["quantization", "bits"], Takes::Quantization, "bits per weight, or method of quantization", "quant:4bit"),
    field("context", &["ctx"], Takes::Number(Number::ContextTokens), "tokens the model can take at once", "context:>=32k"),
    field("eval", &[], Takes::Eval, "result of an evaluation: dataset, metric, value", "eval:mnli.f1>0.9"),
    field("base", &["base_model"], Takes::Base, "made from this model, directly or through others", "base:org/model"),
    field("newer", &[], Takes::Newer, "created within this time, or since this day", "newer:12mo"),
    field("library", &["lib"], Takes::Any(Facet::Library), "the library that loads it", "library:transformers"),
    field("arch", &["architecture"], Takes::Any(Facet::Architecture), "family of the architecture", "arch:llama"),
    field("tag", &[], Takes::Tag, "has exactly this tag", "tag:\"license:mit\""),
    field("author", &["owner"], Takes::Author, "the user or organisation it belongs to", "author:my-org"),
    field("dataset", &["trained_on"], Takes::Dataset, "a dataset it was trained on", "dataset:nyu-mll/glue"),
    field("kind", &["type"], Takes::Kind, "model, dataset, space or kernel", "kind:model"),
    field("name", &["id"], Takes::Name, "its id contains this text", "name:bert"),
    field("app", &["apps"], Takes::Known(Facet::App), "an application that can run it", "app:ollama"),
    field("modality", &[], Takes::Known(Facet::Modality), "what a dataset is made of", "modality:audio"),
    field("sdk", &[], Takes::Known(Facet::Sdk), "what a Space is built with", "sdk:gradio"),
    field("rows", &["size_category"], Takes::Rows, "rows of a dataset, by the Hub's categories", "rows:1M..100M"),
    field("gated", &[], Takes::Gated, "whether reading needs a permission", "gated:no"),
    field("successor", &[], Takes::Successor, "whether the card names a newer version", "successor:no"),
    field("downloads", &[], Takes::Number(Number::Downloads), "downloads of the last 30 days", "downloads:>1000"),
    field("likes", &[], Takes::Number(Number::Likes), "how many like it", "likes:>10"),
];

/// Every field, those that are used most first.
pub fn fields() -> &'static [Field] {
    &FIELDS
}

/// The field of that name, in any case.
pub(super) fn find_field(name: &str) -> Option<&'static Field> {
    let is_name = |known: &str| known.eq_ignore_ascii_case(name);
    FIELDS
        .iter()
        .find(|field| is_name(field.name) || field.aliases.iter().any(|alias| is_name(alias)))
}

/// The name of a field that was probably meant.
pub(super) fn nearest_field(typed: &str) -> Option<&'static str> {
    let names = FIELDS.iter().flat_map(|field| std::iter::once(&field.name).chain(field.aliases));
    nearest(typed, names.copied())
}

/// The name of the field whose words are a facet's.
pub(super) fn facet_field(facet: Facet) -> &'static str {
    match facet {
        Facet::Task => "task",
        Facet::Library => "library",
        Facet::Language => "lang",
        Facet::License => "license",
        Facet::Format => "format",
        Facet::Architecture => "arch",
        Facet::Quantization => "quant",
        Facet::Dataset => "dataset",
        Facet::App => "app",
        Facet::Modality => "modality",
        Facet::SizeCategory => "rows",
        Facet::Sdk => "sdk",
    }
}
