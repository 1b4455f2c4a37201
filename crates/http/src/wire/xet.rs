//! Xet: tokens, xorbs, shards, and how files are put together from them.
//!
//! The shapes are those of the client (`xet_client`, cas_types.rs and hub_client/types.rs) and of the protocol's pages in
//! hub-docs. Chunks are counted with an exclusive end, bytes with an inclusive one.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use steelyard_core::{Secret, Sha256, XetHash};
use steelyard_service::Error;
use steelyard_service::xet::{
    FetchRange, FileChunkWindows, Reconstruction, ShardProgress, TermPlan, XetGrant, XorbFetch,
    XorbOffer,
};
use steelyard_xet::subtree::Subtree;

/// The only checksum that clients send with the size of a xorb.
const CHECKSUM_ALGO: &str = "crc64nvme";
/// Longest message in a frame, in characters; a frame may have 1 MiB.
const MESSAGE_CHARS_MAX: usize = 2000;

/// A token for the content store and where that is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct XetTokenResponse {
    access_token: String,
    /// When it ends, in seconds since 1970.
    exp: i64,
    cas_url: String,
}

impl XetTokenResponse {
    pub(crate) fn new(grant: &XetGrant, cas_url: String) -> Self {
        let access_token = Secret::expose(&grant.token).to_owned();
        Self { access_token, exp: grant.expires_at.secs(), cas_url }
    }
}

/// `POST xorb-grants`: what somebody wants to upload.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct XorbGrantRequest {
    /// Bytes of the xorb as it will be sent.
    length: u64,
    checksum: Option<ChecksumRequest>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ChecksumRequest {
    algo: String,
    /// The checksum as a decimal number.
    value: String,
}

impl XorbGrantRequest {
    /// What it says. A checksum of another kind counts as none: whether it can do without is the use case's to say.
    pub(crate) fn offer(&self) -> Result<XorbOffer, Error> {
        let checksum = self.checksum.as_ref().filter(|checksum| checksum.algo == CHECKSUM_ALGO);
        let crc64nvme = checksum.map(|checksum| checksum.value.parse()).transpose();
        let crc64nvme = crc64nvme
            .map_err(|_| Error::invalid("checksum.value", "must be a decimal number of 64 bits"))?;
        Ok(XorbOffer { length: self.length, crc64nvme })
    }
}

/// Where to upload a xorb.
#[derive(Debug, Serialize, JsonSchema)]
pub struct XorbGrantResponse {
    /// Names the grant when the upload is done.
    pub(crate) id: String,
    pub(crate) method: &'static str,
    pub(crate) url: String,
    /// To be sent exactly so.
    pub(crate) headers: BTreeMap<String, String>,
}

/// A xorb was taken.
#[derive(Debug, Serialize, JsonSchema)]
pub struct XorbUploadedResponse {
    /// False when it was stored already.
    pub(crate) was_inserted: bool,
}

/// A shard was registered.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShardUploadedResponse {
    /// 1, or 0 when there was nothing new in it.
    result: u8,
}

impl ShardUploadedResponse {
    pub(crate) fn new(is_new: bool) -> Self {
        Self { result: is_new.into() }
    }
}

/// One line of the answer to `POST v2/shards`. The last one is `result` or `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ShardFrame {
    /// The files are being checked.
    Validating {
        /// Files that were.
        verified: u64,
        /// All of them.
        total: u64,
    },
    /// The files are being recorded.
    Committing {
        /// What is being done: `uploading` or `syncing`.
        stage: &'static str,
    },
    /// It is done.
    Result {
        /// 1, or 0 when there was nothing new in it.
        result: u8,
    },
    /// It was not done.
    Error {
        /// Why not.
        message: String,
        /// Whether the same shard may be taken later.
        retryable: bool,
    },
}

impl ShardFrame {
    pub(crate) fn progress(progress: ShardProgress) -> Self {
        match progress {
            ShardProgress::Validating { verified, total } => Self::Validating { verified, total },
            ShardProgress::Committing => Self::Committing { stage: "syncing" },
        }
    }

    pub(crate) fn done(is_new: bool) -> Self {
        Self::Result { result: is_new.into() }
    }

    pub(crate) fn failed(message: &str, retryable: bool) -> Self {
        Self::Error { message: message.chars().take(MESSAGE_CHARS_MAX).collect(), retryable }
    }

    /// The frame as a line.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("a frame has only texts and numbers");
        line.push(b'\n');
        line
    }
}

/// Chunks by their position in a xorb; the end is exclusive.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct ChunkRangeResponse {
    start: u32,
    end: u32,
}

