//! How fast and how large the index is: `cargo run --release -p steelyard-index --example speed -- [repositories]`.
//!
//! Makes a catalogue with the skew of real ones, loads it, and prints the time to load, bytes per repository, and the
//! times of five kinds of questions with one client and with eight. For one client the time is that of
//! the processor, whatever else the machine has to do; the times of eight clients include their waiting.
#![expect(clippy::print_stdout, reason = "a program that prints its figures")]

use std::time::Instant;

use steelyard_core::{LicenseTraits, RepoKind, Timestamp};
use steelyard_index::query::{Bounds, Condition, End, LineageWanted, Number, Term};
use steelyard_index::rank::trend_weight;
use steelyard_index::{
    Change, Counters, Document, EvalPoint, Facet, Index, Loader, SearchRequest, Sort, Viewer,
};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
const STEMS: [&str; 24] = [
    "llama",
    "bert",
    "qwen",
    "mistral",
    "gemma",
    "t5",
    "whisper",
    "stable-diffusion",
    "roberta",
    "gpt2",
    "phi",
    "deepseek",
    "falcon",
    "mixtral",
    "clip",
    "vit",
    "wav2vec2",
    "distilbert",
    "lora",
    "yolo",
    "flux",
    "ppo-LunarLander",
    "sd-class",
    "my-model",
];
const MIDDLES: [&str; 20] = [
    "7b",
    "base",
    "8B",
    "large",
    "13b",
    "small",
    "instruct",
    "chat",
    "v2",
    "finetuned",
    "3",
    "70b",
    "tiny",
    "Q4_K_M",
    "uncased",
    "v0.1",
    "multilingual",
    "cased",
    "en",
    "xl",
];
const ENDS: [&str; 16] = [
    "gguf",
    "lora",
    "sft",
    "dpo",
    "awq",
    "squad",
    "ner",
    "imdb",
    "merged",
    "gptq",
    "sentiment",
    "emotion",
    "4bit",
    "awesome",
    "test",
    "final",
];
const TASKS: usize = 50;
const SORTS: [Sort; 5] =
    [Sort::Downloads, Sort::LastModified, Sort::CreatedAt, Sort::Likes, Sort::Trending];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() % (1 << 40)) as f64 / (1_u64 << 40) as f64
    }

    /// Zipf's law with exponent one, near enough: the logarithm of the rank is even.
    fn zipf(&mut self, end: usize) -> usize {
        ((end as f64 + 1.0).powf(self.unit()) - 1.0) as usize
    }
}

fn name(random: &mut Random, number: usize, repos: usize) -> String {
    let owner = random.zipf(repos / 3 + 10);
    let stem = STEMS[random.zipf(STEMS.len())];
    let middle = MIDDLES[random.below(MIDDLES.len())];
    let owner_stem = STEMS[owner % STEMS.len()];
    match random.below(3) {
        0 => format!("{owner_stem}-{owner:x}/{stem}-{middle}-{number:x}"),
        1 => format!("user{owner}/{stem}-{middle}-{}-{number:x}", ENDS[random.below(ENDS.len())]),
        _ => format!("{owner:x}org/{stem}_{:x}", number * 7919),
    }
}

fn words(random: &mut Random, kind: RepoKind) -> Vec<(Facet, String)> {
    let mut words = Vec::new();
    if random.below(10) > 1 {
        words.push((Facet::Task, format!("task-{}", random.zipf(TASKS))));
    }
    if random.below(10) > 2 {
        words.push((Facet::License, format!("license-{}", random.zipf(80))));
    }
    for _ in 0..random.zipf(4) {
        words.push((Facet::Language, format!("l{}", random.zipf(400))));
    }
    if kind == RepoKind::Model {
        words.push((Facet::Library, format!("library-{}", random.zipf(200))));
        words.push((Facet::Architecture, format!("arch-{}", random.zipf(300))));
        words.push((
            Facet::Format,
            ["safetensors", "pytorch", "gguf", "onnx"][random.zipf(4)].to_owned(),
        ));
        if random.below(4) == 0 {
            words.push((Facet::Dataset, format!("data/set-{}", random.zipf(20_000))));
        }
        if random.below(6) == 0 {
            words.push((Facet::Quantization, format!("q{}", random.zipf(30))));
            words.push((Facet::App, ["llama.cpp", "ollama", "vllm"][random.zipf(3)].to_owned()));
        }
    }
    words
}

