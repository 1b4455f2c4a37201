use proptest::prelude::*;

use super::*;

/// Writes headers the way converters do.
#[derive(Default)]
struct Writer {
    pairs: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

impl Writer {
    fn pair(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.pairs.push([string(key), kind.to_le_bytes().to_vec(), value.to_vec()].concat());
        self
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.pair(key, 8, &string(value))
    }

    fn u32(self, key: &str, value: u32) -> Self {
        self.pair(key, 4, &value.to_le_bytes())
    }

    fn strings(self, key: &str, values: &[&str]) -> Self {
        let head = [8_u32.to_le_bytes().to_vec(), (values.len() as u64).to_le_bytes().to_vec()];
        let values: Vec<u8> = values.iter().flat_map(|value| string(value)).collect();
        self.pair(key, 9, &[head.concat(), values].concat())
    }

    fn tensor(mut self, name: &str, shape: &[u64]) -> Self {
        let mut bytes = string(name);
        bytes.extend((u32::try_from(shape.len()).unwrap()).to_le_bytes());
        shape.iter().for_each(|length| bytes.extend(length.to_le_bytes()));
        bytes.extend([0; 12]);
        self.tensors.push(bytes);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.pairs.len() as u64).to_le_bytes());
        bytes.extend(self.pairs.concat());
        bytes.extend(self.tensors.concat());
        bytes
    }
}

fn llama() -> Writer {
    Writer::default()
        .u32("llama.context_length", 131_072)
        .text("general.architecture", "llama")
        .u32("clip.context_length", 77)
        .u32("general.file_type", 15)
        .pair("general.alignment", 11, &(-1_i64).to_le_bytes())
        .pair("llama.rope.freq_base", 6, &5e5_f32.to_le_bytes())
        .strings("tokenizer.ggml.tokens", &["<unk>", "<s>", "</s>", "é"])
        .pair(
            "tokenizer.ggml.scores",
            9,
            &[6_u32.to_le_bytes().to_vec(), 2_u64.to_le_bytes().to_vec(), vec![0; 8]].concat(),
        )
        .u32("tokenizer.ggml.bos_token_id", 1)
        .u32("tokenizer.ggml.eos_token_id", 2)
        .text("tokenizer.chat_template", "{{ messages }}")
        .pair("split.count", 2, &3_u16.to_le_bytes())
        .tensor("token_embd.weight", &[64, 4])
        .tensor("output_norm.weight", &[64])
}

fn done(bytes: &[u8]) -> GgufHeader {
    match parse_header(bytes) {
        Ok(HeaderNeed::Done(header)) => *header,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_header_tells_what_listings_show() {
    let expected = GgufHeader {
        total: 320,
        architecture: Some("llama".to_owned()),
        context_length: Some(131_072),
        file_type: Some(15),
        quantize_imatrix_file: None,
        chat_template: Some("{{ messages }}".to_owned()),
        bos_token: Some("<s>".to_owned()),
        eos_token: Some("</s>".to_owned()),
        tensors: 2,
        split_count: Some(3),
    };
    assert_eq!(done(&llama().bytes()), expected);
    assert_eq!((expected.quantization(), expected.bits()), (Some("Q4_K_M"), Some(4)));
    let json = serde_json::to_string(&done(&Writer::default().bytes())).unwrap();
    assert_eq!(json, r#"{"total":0,"tensors":0}"#);
    let beyond = llama().u32("tokenizer.ggml.eos_token_id", 9).bytes();
    assert_eq!(done(&beyond).eos_token, None);
}

#[test]
fn every_beginning_asks_for_more() {
    let bytes = llama().bytes();
    for length in 0..bytes.len() {
        let need = parse_header(&bytes[..length]);
        assert_eq!(need, Ok(HeaderNeed::More(FIRST_READ_BYTES)), "{length}");
    }
    let with_data = [bytes, vec![7; 100]].concat();
    assert_eq!(done(&with_data).total, 320);
    let large = llama().text("x", &"y".repeat(3_000_000)).bytes();
    assert_eq!(parse_header(&large[..2_000_000]), Ok(HeaderNeed::More(4_000_000)));
}

#[test]
fn lies_are_refused() {
    let patched = |at: usize, value: &[u8]| {
        let mut bytes = llama().bytes();
        bytes[at..at + value.len()].copy_from_slice(value);
        parse_header(&bytes)
    };
    assert_eq!(parse_header(b"GGML...."), Err(GgufError::Magic));
    assert_eq!(patched(4, &1_u32.to_le_bytes()), Err(GgufError::Version(1)));
    assert!(matches!(patched(4, &3_u32.to_be_bytes()), Err(GgufError::Version(_))));
    assert!(matches!(patched(8, &u64::MAX.to_le_bytes()), Err(GgufError::Malformed(_))));
    assert!(matches!(patched(16, &u64::MAX.to_le_bytes()), Err(GgufError::Malformed(_))));
    assert_eq!(patched(24, &u64::MAX.to_le_bytes()), Err(GgufError::TooLong));
    let nested =
        Writer::default().pair("a", 9, &[9_u32.to_le_bytes().to_vec(), vec![1; 8]].concat());
    assert!(matches!(parse_header(&nested.bytes()), Err(GgufError::Malformed(_))));
    let unknown = Writer::default().pair("a", 13, &[0; 8]);
    assert!(matches!(parse_header(&unknown.bytes()), Err(GgufError::Malformed(_))));
    let array = [10_u32.to_le_bytes().to_vec(), u64::MAX.to_le_bytes().to_vec()].concat();
    let long = Writer::default().pair("a", 9, &array);
    assert!(matches!(parse_header(&long.bytes()), Err(GgufError::Malformed(_))));
    for shape in [vec![u64::MAX, 2], vec![1; 9]] {
        let tensor = Writer::default().tensor("t", &shape);
        assert!(matches!(parse_header(&tensor.bytes()), Err(GgufError::Malformed(_))));
    }
    let sum = Writer::default().tensor("t", &[u64::MAX]).tensor("u", &[1]);
    assert!(matches!(parse_header(&sum.bytes()), Err(GgufError::Malformed(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_header(&tail);
        let _ = parse_header(&[b"GGUF\x03\0\0\0".to_vec(), tail].concat());
    }

    #[test]
    fn any_damage_is_survived(at in 0_usize..400, value in any::<u8>()) {
        let mut bytes = llama().bytes();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        let _ = parse_header(&bytes);
    }
}
