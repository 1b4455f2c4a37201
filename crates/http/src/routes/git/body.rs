//! The body of a git request as a bounded stream of bytes, unpacked if it came packed.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::write::GzDecoder;
use futures_util::{Stream, StreamExt};
use steelyard_core::size::size_text;
use steelyard_service::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::Notify;
use tokio_util::io::StreamReader;

/// How long a client may send nothing.
const IDLE_MAX: Duration = Duration::from_secs(120);
/// Bytes beyond the limit, or behind broken ones, that are read and thrown away.
const DISCARDED_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// Packed bytes that are unpacked at once: they grow at most a thousandfold.
const GZIP_STEP_BYTES: usize = 2 * 1024;

/// The bytes of a request.
pub(super) type GitBody =
    StreamReader<Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>, Bytes>;

/// Reads `body` up to `limit` unpacked bytes; `ended` is notified once the client has sent all.
///
/// Beyond the limit there is an error, and whoever reads on gets nothing but the end, once the client has sent all.
pub(super) fn open(
    headers: &HeaderMap,
    body: Body,
    limit: u64,
    ended: Arc<Notify>,
) -> Result<GitBody, Error> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?"));
    let is_gzip = match encoding {
        None | Some("identity") => false,
        Some("gzip" | "x-gzip") => true,
        Some(_) => return Err(Error::invalid("Content-Encoding", "must be gzip or identity")),
    };
    let mut chunks = body.into_data_stream();
    Ok(StreamReader::new(Box::pin(async_stream::stream! {
        let mut is_stalled = false;
        {
            let mut unpacked = std::pin::pin!(unpack(&mut chunks, is_gzip, limit));
            while let Some(item) = unpacked.next().await {
                is_stalled = matches!(&item, Err(error) if error.kind() == io::ErrorKind::TimedOut);
                yield item;
            }
        }
        if !is_stalled {
            discard(&mut chunks).await;
        }
        ended.notify_one();
    })))
}

/// Reads what the client still sends, so that it comes to read the reason of a refusal.
async fn discard(chunks: &mut BodyDataStream) {
    let mut left = DISCARDED_BYTES_MAX;
    while let Ok(Some(Ok(chunk))) = tokio::time::timeout(IDLE_MAX, chunks.next()).await {
        let Some(rest) = left.checked_sub(chunk.len() as u64) else { return };
        left = rest;
    }
}

fn unpack(
    chunks: &mut BodyDataStream,
    is_gzip: bool,
    limit: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    async_stream::try_stream! {
        let mut decoder = is_gzip.then(|| GzDecoder::new(Vec::new()));
        let mut budget = limit;
        loop {
            let next = tokio::time::timeout(IDLE_MAX, chunks.next()).await.map_err(|_| stalled())?;
            let Some(chunk) = next else { break };
            let chunk = chunk.map_err(io::Error::other)?;
            let Some(decoder) = &mut decoder else {
                spend(&mut budget, limit, chunk.len())?;
                yield chunk;
                continue;
            };
            for step in chunk.chunks(GZIP_STEP_BYTES) {
                decoder.write_all(step).map_err(|_| bad_gzip())?;
                let unpacked = std::mem::take(decoder.get_mut());
                spend(&mut budget, limit, unpacked.len())?;
                if !unpacked.is_empty() {
                    yield unpacked.into();
                }
            }
        }
        if let Some(mut decoder) = decoder {
            decoder.try_finish().map_err(|_| bad_gzip())?;
            let unpacked = std::mem::take(decoder.get_mut());
            spend(&mut budget, limit, unpacked.len())?;
            if !unpacked.is_empty() {
                yield unpacked.into();
            }
        }
    }
}

fn spend(budget: &mut u64, limit: u64, bytes: usize) -> io::Result<()> {
    let rule = || {
        io::Error::other(format!("the request is larger than the limit of {}", size_text(limit)))
    };
    *budget = budget.checked_sub(bytes as u64).ok_or_else(rule)?;
    Ok(())
}

fn stalled() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("the client sent nothing for {} s", IDLE_MAX.as_secs()),
    )
}

fn bad_gzip() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the request is not valid gzip")
}

/// Reads on to the end and forgets it: git looks at an answer only after it has sent everything.
pub(super) async fn drain(body: &mut (impl AsyncBufRead + Unpin)) {
    loop {
        // After an error comes the end.
        let Ok(buffer) = body.fill_buf().await else { continue };
        let length = buffer.len();
        if length == 0 {
            return;
        }
        body.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(
        encoding: Option<&'static str>,
        body: Vec<u8>,
        limit: u64,
    ) -> io::Result<Vec<u8>> {
        let mut headers = HeaderMap::new();
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
        }
        let chunks: Vec<io::Result<Bytes>> =
            body.chunks(700).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let ended = Arc::new(Notify::new());
        let mut reader = open(&headers, body, limit, Arc::clone(&ended)).unwrap();
        let mut out = Vec::new();
        reader.read_to_end(&mut out).await?;
        ended.notified().await;
        Ok(out)
    }

    #[tokio::test]
    async fn plain_and_packed_bodies_are_read() {
        let data: Vec<u8> = (0..50_000_u32).flat_map(u32::to_be_bytes).collect();
        assert_eq!(read(None, data.clone(), 200_000).await.unwrap(), data);
        assert_eq!(read(Some("gzip"), gzip(&data), 200_000).await.unwrap(), data);
        assert_eq!(read(Some("x-gzip"), gzip(b""), 0).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn limits_count_unpacked_bytes() {
        let data = vec![0; 200_001];
        for (encoding, body) in [(None, data.clone()), (Some("gzip"), gzip(&data))] {
            let error = read(encoding, body, 200_000).await.unwrap_err();
            assert!(error.to_string().contains("larger than the limit"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_beyond_the_limit_is_read_and_thrown_away() {
        for (encoding, data) in [(None, vec![0; 50_000]), (Some("gzip"), gzip(&vec![0; 1 << 20]))] {
            let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let chunks: Vec<Bytes> = data.chunks(100).map(Bytes::copy_from_slice).collect();
            let (all, counter) = (chunks.len(), Arc::clone(&sent));
            let chunks = futures_util::stream::iter(chunks).map(move |chunk| {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok::<_, io::Error>(chunk)
            });
            let mut headers = HeaderMap::new();
            if let Some(encoding) = encoding {
                headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
            }
            let ended = Arc::new(Notify::new());
            let mut body =
                open(&headers, Body::from_stream(chunks), 1000, Arc::clone(&ended)).unwrap();
            let mut out = Vec::new();
            assert!(body.read_to_end(&mut out).await.is_err());
            assert!(sent.load(std::sync::atomic::Ordering::Relaxed) < all);
            drain(&mut body).await;
            assert_eq!(sent.load(std::sync::atomic::Ordering::Relaxed), all);
            ended.notified().await;
        }
    }

    #[tokio::test]
    async fn broken_gzip_is_refused() {
        let good = gzip(&[7; 5000]);
        let mut flipped = good.clone();
        let middle = flipped.len() - 6;
        flipped[middle] ^= 1;
        for bad in [
            good[..good.len() - 4].to_vec(),
            flipped,
            b"not gzip at all".to_vec(),
            [good, vec![1]].concat(),
        ] {
            assert!(read(Some("gzip"), bad, 1 << 20).await.is_err());
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, "br".parse().unwrap());
        assert!(open(&headers, Body::empty(), 1, Arc::default()).is_err());
    }
}
