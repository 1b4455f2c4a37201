//! Every query has a case.

use std::path::Path;

#[test]
fn every_query_function_is_called_by_the_suite() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |folder: &Path| -> Vec<(String, String)> {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files =
            files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        files
            .map(|path| {
                let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
                (module, std::fs::read_to_string(path).unwrap())
            })
            .collect()
    };
    // What lies in a folder belongs to the module of the folder's name.
    let read_in = |folder: &Path, module: &str| -> Vec<(String, String)> {
        let files = read(&folder.join(module)).into_iter();
        files.map(|(_, text)| (module.to_owned(), text)).collect()
    };
    let (sources, suites) = (root.join("src"), root.join("tests/suite"));
    let suite: String = [read(&suites), read_in(&suites, "xet")]
        .concat()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let mut functions = 0;
    let mut missing = Vec::new();
    for (module, text) in [
        read(&sources),
        read_in(&sources, "lfs"),
        read_in(&sources, "oauth"),
        read_in(&sources, "xet"),
    ]
    .concat()
    {
        for rest in text.split("\npub async fn ").skip(1) {
            let name = rest.split(['(', '<']).next().unwrap();
            functions += 1;
            if !suite.contains(&format!("{module}::{name}(")) {
                missing.push(format!("{module}::{name}"));
            }
        }
    }
    assert!(functions > 120, "{functions}");
    assert_eq!(missing, Vec::<String>::new());
}
