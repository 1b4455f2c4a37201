//! The same lists as plain SQL on PostgreSQL: one table with the tags as an array under a GIN index, and a B-tree for each
//! order.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use steelyard_testkit::{TestDatabase, tools};

use super::of;
use super::queries::{List, lists};
use crate::bench::Bench;
use crate::bench::figure::{Figure, quantile};

const TABLE: &str = "\
    CREATE TABLE listing AS SELECT r.id, r.kind, a.name || '/' || r.name AS name, r.visibility = 'public' AS is_public, \
    ARRAY(SELECT jsonb_array_elements_text(r.facts::jsonb -> 'tags')) AS tags, \
    COALESCE(s.downloads_30d, 0) AS downloads, COALESCE(s.likes, 0) AS likes, COALESCE(s.trend, 0) AS trend, \
    r.last_modified, r.created_at FROM repo r JOIN account a ON a.id = r.owner_id \
    LEFT JOIN repo_stats s ON s.repo_id = r.id";
const SECONDS: &str = "4";

pub(super) fn measure(bench: &Bench, repos: u64, database: &TestDatabase) -> Result<[Figure; 2]> {
    database.psql(TABLE)?;
    database.psql("ALTER TABLE listing ADD PRIMARY KEY (id)")?;
    database.psql("CREATE INDEX ON listing USING gin (tags) WITH (fastupdate = off)")?;
    for column in ["downloads", "likes", "trend", "last_modified", "created_at"] {
        database.psql(&format!(
            "CREATE INDEX ON listing (kind, {column} DESC, id DESC) WHERE is_public"
        ))?;
    }
    database.psql("VACUUM ANALYZE listing")?;
    let folder = bench.dir.path().join(format!("plain-sql-{repos}"));
    std::fs::create_dir_all(&folder)?;
    for (number, list) in lists().iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.sql")), sql(list))?;
    }
    let what = format!("filters and sort, first page, as plain SQL, {}", of(repos));
    let mut p99 = Figure::new(format!("{what}: 99th percentile, 8 clients"), "ms");
    let mut median = Figure::new(format!("{what}: median"), "ms");
    pgbench(&folder, database.url())?;
    for _ in 0..bench.runs {
        let millis = pgbench(&folder, database.url())?;
        p99.push(quantile(&millis, 0.99));
        median.push(quantile(&millis, 0.5));
    }
    Ok([p99, median])
}

fn sql(list: &List) -> String {
    // A colon before a letter is a variable to pgbench, in a string too.
    let quoted = |tag: &&str| format!("U&'{}'", tag.replace(':', "\\003a"));
    let tags: Vec<String> = list.tags.iter().map(quoted).collect();
    let column = match list.sort {
        "downloads" => "downloads",
        "likes" => "likes",
        "lastModified" => "last_modified",
        "createdAt" => "created_at",
        _ => "trend",
    };
    format!(
        "SELECT id, name, downloads, likes, last_modified FROM listing WHERE is_public AND kind = 'model' \
         AND tags @> ARRAY[{}] ORDER BY {column} DESC, id DESC LIMIT 20;\n",
        tags.join(", ")
    )
}

/// Runs the queries in turns by chance, and returns how many milliseconds each took.
fn pgbench(folder: &Path, url: &str) -> Result<Vec<f64>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            std::fs::remove_file(path)?;
        }
    }
    let mut command = Command::new(tools::on_path("pgbench")?);
    command.current_dir(folder).args(["--client", "8", "--jobs", "2", "--time", SECONDS]);
    command.args(["--protocol", "prepared", "--no-vacuum", "--log"]);
    for number in 0..lists().len() {
        command.arg(format!("--file={number}.sql"));
    }
    let output = command.arg(url).output()?;
    if !output.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut millis = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            continue;
        }
        for line in std::fs::read_to_string(&path)?.lines() {
            millis.push(latency(line).with_context(|| format!("not a line of pgbench: {line}"))?);
        }
    }
    if millis.is_empty() {
        bail!("pgbench logged nothing");
    }
    Ok(millis)
}

/// `client transaction microseconds script seconds microseconds`.
fn latency(line: &str) -> Option<f64> {
    let micros: f64 = line.split_whitespace().nth(2)?.parse().ok()?;
    Some(micros / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_pgbench_are_read() {
        assert_eq!(latency("0 199 2241 0 1175850568 995598"), Some(2.241));
        assert_eq!(latency("progress"), None);
    }

    #[test]
    fn lists_become_sql() {
        let list = List { tags: vec!["de", "license:mit"], sort: "likes" };
        let sql = sql(&list);
        assert!(sql.contains(
            "tags @> ARRAY[U&'de', U&'license\\003amit'] ORDER BY likes DESC, id DESC LIMIT 20;"
        ));
    }
}
