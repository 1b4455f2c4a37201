use futures_util::stream;
use http_body_util::BodyExt;

use super::*;

const TEXT: &[u8] = b"0123456789";

fn with(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn reply() -> FileReply<'static> {
    FileReply {
        path: "weights/model.bin",
        size: TEXT.len() as u64,
        etag: Some("abc".to_owned()),
        immutable: true,
        headers: HeaderMap::new(),
    }
}

async fn answer(method: Method, pairs: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, Bytes) {
    let whole = respond_bytes(&method, &with(pairs), reply(), Bytes::from_static(TEXT));
    let open = |range: Range<u64>| async move {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let pieces: Vec<_> = TEXT[range]
            .iter()
            .map(|byte| Ok::<_, std::io::Error>(Bytes::from(vec![*byte])))
            .collect();
        Ok(stream::iter(pieces))
    };
    let streamed = respond_stream(&method, &with(pairs), reply(), open).await.unwrap();
    let (head, body) = whole.into_parts();
    let (streamed_head, streamed_body) = streamed.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(head.status, streamed_head.status);
    assert_eq!(head.headers, streamed_head.headers);
    assert_eq!(body, streamed_body.collect().await.unwrap().to_bytes());
    (head.status, head.headers, body)
}

#[test]
fn ranges_are_read_as_rfc_9110_says() {
    use RangeRequest::{Full, Part, Unsatisfiable};
    let cases = [
        ("bytes=0-3", 10, Part(0..4)),
        ("bytes=3-", 10, Part(3..10)),
        ("bytes=-3", 10, Part(7..10)),
        ("bytes=-30", 10, Part(0..10)),
        ("bytes=0-99", 10, Part(0..10)),
        ("bytes=9-9", 10, Part(9..10)),
        ("Bytes = 1-2", 10, Part(1..3)),
        ("bytes=10-", 10, Unsatisfiable),
        ("bytes=10-11", 10, Unsatisfiable),
        ("bytes=-0", 10, Unsatisfiable),
        ("bytes=0-", 0, Unsatisfiable),
        ("bytes=-1", 0, Unsatisfiable),
        ("bytes=99999999999999999999999-", 10, Unsatisfiable),
        ("bytes=0-99999999999999999999999", 10, Part(0..10)),
        ("bytes=3-1", 10, Full),
        ("bytes=1-2,4-5", 10, Full),
        ("bytes=-", 10, Full),
        ("bytes=+1-2", 10, Full),
        ("bytes=a-b", 10, Full),
        ("lines=1-2", 10, Full),
        ("bytes", 10, Full),
    ];
    for (text, size, expected) in cases {
        assert_eq!(
            parse_range(&with(&[(header::RANGE, text)]), size),
            expected,
            "{text} of {size}"
        );
    }
    assert_eq!(parse_range(&HeaderMap::new(), 10), Full);
}

#[tokio::test]
async fn a_whole_file_comes_with_the_headers_clients_read() {
    let (status, headers, body) = answer(Method::GET, &[]).await;
    assert_eq!((status, body.as_ref()), (StatusCode::OK, TEXT));
    assert_eq!(headers[header::CONTENT_LENGTH], "10");
    assert_eq!(headers[header::ETAG], "\"abc\"");
    assert_eq!(headers[header::ACCEPT_RANGES], "bytes");
    assert_eq!(headers[header::CONTENT_TYPE], "application/octet-stream");
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(
        headers[header::CONTENT_DISPOSITION],
        "inline; filename*=UTF-8''model.bin; filename=\"model.bin\";"
    );
}

#[tokio::test]
async fn head_tells_the_size_and_ignores_ranges() {
    let (status, headers, body) = answer(Method::HEAD, &[(header::RANGE, "bytes=1-2")]).await;
    assert_eq!((status, body.len()), (StatusCode::OK, 0));
    assert_eq!(headers[header::CONTENT_LENGTH], "10");
}

#[tokio::test]
async fn parts_and_impossible_parts() {
    let (status, headers, body) = answer(Method::GET, &[(header::RANGE, "bytes=2-4")]).await;
    assert_eq!((status, body.as_ref()), (StatusCode::PARTIAL_CONTENT, &b"234"[..]));
    assert_eq!(headers[header::CONTENT_RANGE], "bytes 2-4/10");
    assert_eq!(headers[header::CONTENT_LENGTH], "3");
    let (status, headers, body) = answer(Method::GET, &[(header::RANGE, "bytes=10-")]).await;
    assert_eq!((status, body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, 0));
    assert_eq!(headers[header::CONTENT_RANGE], "bytes */10");
}

#[tokio::test]
async fn conditions_decide_before_ranges() {
    for tag in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
        let (status, headers, body) = answer(Method::GET, &[(header::IF_NONE_MATCH, tag)]).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{tag}");
        assert_eq!(headers[header::ETAG], "\"abc\"");
    }
    assert_eq!(answer(Method::GET, &[(header::IF_NONE_MATCH, "\"abd\"")]).await.0, StatusCode::OK);
    let range = (header::RANGE, "bytes=0-0");
    let same = answer(Method::GET, &[range.clone(), (header::IF_RANGE, "\"abc\"")]).await;
    assert_eq!(same.0, StatusCode::PARTIAL_CONTENT);
    let other = answer(Method::GET, &[range, (header::IF_RANGE, "\"abd\"")]).await;
    assert_eq!((other.0, other.2.as_ref()), (StatusCode::OK, TEXT));
}

#[test]
fn names_cannot_break_out_of_the_header() {
    let hostile = content_disposition("a\"; filename=\"evil\r\n.exe");
    assert_eq!(
        hostile,
        "inline; filename*=UTF-8''a%22%3B%20filename%3D%22evil%0D%0A.exe; filename=\"a_; filename=_evil__.exe\";"
    );
    assert!(
        content_disposition("größe.txt")
            .contains("UTF-8''gr%C3%B6%C3%9Fe.txt; filename=\"gr__e.txt\"")
    );
}

#[test]
fn nothing_a_user_uploads_is_served_as_html() {
    for name in ["a.html", "a.HTM", "x.xhtml", "x.js", "x.xml", "README", "noext"] {
        assert!(!content_type(name).contains("html"), "{name}");
        assert!(!content_type(name).contains("script"), "{name}");
    }
    assert_eq!(content_type("config.json"), "application/json");
    assert_eq!(content_type("README.md"), "text/plain; charset=utf-8");
}
