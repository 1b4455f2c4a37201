//! Datasets: whole with datasets, or their files with pandas, Polars and DuckDB.

use super::code::{quoted, shell_quoted};
use super::plain::{HUB, file_url, type_argument};
use super::{Code, Snippet, SnippetInput};

/// The formats that data frames read: the suffix, and what pandas, Polars and DuckDB call them.
const FORMATS: [Format; 4] = [
    Format {
        suffix: ".parquet",
        pandas: "read_parquet",
        lines: false,
        polars: "scan_parquet",
        duckdb: "read_parquet",
    },
    Format {
        suffix: ".csv",
        pandas: "read_csv",
        lines: false,
        polars: "scan_csv",
        duckdb: "read_csv",
    },
    Format {
        suffix: ".jsonl",
        pandas: "read_json",
        lines: true,
        polars: "scan_ndjson",
        duckdb: "read_json",
    },
    Format {
        suffix: ".json",
        pandas: "read_json",
        lines: false,
        polars: "read_json",
        duckdb: "read_json",
    },
];

struct Format {
    suffix: &'static str,
    pandas: &'static str,
    /// Whether each line is a document of its own.
    lines: bool,
    polars: &'static str,
    duckdb: &'static str,
}

pub(super) fn add(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    list.push(load_dataset(input));
    let Some((format, file)) = data_file(input) else { return };
    list.push(pandas(input, format, file));
    list.push(polars(input, format, file));
    list.push(duckdb(input, format, file));
}

/// The first file of the format that most data files have; one of a training split before others.
fn data_file<'a>(input: &'a SnippetInput<'_>) -> Option<(&'static Format, &'a str)> {
    let is_data = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let described =
            ["dataset_infos.json", "dataset_info.json", "state.json", "dataset_dict.json"];
        !path.split('/').any(|part| part.starts_with(['.', '_'])) && !described.contains(&name)
    };
    let of = |format: &'static Format| input.files_with(format.suffix).filter(is_data);
    let format = FORMATS.iter().rev().max_by_key(|format| of(format).count())?;
    let file = of(format).find(|path| path.contains("train")).or_else(|| of(format).next())?;
    Some((format, file))
}

fn load_dataset(input: &SnippetInput<'_>) -> Snippet {
    let mut code = Code::python(input, &["from datasets import load_dataset"]);
    let configs = input.facts.dataset.as_ref().map_or(&[][..], |dataset| &dataset.configs);
    let needs_name = configs.len() > 1
        && !configs.iter().any(|config| config.is_default || config.name == "default");
    let name = configs.first().filter(|_| needs_name);
    let argument = name.map_or(String::new(), |config| format!(", {}", quoted(&config.name)));
    code.line(format!(
        "dataset = load_dataset({}{argument}{})",
        input.quoted_id(),
        input.revision_argument()
    ));
    code.line("print(dataset)");
    let mut snippet = code.done("datasets", "datasets", "python", &["datasets>=4.0"]);
    if configs.len() > 1 {
        let names: Vec<&str> = configs.iter().take(10).map(|config| config.name.as_str()).collect();
        let more = if configs.len() > 10 { ", …" } else { "" };
        snippet.notes.push(format!("Its configurations: {}{more}.", names.join(", ")));
    }
    snippet
}

fn pandas(input: &SnippetInput<'_>, format: &Format, file: &str) -> Snippet {
    let mut code = Code::python(input, &["import pandas as pd"]);
    let revision = input
        .revision
        .map_or(String::new(), |revision| format!("@{}", revision.replace('/', "%2F")));
    let path = quoted(&format!("hf://datasets/{}{revision}/{file}", input.id));
    let lines = if format.lines { ", lines=True" } else { "" };
    code.line(format!("frame = pd.{}({path}{lines})", format.pandas));
    code.done("pandas", "pandas", "python", &["pandas>=2.2", HUB])
}

fn polars(input: &SnippetInput<'_>, format: &Format, file: &str) -> Snippet {
    let imports = ["import polars as pl", "from huggingface_hub import hf_hub_download"];
    let mut code = Code::python(input, &imports);
    let (id, kind, revision) = (input.quoted_id(), type_argument(input), input.revision_argument());
    code.line(format!("path = hf_hub_download({id}, {}{kind}{revision})", quoted(file)));
    code.line(format!("frame = pl.{}(path)", format.polars));
    let mut snippet = code.done("polars", "Polars", "python", &["polars>=1.0", HUB]);
    let text =
        "The hf:// addresses of Polars know only huggingface.co; the file is downloaded instead.";
    snippet.notes.push(text.to_owned());
    snippet
}

fn duckdb(input: &SnippetInput<'_>, format: &Format, file: &str) -> Snippet {
    let sql = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut code = Code::bare();
    if input.private || input.gated {
        let scope = sql(input.endpoint);
        code.line(format!("CREATE SECRET hub (TYPE http, BEARER_TOKEN 'hf_…', SCOPE {scope});"));
    }
    code.line(format!(
        "SELECT * FROM {}({}) LIMIT 10;",
        format.duckdb,
        sql(&file_url(input, file))
    ));
    let mut snippet = code.done("duckdb", "DuckDB", "sql", &["duckdb>=1.1"]);
    let text = format!("The command line: duckdb -c {}", shell_quoted("SELECT …"));
    snippet.notes.push(format!("The hf:// addresses of DuckDB know only huggingface.co. {text}."));
    snippet
}
