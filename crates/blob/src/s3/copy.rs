//! Copies inside the server, which the client library knows only for small objects and without conditions.

use std::ops::Range;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt};
use object_store::client::{HttpErrorKind, HttpRequest, HttpRequestBody};
use object_store::multipart::{MultipartStore, PartId};
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use object_store::{GetOptions, GetRange, ObjectStore as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::from_server;
use super::{S3Store, refused};
use crate::error::Result;
use crate::{BlobError, Key};

/// Largest object that one request copies (Amazon's limit).
const COPY_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// What one request of a larger copy takes; with at most 10,000 of them, enough for 5 TiB.
const COPY_PIECE_BYTES: u64 = 1024 * 1024 * 1024;
/// Pieces up to this size are read and sent again: Garage copies no part from an object that is so small that it keeps it with
/// its metadata.
const CARRIED_BYTES_MAX: u64 = 64 * 1024;
const COPIES_AT_ONCE: usize = 4;
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const SIGNATURE_TTL: Duration = Duration::from_secs(15 * 60);

const SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
const SOURCE_IF_MATCH: HeaderName = HeaderName::from_static("x-amz-copy-source-if-match");
const SOURCE_RANGE: HeaderName = HeaderName::from_static("x-amz-copy-source-range");

const PATH_SET: AsciiSet =
    NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Bytes of a stored object that become a part of another one.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// The object.
    pub(crate) key: Key,
    /// Its entity tag when it was looked at: another content is not copied.
    pub(crate) etag: String,
    /// Which of its bytes; not empty.
    pub(crate) range: Range<u64>,
}

impl S3Store {
    /// Copies an object if it still has this size and entity tag.
    pub(crate) async fn copy(&self, from: &Key, to: &Key, size: u64, etag: &str) -> Result<()> {
        if size > COPY_BYTES_MAX {
            return self.compose(to, pieces_of(*from, size, etag)).await;
        }
        let options = self.copy_source(from, etag);
        self.request_copy(to, &options).await.map(drop)
    }

    /// Makes one object of pieces of others. All but the last must have at least 5 MiB.
    pub(crate) async fn compose(&self, to: &Key, pieces: Vec<Piece>) -> Result<()> {
        let path = self.path(to);
        let client = &self.0.client;
        let upload = client.create_multipart(&path).await.map_err(refused("begin a copy"))?;
        let copies: Vec<_> = (1..)
            .zip(&pieces)
            .map(|(number, piece)| self.piece(*to, &upload, number, piece).boxed())
            .collect();
        let copied: Result<Vec<_>> =
            futures_util::stream::iter(copies).buffered(COPIES_AT_ONCE).try_collect().await;
        let completed = match copied {
            Ok(parts) => {
                let completed = client.complete_multipart(&path, &upload, parts).await;
                completed.map(drop).map_err(refused("finish a copy"))
            }
            Err(error) => Err(error),
        };
        if completed.is_err() {
            // The first error counts; what cannot be removed now, the bucket's own rule for unfinished uploads removes.
            client.abort_multipart(&path, &upload).await.ok();
        }
        completed
    }

    /// Makes one piece the part `number` of an upload.
    async fn piece(&self, to: Key, upload: &str, number: u32, piece: &Piece) -> Result<PartId> {
        let (first, last) = (piece.range.start, piece.range.end - 1);
        if last - first < CARRIED_BYTES_MAX {
            return self.carry_part(to, upload, number, piece).await;
        }
        let options = self
            .copy_source(&piece.key, &piece.etag)
            .with_signed_header(SOURCE_RANGE, ascii(&format!("bytes={first}-{last}")))
            .with_query([("partNumber", &*number.to_string()), ("uploadId", upload)]);
        self.copy_part(to, options).await
    }

