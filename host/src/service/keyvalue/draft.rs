//! `wasi:keyvalue@0.2.0-draft`, which components made elsewhere import: the same buckets and the same values as in the
//! newer version. It has no compare-and-swap, counts without a sign, and numbers its cursors.

use super::{Bucket, Error, Has, View, batch as newer_batch, store as newer};
use wasmtime::{
    Result,
    component::{Linker, Resource},
};

mod bindings {
    wasmtime::component::bindgen!({
        // By itself: read together with the newer version, both would have their version in their modules' names.
        path: "../wit/deps/keyvalue/draft",
        interfaces: "include wasi:keyvalue/imports@0.2.0-draft;",
        imports: { default: async | trappable },
        with: { "wasi:keyvalue/store.bucket": super::super::Bucket },
        trappable_error_type: { "wasi:keyvalue/store.error" => super::super::Error },
    });
}
use bindings::wasi::keyvalue::{atomics, batch, store};

/// wasmtime's own host of this version has one store, whose name is empty.
const NAMELESS: &str = "default";

impl store::Host for View<'_> {
    async fn open(&mut self, name: String) -> Result<Resource<Bucket>, Error> {
        let name = if name.is_empty() {
            NAMELESS
        } else {
            name.as_str()
        };
        self.open_bucket(name).await
    }

    fn convert_error(&mut self, e: Error) -> Result<store::Error> {
        Ok(match newer::Host::convert_error(self, e)? {
            newer::Error::NoSuchStore => store::Error::NoSuchStore,
            newer::Error::AccessDenied => store::Error::AccessDenied,
            newer::Error::Other(text) => store::Error::Other(text),
        })
    }
}

/// What both versions have alike is the newer one's.
impl store::HostBucket for View<'_> {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        newer::HostBucket::get(self, bucket, key).await
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        newer::HostBucket::set(self, bucket, key, value).await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), Error> {
        newer::HostBucket::delete(self, bucket, key).await
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, Error> {
        newer::HostBucket::exists(self, bucket, key).await
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Result<store::KeyResponse, Error> {
        let bucket = self.bucket(&bucket)?;
        let page = self.kv().list_keys_by_age(&bucket, cursor).await;
        let (keys, cursor) = page.map_err(|e| self.error(e))?;
        Ok(store::KeyResponse { keys, cursor })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        newer::HostBucket::drop(self, bucket).await
    }
}

impl atomics::Host for View<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Result<u64, Error> {
        let bucket = self.bucket(&bucket)?;
        let sum = self.kv().increment_unsigned(&bucket, &key, delta).await;
        sum.map_err(|e| self.error(e))
    }
}

impl batch::Host for View<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, Error> {
        let pairs = newer_batch::Host::get_many(self, bucket, keys).await?;
        let pairs = pairs.into_iter();
        Ok(pairs.map(|(key, value)| Some((key, value?))).collect())
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        values: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Error> {
        newer_batch::Host::set_many(self, bucket, values).await
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<(), Error> {
        newer_batch::Host::delete_many(self, bucket, keys).await
    }
}

pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> Result<()> {
    store::add_to_linker::<T, Has>(linker, view)?;
    atomics::add_to_linker::<T, Has>(linker, view)?;
    batch::add_to_linker::<T, Has>(linker, view)
}
