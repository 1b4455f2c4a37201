use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::signer::Url;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use steelyard_core::fault::Moment;
use steelyard_core::{Invalid, Secret};

use super::refused;
use crate::error::Result;
use crate::faulty::Faults;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence of the server. It covers the sending of one part of an upload, too.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// What is kept of the server's words when it refuses our key.
const REFUSAL_BYTES_MAX: usize = 1024;
const RETRIES_MAX: usize = 4;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a bucket is and how to get in.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// The bucket's name.
    pub bucket: String,
    /// The server; without one, Amazon's of the region.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The id of the access key.
    pub access_key: Secret,
    /// The key's secret.
    pub secret_key: Secret,
    /// A folder in the bucket that holds everything; empty for the whole bucket.
    pub prefix: String,
    /// Whether the bucket is named in the path (Garage, MinIO) instead of the host name (Amazon).
    pub path_style: bool,
    /// The server as clients reach it, where that differs.
    pub public_endpoint: Option<String>,
}

impl S3Settings {
    /// Reads `s3://bucket/prefix?endpoint=http://127.0.0.1:3900&region=garage`.
    ///
    /// Also understood: `path_style=true|false` (by default true where there is an endpoint) and
    /// `public_endpoint=https://...`.
    pub fn from_url(url: &str, access_key: Secret, secret_key: Secret) -> Result<Self, Invalid> {
        let broken = |rule: &str| Invalid::new("store", rule);
        let url =
            Url::parse(url).map_err(|_| broken("must be a URL such as s3://bucket/prefix"))?;
        let bucket = url.host_str().filter(|_| url.scheme() == "s3");
        let bucket = bucket.ok_or_else(|| broken("must begin with s3:// and a bucket"))?.to_owned();
        let prefix = url.path().trim_matches('/').to_owned();
        let (mut endpoint, mut public_endpoint) = (None, None);
        let (mut region, mut path_style) = ("us-east-1".to_owned(), None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "endpoint" => endpoint = Some(http_url(&value)?),
                "public_endpoint" => public_endpoint = Some(http_url(&value)?),
                "region" => region = value.into_owned(),
                "path_style" => {
                    let value = value.parse();
                    path_style =
                        Some(value.map_err(|_| broken("path_style must be true or false"))?);
                }
                _ => return Err(broken(&format!("has an unknown option {name}"))),
            }
        }
        let path_style = path_style.unwrap_or(endpoint.is_some());
        Ok(Self {
            bucket,
            endpoint,
            region,
            access_key,
            secret_key,
            prefix,
            path_style,
            public_endpoint,
        })
    }

    /// What every key in the bucket begins with: nothing, or the prefix and a slash.
    pub(super) fn key_prefix(&self) -> String {
        match self.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        }
    }

    /// The client for the server, the one that signs for clients, and the connection under the first.
    pub(super) fn connect(&self, faults: Faults) -> Result<(AmazonS3, AmazonS3, HttpClient)> {
        install_tls();
        let failed = refused("connect to the S3 server");
        let connector = Connector { faults };
        let http = connector.connect(&self.options()).map_err(&failed)?;
        let client = self.builder(self.endpoint.as_deref()).with_http_connector(connector);
        let client = client.build().map_err(&failed)?;
        let public = self.public_endpoint.as_deref().or(self.endpoint.as_deref());
        let public = self.builder(public).build().map_err(&failed)?;
        Ok((client, public, http))
    }

    fn builder(&self, endpoint: Option<&str>) -> AmazonS3Builder {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(self.access_key.expose())
            .with_secret_access_key(self.secret_key.expose())
            .with_virtual_hosted_style_request(!self.path_style)
            .with_client_options(self.options())
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES_MAX,
                retry_timeout: RETRY_TIMEOUT,
            });
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(self.endpoint_of_bucket(endpoint));
        }
        builder
    }

    /// With virtual hosts the client wants the bucket's own host as its endpoint.
    fn endpoint_of_bucket(&self, endpoint: &str) -> String {
        let endpoint = endpoint.trim_end_matches('/');
        match endpoint.split_once("://") {
            Some((scheme, host)) if !self.path_style => {
                format!("{scheme}://{}.{host}", self.bucket)
            }
            _ => endpoint.to_owned(),
        }
    }

    fn options(&self) -> ClientOptions {
        // No limit on a whole request: a client may read a large object as slowly as it likes.
        ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(READ_TIMEOUT)
            .with_allow_http(self.endpoint.as_deref().is_some_and(|url| url.starts_with("http:")))
    }
}