fn evals(random: &mut Random) -> Vec<EvalPoint> {
    let point = |random: &mut Random| {
        let dataset = ["mnli", "squad", "mmlu", "imdb", "conll", "gsm8k", "cifar"][random.zipf(7)];
        let metric = ["accuracy", "f1", "bleu", "wer"][random.zipf(4)];
        EvalPoint {
            datasets: vec![dataset.to_owned(), format!("org/{dataset}"), format!("glue/{dataset}")],
            metrics: vec![metric.to_owned()],
            value: random.unit(),
        }
    };
    (0..if random.below(10) == 0 { random.zipf(12) } else { 0 }).map(|_| point(random)).collect()
}

fn document(random: &mut Random, number: usize, repos: usize, ids: &[String]) -> Document {
    let kind = match random.below(10) {
        0..7 => RepoKind::Model,
        7 | 8 => RepoKind::Dataset,
        _ => RepoKind::Space,
    };
    let words = words(random, kind);
    let mut tags: Vec<String> = words
        .iter()
        .map(|(facet, word)| match facet {
            Facet::License => format!("license:{word}"),
            Facet::Dataset => format!("dataset:{word}"),
            _ => word.clone(),
        })
        .collect();
    tags.push("region:us".to_owned());
    tags.extend((0..random.zipf(5)).map(|_| format!("custom-{}", random.zipf(50_000))));
    let has_base = kind == RepoKind::Model && random.below(2) == 0 && number > 10;
    let base_models: Vec<String> =
        has_base.then(|| ids[random.zipf(number - 1)].clone()).into_iter().collect();
    tags.extend(base_models.iter().map(|id| format!("base_model:{id}")));
    let created_at = NOW.plus_secs(-(random.below(4 * 365 * 86_400) as i64));
    Document {
        repo_id: number as i64 + 1,
        kind,
        owner_id: random.zipf(repos / 3 + 10) as i64,
        id: ids[number].clone(),
        is_private: random.below(30) == 0,
        is_gated: random.below(30) == 0,
        created_at,
        last_modified: created_at.plus_secs(random.zipf(30_000_000) as i64),
        tags,
        size_bytes: (random.below(10) > 2).then(|| (random.unit() * 25.0).exp() as u64),
        parameters: (random.below(10) > 3).then(|| (random.unit() * 24.0).exp() as u64),
        context_tokens: (random.below(10) > 6).then(|| 512 << random.below(10)),
        bits: if words.iter().any(|(facet, _)| *facet == Facet::Quantization) {
            vec![4, 8]
        } else {
            vec![16]
        },
        words,
        base_relation: has_base
            .then(|| ["finetune", "adapter", "quantized", "merge"][random.zipf(4)]),
        base_models,
        license_traits: LicenseTraits::from_bits(
            [0, 0, 0, 1, 2, 1 << 5, 1 << 6, 1 << 4][random.below(8)],
        ),
        evals: evals(random),
        linked_models: if kind == RepoKind::Space {
            vec![ids[random.zipf(repos)].clone()]
        } else {
            vec![]
        },
        linked_datasets: vec![],
        has_successor: random.below(100) == 0,
        card_score: random.below(101) as u8,
        title: None,
        card_text: String::new(),
    }
}

fn counters(random: &mut Random) -> Counters {
    let downloads = (random.unit().powi(4) * 16.0).exp() as u64;
    let at = NOW.plus_secs(-(random.zipf(30_000_000) as i64));
    Counters {
        downloads,
        downloads_all_time: downloads * 9,
        likes: downloads / 300,
        trend: trend_weight(random.unit(), at),
    }
}

