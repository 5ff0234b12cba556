//! An object store over the local disk that says "done" only once the bytes and the name survive power loss.
//!
//! `object_store`'s own `LocalFileSystem` never syncs. Everything below Delta (commits, checkpoints, data files) is written
//! through this wrapper instead.

use std::fmt;
use std::fs::File;
use std::path::{Path as FsPath, PathBuf};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::disk::{DiskRef, create_dir};

/// The syncing store, rooted at the file system's root like `file://`.
#[derive(Debug)]
pub(crate) struct SyncedStore {
    inner: LocalFileSystem,
    disk: DiskRef,
}

impl SyncedStore {
    pub(crate) fn new(disk: DiskRef) -> Self {
        Self { inner: LocalFileSystem::new(), disk }
    }

    /// Makes the directory of a file to come, so that its name is synced too.
    async fn prepare(&self, location: &Path) -> Result<PathBuf> {
        let path = self.inner.path_to_filesystem(location)?;
        let (disk, parent) = (DiskRef::clone(&self.disk), parent_of(&path).to_owned());
        blocking(move || create_dir(disk.as_ref(), &parent)).await?;
        Ok(path)
    }
}

fn parent_of(path: &FsPath) -> &FsPath {
    path.parent().expect("an object lies in a directory")
}

async fn blocking(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await?.map_err(|source| Error::Generic { store: "synced", source: source.into() })
}

async fn sync(disk: &DiskRef, path: PathBuf) -> Result<()> {
    let disk = DiskRef::clone(disk);
    blocking(move || {
        disk.sync_file(&File::open(&path)?, &path)?;
        disk.sync_dir(parent_of(&path))
    })
    .await
}

impl fmt::Display for SyncedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SyncedStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for SyncedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let path = self.prepare(location).await?;
        let result = self.inner.put_opts(location, payload, options).await?;
        sync(&self.disk, path).await?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.prepare(location).await?;
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(SyncedUpload { inner, path, disk: DiskRef::clone(&self.disk) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let path = self.prepare(to).await?;
        self.inner.copy_opts(from, to, options).await?;
        sync(&self.disk, path).await
    }
}

#[derive(Debug)]
struct SyncedUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
    disk: DiskRef,
}

#[async_trait]
impl MultipartUpload for SyncedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        sync(&self.disk, self.path.clone()).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
