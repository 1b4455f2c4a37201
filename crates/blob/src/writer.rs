use bytes::Bytes;

use crate::error::Result;
use crate::local::Aside;
use crate::s3::S3Store;
use crate::store::Backend;
use crate::{BlobStore, Key};

/// An object on its way into the store, whose key is known only when all of it was written. Nothing can be seen of it before
/// it is finished; dropped unfinished, it leaves nothing behind.
///
/// For objects that nobody is likely to read soon: where there is a choice, they do not take the place of others in the
/// system's cache.
#[derive(Debug)]
#[must_use = "an object that is not finished is undone"]
pub struct BlobWriter(Target);

#[derive(Debug)]
enum Target {
    File(Aside),
    /// Waits in memory, because a server wants the key first.
    Memory {
        store: S3Store,
        pieces: Vec<Bytes>,
    },
}

impl BlobStore {
    /// Begins to write an object piece by piece.
    pub async fn begin_object(&self) -> Result<BlobWriter> {
        let target = match &self.0 {
            Backend::Local(store) => Target::File(store.begin_aside().await?),
            Backend::S3(store) => Target::Memory { store: store.clone(), pieces: Vec::new() },
        };
        Ok(BlobWriter(target))
    }
}

impl BlobWriter {
    /// Takes the next bytes. In a directory nobody holds on to them when this returns.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match &mut self.0 {
            Target::File(file) => file.write(bytes).await,
            Target::Memory { pieces, .. } => {
                pieces.push(bytes);
                Ok(())
            }
        }
    }

    /// Makes the object durable under its key.
    pub async fn finish(self, key: &Key) -> Result<()> {
        match self.0 {
            Target::File(file) => file.finish(*key).await,
            Target::Memory { store, pieces } => store.put_pieces(key, pieces).await,
        }
    }
}
