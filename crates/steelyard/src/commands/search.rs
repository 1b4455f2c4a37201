//! `steelyard search`: asks a running hub by a structured query.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::Value;
use steelyard_service::discovery::query::Query;

use super::remote::Remote;
use crate::cli::{SearchArgs, SettingFlags};

/// Runs the search and prints what it finds.
pub fn run(flags: &SettingFlags, args: &SearchArgs) -> Result<()> {
    // The query is read here first, so that a mistake is shown in its place.
    if let Err(error) = Query::parse(&args.query) {
        bail!("{error}\n\n{}", error.pointing(&args.query));
    }
    let mut query = vec![
        ("q", args.query.clone()),
        ("sort", args.sort.clone()),
        ("limit", args.limit.to_string()),
    ];
    if let Some(kind) = args.kind {
        query.push(("type", kind.as_str().to_owned()));
    }
    let found = Remote::new(flags, &args.remote)?.get("/api/search", &query)?;
    let text = if args.json { format!("{found}\n") } else { table(&found) };
    Ok(super::print(&text)?)
}

fn table(found: &Value) -> String {
    let empty = Vec::new();
    let hits = found["hits"].as_array().unwrap_or(&empty);
    let rows: Vec<[String; 7]> = hits.iter().map(row).collect();
    let head = ["repository", "kind", "task", "size", "licence", "downloads", "likes"];
    let mut widths = head.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    if found["matched"] == "some" && !rows.is_empty() {
        text.push_str("nothing has all of the words; these have some\n\n");
    }
    let mut line = |cells: [&str; 7]| {
        let padded = cells.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
            // Numbers stand right.
            if at == 3 || at > 4 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let padded: Vec<String> = padded.collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", padded.join("  ").trim_end());
    };
    if !rows.is_empty() {
        line(head);
        rows.iter().for_each(|row| line(row.each_ref().map(String::as_str)));
    }
    let _ = match (found["total"].as_u64().unwrap_or(0), rows.len()) {
        (0, _) => writeln!(text, "nothing found"),
        (total, shown) if total > shown as u64 => {
            writeln!(text, "\n{shown} of {total}; --limit shows more")
        }
        (total, _) => writeln!(text, "\n{total} found"),
    };
    text
}

fn row(hit: &Value) -> [String; 7] {
    let word = |name: &str| hit[name].as_str().unwrap_or("-").to_owned();
    let number = |name: &str| hit[name].as_u64().unwrap_or(0).to_string();
    let size = hit["sizeBytes"].as_u64().map_or_else(|| "-".to_owned(), decimal);
    [
        word("id"),
        word("type"),
        word("pipeline_tag"),
        size,
        word("license"),
        number("downloads"),
        number("likes"),
    ]
}

/// Bytes as people write them: 90.9 MB.
fn decimal(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut at = 0;
    while value >= 999.95 && at + 1 < units.len() {
        value /= 1000.0;
        at += 1;
    }
    if at == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[at]) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hits_become_a_table() {
        let found = json!({"total": 3, "hits": [
            {"id": "alice/minilm", "type": "model", "pipeline_tag": "sentence-similarity", "sizeBytes": 90_868_376,
             "license": "apache-2.0", "downloads": 12, "likes": 3},
        ]});
        let text = table(&found);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("repository    kind   task"), "{text}");
        assert!(lines[1].contains("90.9 MB") && lines[1].contains("apache-2.0"), "{text}");
        assert_eq!(lines[3], "1 of 3; --limit shows more");
        assert_eq!(table(&json!({"total": 0, "hits": []})), "nothing found\n");
        let some = json!({"total": 1, "matched": "some", "hits": [{"id": "a/b", "type": "model"}]});
        assert!(table(&some).starts_with("nothing has all of the words; these have some\n\nrepo"));
    }
}
