use super::*;
use crate::front_matter::Card;

fn of(yaml: &str, files: &[&str]) -> DatasetFacts {
    let readme = format!("---\n{yaml}\n---\n");
    read(&Card::parse(&readme).unwrap().data, files)
}

#[test]
fn what_push_to_hub_writes() {
    let facts = of(
        "dataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': neg\n  - name: picture\n    dtype: image\n  splits:\n  - name: train\n    num_bytes: 100\n    num_examples: 900\n  - name: test\n    num_bytes: 10\n    num_examples: 100\n  download_size: 77\n  dataset_size: 110\nconfigs:\n- config_name: default\n  default: true\n  data_files:\n  - split: train\n    path: data/train-*\n  - split: test\n    path: data/test-*",
        &["data/train-00000-of-00001.parquet"],
    );
    assert_eq!(facts.configs.len(), 1);
    let config = &facts.configs[0];
    assert!(config.is_default);
    assert_eq!((config.download_size, config.dataset_size), (Some(77), Some(110)));
    let dtypes: Vec<&str> = config.features.iter().map(|feature| feature.dtype.as_str()).collect();
    assert_eq!(dtypes, ["string", "class_label", "image"]);
    assert_eq!(
        config.splits[0],
        DatasetSplit { name: "train".into(), num_examples: Some(900), num_bytes: Some(100) }
    );
    assert_eq!(
        (facts.num_examples, facts.size_category.as_deref()),
        (Some(1000), Some("1K<n<10K"))
    );
    assert_eq!(facts.modalities, ["image", "text"]);
    assert_eq!(facts.format.as_deref(), Some("parquet"));
}

#[test]
fn several_configurations_and_old_forms() {
    let facts = of(
        "dataset_info:\n- config_name: cola\n  splits:\n    train: {num_examples: 5}\n- config_name: mnli\n  features:\n  - {name: a, list: string}\nconfigs:\n- config_name: mnli\n  data_files: x.csv\n- data_files: unnamed.csv",
        &[],
    );
    let names: Vec<&str> = facts.configs.iter().map(|config| config.name.as_str()).collect();
    assert_eq!(names, ["mnli", "cola"]);
    assert_eq!(facts.configs[0].features[0].dtype, "list");
    assert_eq!(facts.num_examples, Some(5));
    let uncounted =
        of("dataset_info:\n  splits: [{name: train, num_examples: 5}, {name: test}]", &[]);
    assert_eq!((uncounted.num_examples, uncounted.size_category), (None, None));
}

#[test]
fn splits_of_file_names() {
    let cases: [(&[&str], &[&str]); 5] = [
        (&["data/train-00000-of-00001.parquet", "data/dev-1.parquet"], &["train", "validation"]),
        (&["Test.csv", "TRAIN.csv"], &["train", "test"]),
        (&["my_eval_set.jsonl"], &["test"]),
        (&["trainer.csv", "latest.csv"], &[]),
        (&["README.md", ".train/x.csv"], &[]),
    ];
    for (files, expected) in cases {
        let facts = of("license: mit", files);
        let names: Vec<&str> = facts
            .configs
            .iter()
            .flat_map(|config| &config.splits)
            .map(|split| split.name.as_str())
            .collect();
        assert_eq!(names, expected, "{files:?}");
    }
}

#[test]
fn modalities_of_tags_and_files() {
    assert_eq!(of("tags: [timeseries, medical, 3d]", &["a.csv"]).modalities, ["3d", "timeseries"]);
    assert_eq!(of("tags: [medical]", &["a.wav", "b.wav"]).modalities, ["audio"]);
    assert!(of("tags: [medical]", &["a.parquet"]).modalities.is_empty());
}

#[test]
fn size_categories_meet_without_gaps() {
    let cases = [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (999_999, "100K<n<1M"),
        (1_000_000, "1M<n<10M"),
        (1_000_000_000_000, "n>1T"),
        (u64::MAX, "n>1T"),
    ];
    for (count, name) in cases {
        assert_eq!(size_category(count), name, "{count}");
    }
}

#[test]
fn any_shape_is_read() {
    for yaml in [
        "configs: {a: b}\ndataset_info: 7",
        "configs: [7, null, {}]\ndataset_info: [7, {splits: 7, features: {a: b}}]",
        "dataset_info:\n  splits: [{name: [x]}, {num_examples: -1}]",
    ] {
        let facts = of(yaml, &[]);
        assert_eq!(facts.num_examples, None, "{yaml}");
    }
}