fn http_url(text: &str) -> Result<String, Invalid> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.has_host() && url.path() == "/" && url.query().is_none());
    match url {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err(Invalid::new("endpoint", "must be http:// or https:// and a host")),
    }
}

/// The client asks the process for its TLS provider.
fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that somebody else was quicker, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
}

/// Connects as usual, and lets a test fail every single request.
#[derive(Debug)]
struct Connector {
    faults: Faults,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Service { client, faults: self.faults.clone() }))
    }
}

#[derive(Debug)]
struct Service {
    client: HttpClient,
    faults: Faults,
}

impl HttpService for Service {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> futures_util::future::BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            match self.faults.next() {
                None => allowed(self.client.execute(request).await?).await,
                Some(Moment::Before) => Err(injected()),
                Some(Moment::After) => self.client.execute(request).await.and(Err(injected())),
            }
        })
    }
}

/// Turns a refusal of our key into an error that can be told from those that pass; the client library cannot for every
/// request.
async fn allowed(answer: HttpResponse) -> Result<HttpResponse, HttpError> {
    let status = answer.status();
    if !matches!(status.as_u16(), 401 | 403) {
        return Ok(answer);
    }
    let text = answer.into_body().bytes().await?;
    let text = String::from_utf8_lossy(&text[..text.len().min(REFUSAL_BYTES_MAX)]).into_owned();
    let refusal = format!("the server answered {status}: {text}");
    let refusal = std::io::Error::new(std::io::ErrorKind::PermissionDenied, refusal);
    Err(HttpError::new(HttpErrorKind::Unknown, refusal))
}

/// Of the kind that the client does not retry by itself, so that the fault is seen.
fn injected() -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, std::io::Error::other("failed on purpose"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<S3Settings, Invalid> {
        S3Settings::from_url(url, Secret::new("key"), Secret::new("secret"))
    }

    #[test]
    fn urls_say_where_the_bucket_is() {
        let amazon = parse("s3://models?region=eu-central-1").unwrap();
        assert_eq!((&*amazon.bucket, &*amazon.region), ("models", "eu-central-1"));
        assert_eq!((amazon.endpoint, amazon.path_style), (None, false));
        assert_eq!(amazon.prefix, "");

        let own =
            parse("s3://b/some/folder/?endpoint=http://127.0.0.1:3900/&region=garage").unwrap();
        assert_eq!(own.endpoint.as_deref(), Some("http://127.0.0.1:3900"));
        assert!(own.path_style);
        assert_eq!(own.key_prefix(), "some/folder/");
        assert!(!format!("{own:?}").contains("\"secret\""));

        let hosted = parse("s3://b?endpoint=https://s3.example.com&path_style=false").unwrap();
        assert_eq!(hosted.endpoint_of_bucket("https://s3.example.com"), "https://b.s3.example.com");
    }

    #[test]
    fn broken_urls_are_refused_with_the_rule() {
        for url in [
            "bucket",
            "http://bucket",
            "s3://",
            "s3://b?endpoint=127.0.0.1:3900",
            "s3://b?endpoint=ftp://host",
            "s3://b?public_endpoint=http://host/path",
            "s3://b?path_style=maybe",
            "s3://b?regoin=x",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
