//! Objects that are written piece by piece, past the system's cache, and named in the end.

use bytes::Bytes;
use steelyard_core::fault::crash_point;

use super::LocalStore;
use super::direct::DirectWriter;
use crate::error::Result;
use crate::hashing::blocking;
use crate::{BlobError, Key};

/// A file on its way to become an object. Dropped unfinished, it is removed.
#[derive(Debug)]
pub(crate) struct Aside {
    store: LocalStore,
    /// Away while a piece is written; for good when that failed.
    writer: Option<DirectWriter>,
}

impl LocalStore {
    pub(crate) async fn begin_aside(&self) -> Result<Aside> {
        let store = self.clone();
        blocking(move || {
            let file =
                store.temp_file().map_err(|error| BlobError::io("begin an object", error))?;
            Ok(Aside { store, writer: Some(DirectWriter::new(file)) })
        })
        .await
    }
}

impl Aside {
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let (store, mut writer) = (self.store.clone(), self.take()?);
        let written = blocking(move || {
            store
                .step(|| writer.write(&bytes))
                .map_err(|error| BlobError::io("write an object", error))?;
            Ok(writer)
        });
        self.writer = Some(written.await?);
        Ok(())
    }

    pub(crate) async fn finish(mut self, key: Key) -> Result<()> {
        let (store, writer) = (self.store.clone(), self.take()?);
        blocking(move || {
            let finish = || {
                let file = store.step(|| writer.finish())?;
                store.step(|| file.as_file().sync_all())?;
                crash_point("blob.put.synced");
                store.persist(file.into_temp_path(), &key)
            };
            finish().map_err(|error| BlobError::io("write an object", error))
        })
        .await
    }

    fn take(&mut self) -> Result<DirectWriter> {
        let failed = || BlobError::unavailable("an earlier step of the object failed");
        self.writer.take().ok_or_else(failed)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        // Freeing a large file takes the disk a while, so not on an async thread.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(writer));
        }
    }
}
