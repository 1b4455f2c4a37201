//! Texts and what they mean, written down by hand.

use steelyard_core::{LicenseTraits, RepoKind};

use super::super::{Bounds, Condition, End, LineageWanted, Number, Query};
use crate::document::Facet;

fn words(facet: Facet, all: &[&str]) -> Condition {
    Condition::Word(facet, all.iter().map(|word| (*word).to_owned()).collect())
}

fn incl(value: f64) -> Option<End> {
    Some(End { value, is_inclusive: true })
}

fn excl(value: f64) -> Option<End> {
    Some(End { value, is_inclusive: false })
}

fn number(number: Number, min: Option<End>, max: Option<End>) -> Condition {
    Condition::Number(number, Bounds { min, max })
}

fn bits(min: Option<End>, max: Option<End>) -> Condition {
    Condition::Bits(Bounds { min, max })
}

fn eval(dataset: &str, metric: &str, min: Option<End>, max: Option<End>) -> Condition {
    Condition::Eval { dataset: dataset.into(), metric: metric.into(), bounds: Bounds { min, max } }
}

/// Each text must mean the condition, and be written as the last column.
fn check(table: &[(&str, Condition, &str)]) {
    for (text, condition, written) in table {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.terms.len(), 1, "{text}");
        assert_eq!(query.terms[0].condition, *condition, "{text}");
        assert_eq!(query.terms[0].span, 0..text.len(), "{text}");
        assert_eq!(query.to_text(), *written, "{text}");
        let again = Query::parse(written).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(again.terms[0].condition, *condition, "{written}");
    }
}

#[test]
fn words_of_vocabularies() {
    check(&[
        (
            "task:text-classification",
            words(Facet::Task, &["text-classification"]),
            "task:text-classification",
        ),
        ("TASK:Text_Gen", words(Facet::Task, &["text-generation"]), "task:text-generation"),
        ("task:\"fill mask\"", words(Facet::Task, &["fill-mask"]), "task:fill-mask"),
        (
            "task:causal-lm,ner,llm",
            words(Facet::Task, &["text-generation", "token-classification"]),
            "task:text-generation,token-classification",
        ),
        (
            "task:\"classification\"",
            words(Facet::Task, &["classification"]),
            "task:\"classification\"",
        ),
        ("lang:EN", words(Facet::Language, &["en"]), "lang:en"),
        (
            "lang:german,zh-Hans,ceb",
            words(Facet::Language, &["de", "zh-hans", "ceb"]),
            "lang:de,zh-hans,ceb",
        ),
        (
            "license:Apache-2.0,mit",
            words(Facet::License, &["apache-2.0", "mit"]),
            "license:apache-2.0,mit",
        ),
        (
            "licence:\"my own, licence\"",
            words(Facet::License, &["my own, licence"]),
            "license:\"my own, licence\"",
        ),
        ("format:safetensors", words(Facet::Format, &["safetensors"]), "format:safetensors"),
        ("lib:Transformers", words(Facet::Library, &["transformers"]), "library:transformers"),
        ("arch:llama", words(Facet::Architecture, &["llama"]), "arch:llama"),
        ("app:llama.cpp", words(Facet::App, &["llama.cpp"]), "app:llama.cpp"),
        ("modality:audio", words(Facet::Modality, &["audio"]), "modality:audio"),
        ("sdk:gradio", words(Facet::Sdk, &["gradio"]), "sdk:gradio"),
        ("dataset:nyu-mll/GLUE", words(Facet::Dataset, &["nyu-mll/GLUE"]), "dataset:nyu-mll/GLUE"),
        ("rows:1k<N<10k", words(Facet::SizeCategory, &["1K<n<10K"]), "rows:1K<n<10K"),
        (
            "rows>=1B",
            words(Facet::SizeCategory, &["1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T"]),
            "rows:1B<n<10B,10B<n<100B,100B<n<1T,n>1T",
        ),
        ("rows:<1K", words(Facet::SizeCategory, &["n<1K"]), "rows:n<1K"),
        (
            "rows:1M..100M",
            words(Facet::SizeCategory, &["1M<n<10M", "10M<n<100M"]),
            "rows:1M<n<10M,10M<n<100M",
        ),
    ]);
}

