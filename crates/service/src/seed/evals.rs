//! Results of evaluations as cards report them.

use super::chance::Chance;
use super::front_matter::FrontMatter;

/// What models of a task are measured on.
#[derive(Debug)]
struct Benchmark {
    task: &'static str,
    dataset: &'static str,
    name: &'static str,
    config: &'static str,
    split: &'static str,
    metrics: &'static [&'static str],
}

const fn on(
    task: &'static str,
    (dataset, name): (&'static str, &'static str),
    (config, split): (&'static str, &'static str),
    metrics: &'static [&'static str],
) -> Benchmark {
    Benchmark { task, dataset, name, config, split, metrics }
}

const CLASSIFIED: &[&str] = &["accuracy", "f1"];
const FOUND: &[&str] = &["precision", "recall", "f1", "accuracy"];
const WORDS: &[&str] = &["wer"];

const BENCHMARKS: &[Benchmark] = &[
    on(
        "text-classification",
        ("nyu-mll/glue", "GLUE MNLI"),
        ("mnli", "validation_matched"),
        CLASSIFIED,
    ),
    on("text-classification", ("nyu-mll/glue", "GLUE SST2"), ("sst2", "validation"), CLASSIFIED),
    on("text-classification", ("glue", "glue"), ("mrpc", "validation"), CLASSIFIED),
    on("text-classification", ("stanfordnlp/imdb", "IMDB"), ("plain_text", "test"), CLASSIFIED),
    on("text-classification", ("emotion", "emotion"), ("split", "validation"), CLASSIFIED),
    on("text-classification", ("tweet_eval", "tweet_eval"), ("sentiment", "test"), CLASSIFIED),
    on("token-classification", ("conll2003", "conll2003"), ("conll2003", "validation"), FOUND),
    on("token-classification", ("wikiann", "wikiann"), ("en", "test"), FOUND),
    on(
        "question-answering",
        ("rajpurkar/squad", "SQuAD"),
        ("plain_text", "validation"),
        &["exact_match", "f1"],
    ),
    on(
        "summarization",
        ("EdinburghNLP/xsum", "XSum"),
        ("default", "test"),
        &["rouge1", "rouge2", "rougeL"],
    ),
    on(
        "summarization",
        ("cnn_dailymail", "CNN DailyMail"),
        ("3.0.0", "test"),
        &["rouge1", "rouge2", "rougeL"],
    ),
    on("translation", ("wmt/wmt16", "WMT16"), ("de-en", "test"), &["bleu", "chrf"]),
    on(
        "automatic-speech-recognition",
        ("mozilla-foundation/common_voice_17_0", "Common Voice"),
        ("de", "test"),
        WORDS,
    ),
    on(
        "automatic-speech-recognition",
        ("openslr/librispeech_asr", "LibriSpeech"),
        ("clean", "test"),
        WORDS,
    ),
    on(
        "image-classification",
        ("ethz/food101", "Food-101"),
        ("default", "validation"),
        &["accuracy"],
    ),
    on(
        "image-classification",
        ("uoft-cs/cifar10", "CIFAR-10"),
        ("plain_text", "test"),
        &["accuracy"],
    ),
    on("image-segmentation", ("scene_parse_150", "ADE20K"), ("full", "validation"), &["mean_iou"]),
    on("object-detection", ("cppe-5", "CPPE-5"), ("default", "test"), &["mean_iou"]),
    on(
        "sentence-similarity",
        ("mteb/stsbenchmark-sts", "STS Benchmark"),
        ("default", "test"),
        &["cosine_spearman"],
    ),
    on(
        "feature-extraction",
        ("mteb/stsbenchmark-sts", "STS Benchmark"),
        ("default", "test"),
        &["cosine_spearman"],
    ),
    on("text-generation", ("cais/mmlu", "MMLU"), ("all", "test"), &["acc"]),
    on("text-generation", ("openai/gsm8k", "GSM8K"), ("main", "test"), &["exact_match"]),
    on("text-generation", ("Rowan/hellaswag", "HellaSwag"), ("default", "validation"), &["acc"]),
    on("reinforcement-learning", ("LunarLander-v2", "LunarLander-v2"), ("", ""), &["mean_reward"]),
    on(
        "tabular-classification",
        ("scikit-learn/iris", "Iris"),
        ("default", "train"),
        &["accuracy"],
    ),
];

/// How often the cards of a task report results.
fn share(task: &str) -> f64 {
    match task {
        "reinforcement-learning" => 0.95,
        "automatic-speech-recognition" | "image-classification" | "token-classification" => 0.35,
        "text-generation" => 0.04,
        _ => 0.2,
    }
}

/// Writes the `model-index` of a card, for the share of them that have one.
pub(super) fn write(chance: &mut Chance, task: &str, name: &str, card: &mut FrontMatter) {
    let known: Vec<&Benchmark> = BENCHMARKS.iter().filter(|known| known.task == task).collect();
    if known.is_empty() || !chance.happens(share(task)) {
        return;
    }
    let count = chance.between(1, 3).min(known.len() as u64);
    let start = chance.below(known.len() as u64);
    card.line(0, "model-index:");
    card.line(0, format_args!("- name: {name}"));
    card.line(2, "results:");
    for at in start..start + count {
        let at = usize::try_from(at).unwrap_or(0) % known.len();
        result(chance, known[at], card);
    }
}

fn result(chance: &mut Chance, benchmark: &Benchmark, card: &mut FrontMatter) {
    let Benchmark { task, dataset, name, config, split, metrics } = benchmark;
    card.line(2, "- task:");
    card.line(6, format_args!("type: {task}"));
    card.line(4, "dataset:");
    card.line(6, format_args!("name: {name}"));
    card.line(6, format_args!("type: {dataset}"));
    if !config.is_empty() {
        card.line(6, format_args!("config: {config}"));
        card.line(6, format_args!("split: {split}"));
    }
    card.line(4, "metrics:");
    // A good model is good by every metric.
    let quality = chance.unit().sqrt();
    for metric in *metrics {
        card.line(4, format_args!("- type: {metric}"));
        card.line(6, format_args!("value: {}", value(metric, quality + chance.unit() * 0.05)));
        card.line(6, format_args!("name: {metric}"));
    }
}

fn value(metric: &str, quality: f64) -> String {
    let part = quality.min(1.0);
    match metric {
        "wer" => format!("{:.2}", 4.0 + 70.0 * (1.0 - part)),
        "mean_reward" => format!("{:.2}", 500.0 * part - 200.0),
        "rouge1" | "rouge2" | "rougeL" | "bleu" | "chrf" => format!("{:.4}", 5.0 + 40.0 * part),
        "exact_match" => format!("{:.4}", 95.0 * part),
        "mean_iou" => format!("{:.4}", 0.1 + 0.7 * part),
        _ => format!("{:.4}", 0.4 + 0.59 * part),
    }
}
