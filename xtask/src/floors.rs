//! The floors of docs/ARCHITECTURE.md as a check: imports go down only.

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::shell::root;

/// What floor a crate is on; one that is missing here fails the check.
const FLOORS: &[(&str, u8)] = &[
    ("steelyard-core", 0),
    ("steelyard-db", 1),
    ("steelyard-blob", 1),
    ("steelyard-git", 1),
    ("steelyard-xet", 1),
    ("steelyard-index", 1),
    ("steelyard-card", 1),
    ("steelyard-service", 2),
    ("steelyard-http", 3),
    ("steelyard-web", 4),
    ("steelyard", 5),
];
/// Crates beside the house: they may import anything, and the house imports none of them but for tests.
const BESIDE: &[&str] = &[TESTKIT, "steelyard-tests", "xtask"];
const TESTKIT: &str = "steelyard-testkit";

/// One crate of the workspace that names another in its Cargo.toml.
#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    dev: bool,
}

/// Reads `cargo metadata` and fails on every edge that does not go down.
pub(crate) fn run() -> Result<()> {
    let metadata =
        MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let crates: Vec<String> =
        metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let edges = metadata.packages.iter().flat_map(|package| {
        package.dependencies.iter().filter(|dependency| dependency.path.is_some()).map(
            |dependency| Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                dev: dependency.kind == DependencyKind::Development,
            },
        )
    });
    let complaints = check(&crates, edges);
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("the floors are broken (docs/ARCHITECTURE.md):\n  {}", complaints.join("\n  "))
}

fn check(crates: &[String], edges: impl IntoIterator<Item = Edge>) -> Vec<String> {
    let homeless =
        crates.iter().filter(|name| floor(name).is_none() && !BESIDE.contains(&name.as_str()));
    let mut complaints: Vec<String> = homeless
        .map(|name| format!("{name} has no floor: give it one in xtask/src/floors.rs"))
        .collect();
    complaints.extend(edges.into_iter().filter_map(|edge| complaint(&edge)));
    complaints
}

fn complaint(edge: &Edge) -> Option<String> {
    let Edge { from, to, dev } = edge;
    let from_floor = floor(from)?;
    if BESIDE.contains(&to.as_str()) {
        let allowed = *dev && to == TESTKIT;
        return (!allowed)
            .then(|| format!("{from} imports {to}: only tests may, and only {TESTKIT}"));
    }
    let to_floor = floor(to)?;
    if to_floor < from_floor {
        return None;
    }
    let why = if to_floor == from_floor {
        "crates on one floor never import each other: what both need belongs on a floor below"
    } else {
        "imports go down only: move the shared part down, or hand it in from above"
    };
    Some(format!("{from} (floor {from_floor}) imports {to} (floor {to_floor}): {why}"))
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str, dev: bool) -> Option<String> {
        complaint(&Edge { from: from.into(), to: to.into(), dev })
    }

    #[test]
    fn downward_edges_pass() {
        assert_eq!(edge("steelyard-http", "steelyard-service", false), None);
        assert_eq!(edge("steelyard", "steelyard-core", false), None);
        assert_eq!(edge("steelyard-db", "steelyard-core", true), None);
    }

    #[test]
    fn upward_and_sideways_edges_fail_with_a_reason() {
        let up = edge("steelyard-db", "steelyard-service", false).unwrap();
        assert!(
            up.contains("(floor 1) imports steelyard-service (floor 2): imports go down only"),
            "{up}"
        );
        let sideways = edge("steelyard-git", "steelyard-db", true).unwrap();
        assert!(sideways.contains("crates on one floor never import each other"), "{sideways}");
    }

    #[test]
    fn only_tests_import_the_testkit_and_nobody_the_rest() {
        assert_eq!(edge("steelyard-db", TESTKIT, true), None);
        assert!(edge("steelyard-db", TESTKIT, false).is_some());
        assert!(edge("steelyard-db", "xtask", true).is_some());
        assert_eq!(edge(TESTKIT, "steelyard-http", false), None);
        assert_eq!(edge("xtask", TESTKIT, false), None);
    }

    #[test]
    fn a_crate_without_a_floor_is_named() {
        let complaints = check(&["steelyard-core".into(), "steelyard-new".into()], []);
        assert_eq!(complaints, ["steelyard-new has no floor: give it one in xtask/src/floors.rs"]);
    }

    #[test]
    fn the_workspace_keeps_its_floors() {
        run().unwrap();
    }
}
