use proptest::prelude::*;

use super::*;

fn file(header: &str) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes
}

fn done(header: &str) -> SafetensorsHeader {
    match parse_header(&file(header)) {
        Ok(HeaderNeed::Done(header)) => header,
        other => panic!("{header}: {other:?}"),
    }
}

const SMALL: &str = r#"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"a":{"dtype":"I64","shape":[],"data_offsets":[24,32]},"b":{"dtype":"F32","shape":[0,5],"data_offsets":[32,32]}}   "#;

#[test]
fn a_header_in_one_read() {
    let header = done(SMALL);
    assert_eq!(header.data_start, 8 + SMALL.len() as u64);
    let counts = serde_json::to_string(&header.parameters).unwrap();
    assert_eq!(counts, r#"{"parameters":{"F32":6,"I64":1},"total":7}"#);
    assert_eq!(header.to_json().to_string(), SMALL.trim_end());
    assert!(header.check_file_size(header.data_start + 32).is_ok());
    assert!(header.check_file_size(header.data_start + 31).is_err());
    assert_eq!(done("{}").tensors, []);
}

#[test]
fn a_header_in_several_reads() {
    let bytes = file(SMALL);
    assert_eq!(parse_header(&[]).unwrap(), HeaderNeed::More(8));
    assert_eq!(parse_header(&bytes[..7]).unwrap(), HeaderNeed::More(8));
    let total = bytes.len() as u64;
    assert_eq!(parse_header(&bytes[..8]).unwrap(), HeaderNeed::More(total));
    assert_eq!(parse_header(&bytes[..bytes.len() - 1]).unwrap(), HeaderNeed::More(total));
    let mut with_data = bytes;
    with_data.extend_from_slice(&[0; 32]);
    assert!(matches!(parse_header(&with_data).unwrap(), HeaderNeed::Done(_)));
}

#[test]
fn lies_are_refused() {
    let tensor = |dtype: &str, shape: &str, place: &str| {
        format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{place}}}}}"#)
    };
    let cases = [
        (tensor("F32", "[2]", "[0,4]"), "does not fill"),
        (tensor("F32", "[2]", "[8,0]"), "ends before"),
        (tensor("F32", "[4294967296,4294967296]", "[0,4]"), "more elements"),
        (tensor("F64", "[18446744073709551615]", "[0,8]"), "does not fill"),
        (tensor("", "[1]", "[0,8]"), "has no type"),
        (tensor("F32", "[-1]", "[0,4]"), "header is not valid"),
        (tensor("F32", "[1.5]", "[0,4]"), "header is not valid"),
        (tensor("F32", &format!("[{}1]", "1,".repeat(64)), "[0,4]"), "too many dimensions"),
        (r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#.to_owned(), "comes twice"),
        (r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}"#.to_owned(), "tensor \"b\" shares bytes with another"),
        (r#"{"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]},"c":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}}"#.to_owned(), "tensor \"b\" shares bytes with another"),
        (r#"{"__metadata__":{"a":1}}"#.to_owned(), "only strings"),
        ("[]".to_owned(), "header is not valid"),
        (r#"{"w":{}}"#.to_owned(), "header is not valid"),
    ];
    for (header, expected) in cases {
        let error = parse_header(&file(&header)).expect_err(&header).to_string();
        assert!(error.contains(expected), "{header}: {error}");
    }
    let huge = (HEADER_BYTES_MAX + 1).to_le_bytes();
    assert!(matches!(parse_header(&huge), Err(SafetensorsError::HeaderTooLong { .. })));
    assert!(parse_header(&u64::MAX.to_le_bytes()).is_err());
    let future = tensor("F2_X", "[9]", "[0,1]");
    assert_eq!(done(&future).parameters.total, 9);
    let max = r#"{"dtype":"X","shape":[18446744073709551615],"data_offsets":[0,1]}"#;
    let two = format!(r#"{{"a":{max},"b":{max}}}"#);
    assert!(matches!(parse_header(&file(&two)), Err(SafetensorsError::TooManyParameters)));
}

#[test]
fn counts_of_several_files_add_up() {
    let mut sum = done(SMALL).parameters;
    sum.merge(&done(SMALL).parameters).unwrap();
    assert_eq!(sum.total, 14);
    assert_eq!(sum.parameters["F32"], 12);
}

#[test]
fn an_index_names_its_files() {
    let index = parse_index(
        br#"{"metadata":{"total_size":64.0},"weight_map":{"z":"model-00002-of-00002.safetensors","a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#,
    )
    .unwrap();
    assert_eq!(
        index.shards,
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    );
    assert_eq!((index.total_size, index.tensors), (Some(64), 3));
    assert_eq!(parse_index(br#"{"weight_map":{}}"#).unwrap().total_size, None);
    for bad in [
        r#"{"weight_map":{"a":"../x"}}"#,
        r#"{"weight_map":{"a":"/etc/passwd"}}"#,
        r#"{"weight_map":{"a":7}}"#,
        "{}",
        "",
    ] {
        assert!(parse_index(bad.as_bytes()).is_err(), "{bad}");
    }
    let many: Vec<String> = (0..=SHARDS_MAX).map(|n| format!("\"{n}\":\"{n}\"")).collect();
    let many = format!("{{\"weight_map\":{{{}}}}}", many.join(","));
    assert!(parse_index(many.as_bytes()).unwrap_err().to_string().contains("more than"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse_header(&bytes);
        let _ = parse_index(&bytes);
    }

    #[test]
    fn any_header_is_read_or_refused(header in "\\{(\"[a-c_]{1,2}\":(\\{(\"(dtype|shape|data_offsets)\":(\"F32\"|\\[[0-9]{0,25}\\]|\\[0,4\\]),?){0,3}\\}|7),?){0,3}\\}") {
        let _ = parse_header(&file(&header));
    }

    #[test]
    fn written_headers_come_back(shapes in proptest::collection::vec(proptest::collection::vec(0_u64..9, 0..4), 0..6)) {
        let (mut tensors, mut at, mut total) = (Map::new(), 0, 0);
        for (number, shape) in shapes.iter().enumerate() {
            let count: u64 = shape.iter().product();
            tensors.insert(format!("t{number}"), json!({"dtype": "F16", "shape": shape, "data_offsets": [at, at + 2 * count]}));
            at += 2 * count;
            total += count;
        }
        let json = Value::Object(tensors);
        let header = done(&json.to_string());
        prop_assert_eq!(header.parameters.total, total);
        prop_assert_eq!(&header.to_json(), &json);
        prop_assert!(header.check_file_size(header.data_start + at).is_ok());
    }
}