impl From<&Range<u32>> for ChunkRangeResponse {
    fn from(range: &Range<u32>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// Bytes of a stored xorb, as they stand in a `Range` header; the end is inclusive.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct ByteRangeResponse {
    start: u64,
    end: u64,
}

impl From<&Range<u64>> for ByteRangeResponse {
    fn from(range: &Range<u64>) -> Self {
        Self { start: range.start, end: range.end.saturating_sub(1) }
    }
}

/// A run of chunks of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TermResponse {
    #[schemars(with = "String")]
    hash: XetHash,
    /// Bytes of the run, uncompressed.
    unpacked_length: u32,
    range: ChunkRangeResponse,
}

impl From<&TermPlan> for TermResponse {
    fn from(term: &TermPlan) -> Self {
        let range = (&term.chunks).into();
        Self { hash: term.xorb, unpacked_length: term.unpacked_length, range }
    }
}

fn terms_of(plan: &Reconstruction) -> Vec<TermResponse> {
    plan.terms.iter().map(Into::into).collect()
}

/// One range of a xorb and where to fetch it (version 1).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FetchInfoResponse {
    range: ChunkRangeResponse,
    url: String,
    url_range: ByteRangeResponse,
}

/// Some ranges of a xorb and where to fetch them (version 2).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct XorbFetchResponse {
    url: String,
    ranges: Vec<FetchRangeResponse>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FetchRangeResponse {
    chunks: ChunkRangeResponse,
    bytes: ByteRangeResponse,
}

/// Where to fetch each xorb (version 1).
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(with = "BTreeMap<String, Vec<FetchInfoResponse>>")]
pub(crate) struct FetchInfo(BTreeMap<XetHash, Vec<FetchInfoResponse>>);

impl FetchInfo {
    /// Adds what a plan asks to be fetched. Every range gets an address of its own, which `url` makes.
    fn add(&mut self, plan: &Reconstruction, url: &impl Fn(&XorbFetch, &[FetchRange]) -> String) {
        for fetch in &plan.xorbs {
            let entries = self.0.entry(fetch.xorb).or_default();
            entries.extend(fetch.ranges.iter().map(|range| FetchInfoResponse {
                range: (&range.chunks).into(),
                url: url(fetch, std::slice::from_ref(range)),
                url_range: (&range.bytes).into(),
            }));
        }
    }
}

/// How to put a file together (version 1).
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReconstructionV1Response {
    offset_into_first_range: u64,
    terms: Vec<TermResponse>,
    fetch_info: FetchInfo,
}

impl ReconstructionV1Response {
    /// `url` makes the address for some ranges of a xorb.
    pub(crate) fn new(
        plan: &Reconstruction,
        url: &impl Fn(&XorbFetch, &[FetchRange]) -> String,
    ) -> Self {
        let mut fetch_info = FetchInfo::default();
        fetch_info.add(plan, url);
        let offset_into_first_range = plan.offset_into_first_range;
        Self { offset_into_first_range, terms: terms_of(plan), fetch_info }
    }
}

/// How to put a file together (version 2).
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReconstructionV2Response {
    offset_into_first_range: u64,
    terms: Vec<TermResponse>,
    #[schemars(with = "BTreeMap<String, Vec<XorbFetchResponse>>")]
    xorbs: BTreeMap<XetHash, Vec<XorbFetchResponse>>,
}

impl ReconstructionV2Response {
    /// `url` makes the address for some ranges of a xorb.
    pub(crate) fn new(
        plan: &Reconstruction,
        url: &impl Fn(&XorbFetch, &[FetchRange]) -> String,
    ) -> Self {
        let mut xorbs: BTreeMap<XetHash, Vec<XorbFetchResponse>> = BTreeMap::new();
        for fetch in &plan.xorbs {
            let range = |range: &FetchRange| FetchRangeResponse {
                chunks: (&range.chunks).into(),
                bytes: (&range.bytes).into(),
            };
            let ranges = fetch.ranges.iter().map(range).collect();
            let entry = XorbFetchResponse { url: url(fetch, &fetch.ranges), ranges };
            xorbs.entry(fetch.xorb).or_default().push(entry);
        }
        let offset_into_first_range = plan.offset_into_first_range;
        Self { offset_into_first_range, terms: terms_of(plan), xorbs }
    }
}

/// `POST v1/reconstructions`: one of the files that somebody asks for.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FileKeyRequest {
    pub(crate) prefix: String,
    pub(crate) hash: String,
}

/// How to put several files together.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReconstructionsResponse {
    #[schemars(with = "BTreeMap<String, Vec<TermResponse>>")]
    files: BTreeMap<XetHash, Vec<TermResponse>>,
    fetch_info: FetchInfo,
}