#[test]
fn numbers_and_their_units() {
    let (size, params, context) = (Number::SizeBytes, Number::Parameters, Number::ContextTokens);
    check(&[
        ("size:<100MB", number(size, None, excl(1e8)), "size:<100MB"),
        ("size<=100mb", number(size, None, incl(1e8)), "size:<=100MB"),
        ("size:>2.5GiB", number(size, excl(2_684_354_560.0), None), "size:>2684354560"),
        ("size:≥1KiB", number(size, incl(1024.0), None), "size:>=1.024KB"),
        ("size:1.5G", number(size, incl(1.45e9), excl(1.55e9)), "size:1.45GB..<1.55GB"),
        ("size:=100", number(size, incl(100.0), incl(100.0)), "size:=100"),
        ("size:512B", number(size, incl(511.5), excl(512.5)), "size:511.5..<512.5"),
        ("params:1B..8B", number(params, incl(1e9), incl(8e9)), "params:1B..8B"),
        ("params:>1.1b..<8B", number(params, excl(1.1e9), excl(8e9)), "params:>1.1B..<8B"),
        ("params:7B", number(params, incl(6.5e9), excl(7.5e9)), "params:6.5B..<7.5B"),
        ("params:=7B", number(params, incl(7e9), incl(7e9)), "params:=7B"),
        ("params:..125M", number(params, None, incl(1.25e8)), "params:<=125M"),
        ("params:1T..", number(params, incl(1e12), None), "params:>=1T"),
        ("context:>=32k", number(context, incl(32_000.0), None), "context:>=32000"),
        ("context:>32k", number(context, excl(32_768.0), None), "context:>32768"),
        ("context:<=32K", number(context, None, incl(32_768.0)), "context:<=32768"),
        ("context:<32k", number(context, None, excl(32_000.0)), "context:<32000"),
        ("ctx:=1M", number(context, incl(1e6), incl(1_048_576.0)), "context:1000000..1048576"),
        ("context:32k", number(context, incl(31_500.0), excl(33_280.0)), "context:31500..<33280"),
        ("downloads:>1000", number(Number::Downloads, excl(1000.0), None), "downloads:>1K"),
        ("likes:10", number(Number::Likes, incl(10.0), incl(10.0)), "likes:=10"),
        (
            "likes:>10,0",
            Condition::Any(vec![
                number(Number::Likes, excl(10.0), None),
                number(Number::Likes, incl(0.0), incl(0.0)),
            ]),
            "likes:>10,=0",
        ),
    ]);
}

#[test]
fn quantizations_and_evaluations() {
    check(&[
        ("quant:4bit", bits(incl(4.0), incl(4.0)), "quant:4bit"),
        ("quant:INT8", bits(incl(8.0), incl(8.0)), "quant:8bit"),
        ("bits:<=4", bits(None, incl(4.0)), "quant:<=4bit"),
        ("quant:2..4-bit", bits(incl(2.0), incl(4.0)), "quant:2bit..4bit"),
        ("quant:Q4_K_M", words(Facet::Quantization, &["q4_k_m"]), "quant:q4_k_m"),
        (
            "quant:gptq,4bit,awq,8bit",
            Condition::Any(vec![
                words(Facet::Quantization, &["gptq", "awq"]),
                bits(incl(4.0), incl(4.0)),
                bits(incl(8.0), incl(8.0)),
            ]),
            "quant:gptq,awq,4bit,8bit",
        ),
        ("eval:MNLI.F1>0.9", eval("mnli", "f1", excl(0.9), None), "eval:mnli.f1>0.9"),
        ("eval:mnli.f1≥90%", eval("mnli", "f1", incl(0.9), None), "eval:mnli.f1>=0.9"),
        (
            "eval:glue/mnli-v2.0.acc=0.8..0.9",
            eval("glue/mnli-v2.0", "acc", incl(0.8), incl(0.9)),
            "eval:glue/mnli-v2.0.acc=0.8..0.9",
        ),
        ("eval:lm.loss<-0.5", eval("lm", "loss", None, excl(-0.5)), "eval:lm.loss<-0.5"),
        (
            "eval:\"open llm\".\"rouge.l\">1",
            eval("open llm", "rouge.l", excl(1.0), None),
            "eval:\"open llm\".\"rouge.l\">1",
        ),
        ("eval:humaneval.pass@1", eval("humaneval", "pass@1", None, None), "eval:humaneval.pass@1"),
    ]);
}