    /// Reads a small piece and sends it again.
    async fn carry_part(
        &self,
        to: Key,
        upload: &str,
        number: u32,
        piece: &Piece,
    ) -> Result<PartId> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(piece.range.clone())),
            if_match: Some(format!("\"{}\"", piece.etag)),
            ..GetOptions::default()
        };
        let (client, failed) = (&self.0.client, refused("copy a part"));
        let found = client.get_opts(&self.path(&piece.key), options).await.map_err(&failed)?;
        let bytes = found.bytes().await.map_err(&failed)?;
        let index =
            usize::try_from(number - 1).map_err(|_| BlobError::unavailable("too many parts"))?;
        let upload = upload.to_owned();
        client.put_part(&self.path(&to), &upload, index, bytes.into()).await.map_err(&failed)
    }

    async fn copy_part(&self, to: Key, options: SignedUrlOptions) -> Result<PartId> {
        let answer = self.request_copy(&to, &options).await?;
        let content_id = etag_in(&answer)
            .ok_or_else(|| BlobError::unavailable("a copied part has no entity tag"))?;
        Ok(PartId { content_id })
    }

    fn copy_source(&self, from: &Key, etag: &str) -> SignedUrlOptions {
        let path = self.path(from);
        let path = utf8_percent_encode(path.as_ref(), &PATH_SET);
        SignedUrlOptions::new()
            .with_signed_header(SOURCE, ascii(&format!("/{}/{path}", self.0.settings.bucket)))
            .with_signed_header(SOURCE_IF_MATCH, ascii(&format!("\"{etag}\"")))
    }

    /// Sends a copy request and returns its answer's text.
    async fn request_copy(&self, to: &Key, options: &SignedUrlOptions) -> Result<String> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.try_copy(to, options).await {
                Err(Failure::Passing(_)) => tokio::time::sleep(pause).await,
                Err(Failure::Lasting(error)) => return Err(error),
                Ok(answer) => return Ok(answer),
            }
            pause *= 4;
        }
        self.try_copy(to, options).await.map_err(|failure| match failure {
            Failure::Passing(error) | Failure::Lasting(error) => error,
        })
    }

    async fn try_copy(&self, to: &Key, options: &SignedUrlOptions) -> Result<String, Failure> {
        let lasting = |error| Failure::Lasting(refused("copy an object")(error));
        let client = &self.0.client;
        let url = client.signed_url_opts(Method::PUT, &self.path(to), SIGNATURE_TTL, options).await;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = url.map_err(lasting)?.as_str().parse().map_err(|_| {
            Failure::Lasting(BlobError::unavailable("the address of a copy cannot be written"))
        })?;
        *request.headers_mut() = options.signed_headers.clone();
        let answer = self.0.http.execute(request).await.map_err(|error| match error.kind() {
            HttpErrorKind::Unknown | HttpErrorKind::Decode => {
                Failure::Lasting(from_server("copy an object", error))
            }
            _ => Failure::Passing(BlobError::unavailable(error)),
        })?;
        let status = answer.status();
        let body = answer.into_body().bytes().await;
        let body = body.map_err(|error| Failure::Passing(BlobError::unavailable(error)))?;
        let text = String::from_utf8_lossy(&body).into_owned();
        // A copy that fails late does so inside an answer that says 200.
        if status.is_success() && !text.contains("<Error>") {
            return Ok(text);
        }
        let error = BlobError::unavailable(format!("a copy was answered with {status}: {text}"));
        let passing = status.is_server_error() || status.is_success();
        Err(if passing { Failure::Passing(error) } else { Failure::Lasting(error) })
    }
}

fn pieces_of(key: Key, size: u64, etag: &str) -> Vec<Piece> {
    let starts = (0..size.div_ceil(COPY_PIECE_BYTES)).map(|n| n * COPY_PIECE_BYTES);
    let piece = |start| Piece {
        key,
        etag: etag.to_owned(),
        range: start..size.min(start + COPY_PIECE_BYTES),
    };
    starts.map(piece).collect()
}

enum Failure {
    /// Worth another try at once.
    Passing(BlobError),
    Lasting(BlobError),
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// The entity tag in the answer to the copy of a part.
fn etag_in(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("<ETag>")?;
    let (etag, _) = rest.split_once("</ETag>")?;
    let etag = etag.replace("&quot;", "\"").replace("&#34;", "\"");
    (!etag.is_empty()).then_some(etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_whole_object() {
        const GIB: u64 = 1 << 30;
        let key = Key::upload(uuid::Uuid::nil());
        let ranges = |size| pieces_of(key, size, "e").into_iter().map(|piece| piece.range);
        assert_eq!(
            ranges(2 * GIB + 1).collect::<Vec<_>>(),
            [0..GIB, GIB..2 * GIB, 2 * GIB..2 * GIB + 1]
        );
        assert_eq!(ranges(GIB).next(), Some(0..GIB));
        assert!(ranges(5 * 1024 * GIB).count() <= 10_000);
    }

    #[test]
    fn etags_are_read_from_answers() {
        let answer = |etag: &str| {
            format!("<?xml version=\"1.0\"?><CopyPartResult><ETag>{etag}</ETag></CopyPartResult>")
        };
        assert_eq!(etag_in(&answer("&quot;ab-1&quot;")).as_deref(), Some("\"ab-1\""));
        assert_eq!(etag_in(&answer("\"ab\"")).as_deref(), Some("\"ab\""));
        assert_eq!(etag_in(&answer("")), None);
        assert_eq!(etag_in("<CopyPartResult/>"), None);
    }
}