fn term(condition: Condition) -> Term {
    Term { span: 0..0, is_negated: false, condition }
}

fn below(value: f64) -> Bounds {
    Bounds { min: None, max: Some(End { value, is_inclusive: false }) }
}

fn above(value: f64) -> Bounds {
    Bounds { min: Some(End { value, is_inclusive: false }), max: None }
}

fn listing(random: &mut Random) -> SearchRequest {
    let mut tags = vec![format!("task-{}", random.zipf(TASKS))];
    match random.below(4) {
        0 => tags.push(format!("license:license-{}", random.zipf(20))),
        1 => tags.push(format!("l{}", random.zipf(50))),
        2 => tags = vec![],
        _ => {}
    }
    SearchRequest {
        kinds: vec![RepoKind::Model],
        tags,
        sort: SORTS[random.below(5)],
        now: NOW,
        ..Default::default()
    }
}

fn substring(random: &mut Random) -> SearchRequest {
    let pattern = match random.below(6) {
        0 => STEMS[random.below(STEMS.len())].to_owned(),
        1 => {
            format!("{}-{}", STEMS[random.zipf(STEMS.len())], MIDDLES[random.below(MIDDLES.len())])
        }
        2 => ENDS[random.below(ENDS.len())].to_uppercase(),
        3 => format!("{:x}", random.below(1 << 16)),
        4 => "no-such-name".to_owned(),
        _ => STEMS[random.below(STEMS.len())][..2].to_owned(),
    };
    SearchRequest { name_contains: vec![pattern], ..listing(random) }
}

fn structured(random: &mut Random) -> SearchRequest {
    let mut request = SearchRequest { now: NOW, with_total: true, ..Default::default() };
    let mut add = |condition| request.query.terms.push(term(condition));
    if random.below(2) == 0 {
        add(Condition::Word(Facet::Task, vec![format!("task-{}", random.zipf(10))]));
    }
    add(Condition::Word(Facet::Language, vec![format!("l{}", random.zipf(4))]));
    add(Condition::Lineage(
        [LineageWanted::Permissive, LineageWanted::Commercial][random.below(2)],
    ));
    add(Condition::Number(Number::SizeBytes, below(1e8 * (random.below(20) + 1) as f64)));
    match random.below(3) {
        0 => {
            let (dataset, metric) = ("mnli".to_owned(), "f1".to_owned());
            add(Condition::Eval { dataset, metric, bounds: above(0.5) });
        }
        1 => add(Condition::NewerThan(365 * 86_400_000)),
        _ => add(Condition::Number(Number::Parameters, above(1e6))),
    }
    request.facets = [
        Facet::Task,
        Facet::Library,
        Facet::Language,
        Facet::License,
        Facet::Format,
        Facet::Dataset,
    ]
    .map(|facet| (facet, 20))
    .to_vec();
    request
}

/// The facets of everything, or of half of it.
fn broad(random: &mut Random) -> SearchRequest {
    let narrow = structured(random);
    let query = Default::default();
    SearchRequest {
        kinds: vec![RepoKind::ALL[random.below(2)]],
        query,
        sort: SORTS[random.below(5)],
        ..narrow
    }
}

