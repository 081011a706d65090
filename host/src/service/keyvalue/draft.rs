//! `wasi:keyvalue@0.2.0-draft`, which components made elsewhere import: the same buckets and the same values as in the
//! newer version. It has no compare-and-swap, counts without a sign, and numbers its cursors.

use super::{Bucket, Error, Has, View};
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
        match e {
            Error::Guest(super::store::Error::NoSuchStore) => Ok(store::Error::NoSuchStore),
            Error::Guest(super::store::Error::AccessDenied) => Ok(store::Error::AccessDenied),
            Error::Guest(super::store::Error::Other(text)) => Ok(store::Error::Other(text)),
            Error::Trap(e) => Err(e),
        }
    }
}

impl store::HostBucket for View<'_> {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        let bucket = self.bucket(&bucket)?;
        let value = self.kv().get(&bucket, &key).await;
        value.map_err(|e| self.error(e))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        let bucket = self.bucket(&bucket)?;
        let done = self.kv().set(&bucket, &key, value).await;
        done.map_err(|e| self.error(e))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), Error> {
        let bucket = self.bucket(&bucket)?;
        let done = self.kv().delete(&bucket, &key).await;
        done.map_err(|e| self.error(e))
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, Error> {
        let bucket = self.bucket(&bucket)?;
        let found = self.kv().exists(&bucket, &key).await;
        found.map_err(|e| self.error(e))
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
        self.table.delete(bucket)?;
        Ok(())
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
        let bucket = self.bucket(&bucket)?;
        let values = self.kv().get_many(&bucket, keys.clone()).await;
        let values = values.map_err(|e| self.error(e))?;
        let pairs = keys.into_iter().zip(values);
        Ok(pairs.map(|(key, value)| Some((key, value?))).collect())
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        values: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Error> {
        let bucket = self.bucket(&bucket)?;
        let done = self.kv().set_many(&bucket, values).await;
        done.map_err(|e| self.error(e))
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<(), Error> {
        let bucket = self.bucket(&bucket)?;
        let done = self.kv().delete_many(&bucket, keys).await;
        done.map_err(|e| self.error(e))
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