#[test]
fn everything_else() {
    check(&[
        ("base:org/Model", Condition::DescendsFrom(vec!["org/Model".into()]), "base:org/Model"),
        ("newer:12mo", Condition::NewerThan(31_536_000_000), "newer:1y"),
        ("newer:30d", Condition::NewerThan(2_592_000_000), "newer:30d"),
        ("newer:2w", Condition::NewerThan(1_209_600_000), "newer:2w"),
        ("newer:36h", Condition::NewerThan(129_600_000), "newer:36h"),
        ("newer:1970-01-02", Condition::CreatedSince(1), "newer:1970-01-02"),
        ("newer:2024-02-29", Condition::CreatedSince(19_782), "newer:2024-02-29"),
        ("lineage:permissive", Condition::Lineage(LineageWanted::Permissive), "lineage:permissive"),
        ("lineage:commercial", Condition::Lineage(LineageWanted::Commercial), "lineage:commercial"),
        (
            "lineage:share-alike",
            Condition::Lineage(LineageWanted::Has(LicenseTraits::SHARE_ALIKE)),
            "lineage:share-alike",
        ),
        (
            "kind:model,datasets",
            Condition::Kind(vec![RepoKind::Model, RepoKind::Dataset]),
            "kind:model,dataset",
        ),
        ("name:bert", Condition::NameContains("bert".into()), "name:bert"),
        (
            "name:bert,gpt",
            Condition::Any(vec![
                Condition::NameContains("bert".into()),
                Condition::NameContains("gpt".into()),
            ]),
            "name:bert,gpt",
        ),
        (
            "tag:\"with space\",region:us",
            Condition::Tag(vec!["with space".into(), "region:us".into()]),
            "tag:\"with space\",region:us",
        ),
        (
            "tag:\"a \\\"b\\\" \\\\ c\"",
            Condition::Tag(vec!["a \"b\" \\ c".into()]),
            "tag:\"a \\\"b\\\" \\\\ c\"",
        ),
        ("author:my-org", Condition::Author(vec!["my-org".into()]), "author:my-org"),
        ("gated:true", Condition::Gated(true), "gated:yes"),
        ("successor:no", Condition::HasSuccessor(false), "successor:no"),
    ]);
}

#[test]
fn words_and_terms_stand_side_by_side() {
    let text = "  small \"text generation\" -license:other,unknown  \"ns/name:tag\" été\u{3000}size:<1GB C++ - a\"b c\"d ";
    let query = Query::parse(text).unwrap();
    assert_eq!(
        query.words,
        ["small", "text generation", "ns/name:tag", "été", "C++", "-", "ab cd"]
    );
    assert_eq!(query.terms.len(), 2);
    assert!(query.terms[0].is_negated && !query.terms[1].is_negated);
    assert_eq!(&text[query.terms[0].span.clone()], "-license:other,unknown");
    assert_eq!(&text[query.terms[1].span.clone()], "size:<1GB");
    assert_eq!(
        query.to_text(),
        "small \"text generation\" \"ns/name:tag\" été C++ \"-\" \"ab cd\" -license:other,unknown size:<1GB"
    );
    assert_eq!(Query::parse(" \t\n").unwrap(), Query::default());
}

#[test]
fn the_query_of_the_first_page_is_understood() {
    let text = "task:text-classification lang:en license:apache-2.0 lineage:permissive size:<100MB params:1B..8B \
                format:safetensors quant:4bit context:>=32k eval:mnli.f1>0.9 base:ns/m newer:12mo";
    let query = Query::parse(text).unwrap();
    assert_eq!((query.words.len(), query.terms.len()), (0, 12));
}