fn page_50(index: &Index, random: &mut Random) -> SearchRequest {
    loop {
        let mut request = SearchRequest { limit: 980, ..listing(random) };
        let page = index.search(&request).expect("no cursor, no error");
        if page.next.is_some() {
            (request.cursor, request.limit) = (page.next, 20);
            return request;
        }
    }
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// How long this thread has been running, in milliseconds.
fn cpu_millis() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn ask(index: &Index, request: &SearchRequest) -> f64 {
    let start = Instant::now();
    let page = index.search(request).expect("cursors are good");
    std::hint::black_box(page);
    millis(start)
}

fn print(label: &str, clients: &str, mut times: Vec<f64>) {
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{label:<33} {clients:<18} p50 {:8.3}  p99 {:8.3}  max {:8.3} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn measure(index: &Index, label: &str, requests: &[SearchRequest]) {
    let cpu = |request| {
        let start = cpu_millis();
        ask(index, request);
        cpu_millis() - start
    };
    print(label, "1 client, cpu", requests.iter().map(cpu).collect());
    let times = std::thread::scope(|scope| {
        let run = |client: usize| {
            move || {
                let order = requests.iter().skip(client * 7).chain(&requests[..client * 7]);
                order.map(|request| ask(index, request)).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..8).map(|client| scope.spawn(run(client))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    print(label, "8 clients", times);
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn main() {
    let repos: usize =
        std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut random = Random(0x1234_5678_9abc_def1);
    let ids: Vec<String> = (0..repos).map(|number| name(&mut random, number, repos)).collect();
    let before = resident_bytes();
    let index = Index::new();
    let (mut loader, mut making) = (Loader::new(), 0.0);
    let start = cpu_millis();
    for batch in (0..repos).collect::<Vec<_>>().chunks(1000) {
        let began = cpu_millis();
        let make =
            |number: &usize| (document(&mut random, *number, repos, &ids), counters(&mut random));
        let batch: Vec<_> = batch.iter().map(make).collect();
        making += cpu_millis() - began;
        batch.iter().for_each(|(document, counters)| loader.push(document, counters));
    }
    let settling = cpu_millis();
    index.replace(loader, NOW);
    println!("settling: {:.2} s", (cpu_millis() - settling) / 1e3);
    let each = |bytes: u64| bytes / repos as u64;
    println!("{repos} repositories loaded in {:.2} s", (cpu_millis() - start - making) / 1e3);
    let grown = each(resident_bytes().saturating_sub(before));
    println!(
        "bytes each: {} counted, {grown} resident with what loading left behind",
        each(index.bytes())
    );
    for (part, bytes) in index.bytes_of_parts() {
        println!("  {part:<8} {:>4}", each(bytes));
    }

    let many = |make: &dyn Fn(&mut Random) -> SearchRequest| -> Vec<SearchRequest> {
        let mut random = Random(0xfeed_beef_1234_5677);
        (0..300).map(|_| make(&mut random)).collect()
    };
    let all = |name: &str| {
        measure(&index, &format!("filters, sort, page 1{name}"), &many(&listing));
        measure(
            &index,
            &format!("filters, sort, page 50{name}"),
            &many(&|random| page_50(&index, random)),
        );
        measure(&index, &format!("substring{name}"), &many(&substring));
        measure(&index, &format!("structured, 6 facets{name}"), &many(&structured));
        measure(&index, &format!("broad, 6 facets{name}"), &many(&broad));
    };
    all("");
    let seeing = Viewer::Sees(vec![1, 2, 3]);
    measure(
        &index,
        "structured, own private",
        &many(&|random| SearchRequest { viewer: seeing.clone(), ..structured(random) }),
    );
    changes(&index, &mut random, repos, &ids);
    all(", changed");
}

fn changes(index: &Index, random: &mut Random, repos: usize, ids: &[String]) {
    let some: Vec<_> =
        (0..5000).map(|_| (random.below(repos) as i64 + 1, counters(random))).collect();
    let start = cpu_millis();
    index.set_counters(&some, NOW.plus_secs(1));
    println!("5000 counters: {:.1} ms", cpu_millis() - start);
    let mut change = || {
        let number = random.below(repos);
        let change = Change::Put(Box::new(document(random, number, repos, ids)));
        let start = cpu_millis();
        index.apply(vec![change], NOW.plus_secs(2));
        cpu_millis() - start
    };
    let times: Vec<f64> = (0..2000).map(|_| change()).collect();
    let worst = times.iter().copied().fold(0.0, f64::max);
    println!("2000 changes: {:.1} ms, worst {worst:.2} ms", times.iter().sum::<f64>());
}
