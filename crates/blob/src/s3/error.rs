use std::io;

use object_store::Error;

use crate::BlobError;
use crate::error::Result;

/// Turns an error of the client into ours; "not found" is the caller's to handle before.
pub(super) fn refused(action: &'static str) -> impl Fn(Error) -> BlobError {
    move |error| match error {
        Error::NotSupported { .. } | Error::NotImplemented { .. } | Error::InvalidPath { .. } => {
            BlobError::Io { action, source: io::Error::new(io::ErrorKind::Unsupported, error) }
        }
        error => from_server(action, error),
    }
}

/// Tells a refusal, which somebody must do something about, from a failure that may pass.
pub(super) fn from_server(
    action: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> BlobError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        let kind = current.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::PermissionDenied) {
            return BlobError::Io {
                action,
                source: io::Error::new(io::ErrorKind::PermissionDenied, error),
            };
        }
        cause = current.source();
    }
    BlobError::unavailable(error)
}

pub(super) fn found<T>(result: Result<T, Error>, action: &'static str) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(refused(action)(error)),
    }
}