impl ReconstructionsResponse {
    /// `url` makes the address for some ranges of a xorb.
    pub(crate) fn new(
        plans: &[(XetHash, Reconstruction)],
        url: &impl Fn(&XorbFetch, &[FetchRange]) -> String,
    ) -> Self {
        let mut fetch_info = FetchInfo::default();
        plans.iter().for_each(|(_, plan)| fetch_info.add(plan, url));
        Self {
            files: plans.iter().map(|(file, plan)| (*file, terms_of(plan))).collect(),
            fetch_info,
        }
    }
}

/// What a client needs to edit a file in place.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileChunkHashesResponse {
    total_chunks: u64,
    file_size: u64,
    /// The bytes to cut into chunks anew.
    windows: Vec<WindowResponse>,
    /// The chunks before, between and behind the windows; null where there are none.
    hash_ranges: Vec<Option<SubtreeResponse>>,
    /// For each term that no window touches, what verifies it in a shard.
    #[schemars(with = "Vec<String>")]
    gap_verification: Vec<XetHash>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WindowResponse {
    /// The first byte, and the one behind the last.
    dirty_byte_range: [u64; 2],
}

/// A run of chunks, as far as the tree of hashes over it is decided (`MerkleHashSubtree` in `xet-core-structures`).
#[derive(Debug, Serialize, JsonSchema)]
struct SubtreeResponse {
    nodes: Vec<NodeResponse>,
    /// How many nodes of each level stand at the left and at the right.
    levels: Vec<(usize, usize)>,
    at_start: bool,
    at_end: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NodeResponse {
    #[schemars(with = "String")]
    hash: XetHash,
    /// Bytes of the file below it.
    size: u64,
}

impl From<&Subtree> for SubtreeResponse {
    fn from(tree: &Subtree) -> Self {
        let nodes = tree.nodes().map(|(hash, size)| NodeResponse { hash: *hash, size: *size });
        Self {
            nodes: nodes.collect(),
            levels: tree.levels().collect(),
            at_start: tree.is_at_start(),
            at_end: tree.is_at_end(),
        }
    }
}

impl From<FileChunkWindows> for FileChunkHashesResponse {
    fn from(found: FileChunkWindows) -> Self {
        let windows = found.windows.windows.iter();
        let windows = windows.map(|window| [window.start, window.end]);
        let gaps = found.windows.gaps.iter();
        Self {
            total_chunks: found.windows.chunks,
            file_size: found.file_size,
            windows: windows.map(|range| WindowResponse { dirty_byte_range: range }).collect(),
            hash_ranges: gaps.map(|gap| gap.as_ref().map(Into::into)).collect(),
            gap_verification: found.untouched,
        }
    }
}

/// `POST lfs-files/duplicate`: large files that another repository shall have, too.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DuplicateFilesRequest {
    pub(crate) target: DuplicateTargetRequest,
    pub(crate) files: Vec<DuplicateFileRequest>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DuplicateTargetRequest {
    /// `model` when absent.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// `namespace/name`.
    pub(crate) name: String,
}

/// Which name it shall have there, says the commit that follows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DuplicateFileRequest {
    #[schemars(with = "Option<String>")]
    pub(crate) xet_hash: Option<XetHash>,
    #[schemars(with = "String")]
    pub(crate) sha256: Sha256,
}

