//! Whether the server keeps to the range that an address was signed for.

use std::io;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use uuid::Uuid;

use super::error::from_server;
use super::{S3Store, refused};
use crate::error::Result;
use crate::{BlobError, Key};

/// The header that says which bytes are wanted.
pub(super) const RANGE: HeaderName = HeaderName::from_static("range");

/// What is fetched to find out.
const PROBE: &[u8] = b"nobody may read on";
/// The bytes of it that the address is signed for.
const SIGNED: Range<u64> = 7..10;
/// What else somebody might ask for with that address.
const OTHERS: [&[&str]; 4] = [&[], &["bytes=7-17"], &["bytes=0-"], &["bytes=7-9,0-17"]];
/// Two headers: whichever the server checks, it must not go by the other.
const DOUBLED: [[&str; 2]; 2] = [["bytes=7-9", "bytes=0-17"], ["bytes=0-17", "bytes=7-9"]];
const PROBE_TTL: Duration = Duration::from_secs(5 * 60);

impl S3Store {
    /// Whether an address signed with a range gives those bytes and no others. Found out once for each process, with
    /// an object of its own under the upload `probe`.
    pub(crate) async fn honours_signed_ranges(&self, probe: Uuid) -> Result<bool> {
        let key = Key::upload(probe);
        let found = self.0.honours_signed_ranges.get_or_try_init(|| async {
            self.put(&key, Bytes::from_static(PROBE)).await?;
            let found = self.try_ranges(&key).await;
            // What cannot be removed now goes with other uploads that nobody finished.
            self.delete(&key).await.ok();
            found
        });
        found.await.copied()
    }

    async fn try_ranges(&self, key: &Key) -> Result<bool> {
        let right = range_header(key, &SIGNED)?;
        let options = SignedUrlOptions::new().with_signed_header(RANGE, right.clone());
        // Signed for the server as we know it: clients may reach it by a name that only they can resolve.
        let (client, path) = (&self.0.client, self.path(key));
        let url = client.signed_url_opts(Method::GET, &path, PROBE_TTL, &options).await;
        let url = url.map_err(refused("sign an address"))?;
        let wanted = Some(Bytes::from_static(&PROBE[7..10]));
        if self.fetch(url.as_str(), &[right.to_str().unwrap_or("")]).await? != wanted {
            return Ok(false);
        }
        for ranges in OTHERS {
            if self.fetch(url.as_str(), ranges).await?.is_some() {
                return Ok(false);
            }
        }
        for ranges in DOUBLED {
            let fetched = self.fetch(url.as_str(), &ranges).await?;
            if fetched.is_some() && fetched != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The body, or `None` if the server refuses.
    async fn fetch(&self, url: &str, ranges: &[&str]) -> Result<Option<Bytes>> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = url
            .parse()
            .map_err(|_| BlobError::unavailable("a signed address cannot be written"))?;
        for range in ranges {
            let range = HeaderValue::from_str(range);
            request.headers_mut().append(RANGE, range.unwrap_or(HeaderValue::from_static("")));
        }
        let answer = match self.0.http.execute(request).await {
            Ok(answer) => answer,
            Err(error) => {
                return match from_server("try a signed range", error) {
                    BlobError::Io { source, .. }
                        if source.kind() == io::ErrorKind::PermissionDenied =>
                    {
                        Ok(None)
                    }
                    error => Err(error),
                };
            }
        };
        let status = answer.status();
        if status.is_server_error() {
            return Err(BlobError::unavailable(format!("the server answered {status}")));
        }
        let body = answer.into_body().bytes().await.map_err(BlobError::unavailable)?;
        Ok(status.is_success().then_some(body))
    }
}

/// The header that asks for exactly these bytes.
pub(super) fn range_header(key: &Key, range: &Range<u64>) -> Result<HeaderValue> {
    let bad = || BlobError::BadRange { key: *key, range: range.clone() };
    let last = range.end.checked_sub(1).filter(|last| *last >= range.start).ok_or_else(bad)?;
    HeaderValue::from_str(&format!("bytes={}-{last}", range.start)).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_with_their_last_byte() {
        let key = Key::upload(Uuid::nil());
        assert_eq!(range_header(&key, &(0..1)).unwrap(), "bytes=0-0");
        assert_eq!(range_header(&key, &SIGNED).unwrap(), "bytes=7-9");
        assert_eq!(range_header(&key, &(3..u64::MAX)).unwrap(), "bytes=3-18446744073709551614");
        #[expect(clippy::reversed_empty_ranges, reason = "a range from outside may be anything")]
        for range in [0..0, 5..5, 5..4] {
            let header = range_header(&key, &range);
            assert!(matches!(header, Err(BlobError::BadRange { .. })), "{range:?}");
        }
    }
}