/// The files that were not copied.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DuplicateFilesResponse {
    pub(crate) failed: Vec<FailedFileResponse>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FailedFileResponse {
    #[schemars(with = "String")]
    pub(crate) sha256: Sha256,
    pub(crate) error: String,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use steelyard_core::Timestamp;
    use steelyard_service::xet::FetchWay;

    use super::*;

    fn plan() -> Reconstruction {
        let (one, two) = (XetHash::new([1; 32]), XetHash::new([2; 32]));
        let range = |chunks, bytes| FetchRange { chunks, bytes };
        let fetch = |xorb, ranges| XorbFetch { xorb, ranges, way: FetchWay::Hub { generation: 9 } };
        Reconstruction {
            offset_into_first_range: 17,
            terms: vec![
                TermPlan { xorb: one, unpacked_length: 100, chunks: 0..2 },
                TermPlan { xorb: two, unpacked_length: 200, chunks: 5..6 },
            ],
            xorbs: vec![
                fetch(one, vec![range(0..2, 0..150), range(4..5, 300..400)]),
                fetch(one, vec![range(7..8, 500..600)]),
                fetch(two, vec![range(5..6, 1000..1001)]),
            ],
            expires_at: Timestamp::from_secs(1),
        }
    }

    fn url(fetch: &XorbFetch, ranges: &[FetchRange]) -> String {
        let starts: Vec<_> = ranges.iter().map(|range| range.bytes.start.to_string()).collect();
        format!("/{}/{}", &fetch.xorb.to_string()[..2], starts.join("+"))
    }

    fn ranges(chunks: [u32; 2], bytes: [u64; 2]) -> (Value, Value) {
        let value = |range: [u64; 2]| json!({"start": range[0], "end": range[1]});
        (value(chunks.map(u64::from)), value(bytes))
    }

    #[test]
    fn version_two_has_one_address_for_several_ranges() {
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let range = |chunks, bytes| {
            let (chunks, bytes) = ranges(chunks, bytes);
            json!({"chunks": chunks, "bytes": bytes})
        };
        let expected = json!({
            "offset_into_first_range": 17,
            "terms": [
                {"hash": one, "unpacked_length": 100, "range": {"start": 0, "end": 2}},
                {"hash": two, "unpacked_length": 200, "range": {"start": 5, "end": 6}},
            ],
            "xorbs": {
                &one: [
                    {"url": "/01/0+300", "ranges": [range([0, 2], [0, 149]), range([4, 5], [300, 399])]},
                    {"url": "/01/500", "ranges": [range([7, 8], [500, 599])]},
                ],
                &two: [{"url": "/02/1000", "ranges": [range([5, 6], [1000, 1000])]}],
            },
        });
        let response = ReconstructionV2Response::new(&plan(), &url);
        assert_eq!(serde_json::to_value(response).unwrap(), expected);
    }

    #[test]
    fn version_one_has_an_address_for_each_range() {
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let entry = |url: &str, chunks, bytes| {
            let (chunks, bytes) = ranges(chunks, bytes);
            json!({"range": chunks, "url": url, "url_range": bytes})
        };
        let fetch_info = json!({
            &one: [
                entry("/01/0", [0, 2], [0, 149]),
                entry("/01/300", [4, 5], [300, 399]),
                entry("/01/500", [7, 8], [500, 599]),
            ],
            &two: [entry("/02/1000", [5, 6], [1000, 1000])],
        });
        let value = serde_json::to_value(ReconstructionV1Response::new(&plan(), &url)).unwrap();
        assert_eq!(value["fetch_info"], fetch_info);
        assert_eq!(value["offset_into_first_range"], 17);

        let file = XetHash::new([7; 32]);
        let batch = ReconstructionsResponse::new(&[(file, plan())], &url);
        let batch = serde_json::to_value(batch).unwrap();
        assert_eq!(batch["files"], json!({file.to_string(): value["terms"]}));
        assert_eq!(batch["fetch_info"], fetch_info);
    }

    #[test]
    fn frames_are_lines_that_the_client_knows() {
        let lines = [
            (
                ShardFrame::progress(ShardProgress::Validating { verified: 1, total: 2 }),
                r#"{"type":"validating","verified":1,"total":2}"#,
            ),
            (
                ShardFrame::progress(ShardProgress::Committing),
                r#"{"type":"committing","stage":"syncing"}"#,
            ),
            (ShardFrame::done(true), r#"{"type":"result","result":1}"#),
            (ShardFrame::done(false), r#"{"type":"result","result":0}"#),
            (
                ShardFrame::failed("no\nway", true),
                r#"{"type":"error","message":"no\nway","retryable":true}"#,
            ),
        ];
        for (frame, line) in lines {
            assert_eq!(String::from_utf8(frame.line()).unwrap(), format!("{line}\n"));
        }
        assert!(ShardFrame::failed(&"ü".repeat(10_000_000), false).line().len() < 1 << 20);
    }

    #[test]
    fn offers_are_read_as_the_client_writes_them() {
        let offer = |text: &str| serde_json::from_str::<XorbGrantRequest>(text).unwrap().offer();
        let text = r#"{"length":5,"checksum":{"algo":"crc64nvme","value":"18446744073709551615"}}"#;
        assert_eq!(offer(text).unwrap(), XorbOffer { length: 5, crc64nvme: Some(u64::MAX) });
        let other = r#"{"length":5,"checksum":{"algo":"sha256","value":"ab"}}"#;
        assert_eq!(offer(other).unwrap(), XorbOffer { length: 5, crc64nvme: None });
        assert_eq!(offer(r#"{"length":0}"#).unwrap(), XorbOffer { length: 0, crc64nvme: None });
        for value in ["", "-1", "0x1", "18446744073709551616"] {
            assert!(offer(&text.replace("18446744073709551615", value)).is_err(), "{value}");
        }
    }
}
