//! `wasi:keyvalue/{store,atomics,batch}`: one space a plugin, in a file of its own or in memory. The store bounds each call
//! itself, and a request that runs out of time drops the call. `keyvalue/draft.rs` is the older version of the package.

mod draft;

use super::{Scope, Speaker};
pub use crate::storage::kv::Bucket;
use crate::storage::kv::{Keyvalue, KvError};
use wasmtime::{
    Result,
    component::{HasData, Linker, Resource, ResourceTable, ResourceTableError},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        interfaces: "include wasi:keyvalue/imports@0.2.0-draft2;",
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store.bucket": super::Bucket,
            "wasi:keyvalue/atomics.cas": super::Cas,
        },
        trappable_error_type: { "wasi:keyvalue/store.error" => super::Error },
    });
}
use bindings::wasi::keyvalue::{atomics, batch, store};

#[derive(Clone)]
pub struct Ctx(pub Keyvalue);

/// Bytes that the open compare-and-swaps of one instance hold: eight of the largest values.
const MAX_SEEN: usize = 16 << 20;

/// Of those, what may be left after a call for another one to be begun in the instance.
const LEFT: usize = 1 << 20;

/// A compare-and-swap: the value that was seen.
pub struct Cas {
    bucket: Bucket,
    key: String,
    seen: Option<Vec<u8>>,
}

impl Cas {
    fn bytes(&self) -> usize {
        self.key.len() + self.seen.as_ref().map_or(0, Vec::len)
    }
}

/// What one instance holds: bytes of its open compare-and-swaps.
#[derive(Default)]
pub struct Open(usize);

impl Open {
    /// Whether an instance whose call has ended keeps next to nothing.
    pub fn is_little(&self) -> bool {
        self.0 <= LEFT
    }
}

pub struct View<'a> {
    pub ctx: &'a Ctx,
    pub speaker: &'a Speaker,
    pub scope: &'a Scope,
    pub open: &'a mut Open,
    pub table: &'a mut ResourceTable,
}

/// What a call may end with: an answer for the guest, or a trap.
pub enum Error {
    Guest(store::Error),
    Trap(wasmtime::Error),
}

impl From<ResourceTableError> for Error {
    fn from(e: ResourceTableError) -> Self {
        Self::Trap(e.into())
    }
}

impl View<'_> {
    fn bucket(&self, bucket: &Resource<Bucket>) -> Result<Bucket, Error> {
        Ok(self.table.get(bucket)?.clone())
    }

    fn kv(&self) -> &Keyvalue {
        &self.ctx.0
    }

    /// Two of the interface's errors say nothing: what they mean here is in the log.
    fn error(&self, error: KvError) -> Error {
        tracing::debug!(
            target: "plugin", plugin = %self.speaker.plugin, build = %self.speaker.build,
            request = &*self.scope.caller.request, principal = self.scope.caller.principal.name(), %error,
            "keyvalue"
        );
        Error::Guest(match error {
            KvError::InvalidBucket(_) => store::Error::NoSuchStore,
            KvError::TooManyBuckets(_) => store::Error::AccessDenied,
            error => store::Error::Other(error.to_string()),
        })
    }

    async fn open_bucket(&mut self, name: &str) -> Result<Resource<Bucket>, Error> {
        let opened = self.kv().open_bucket(name).await;
        let bucket = opened.map_err(|e| self.error(e))?;
        Ok(self.table.push(bucket)?)
    }

    /// Every handle keeps the value that it saw: their sum is bounded, as their number is.
    fn hold(&mut self, cas: Cas) -> Result<Resource<Cas>, Error> {
        let held = self.open.0 + cas.bytes();
        if held > MAX_SEEN {
            return Err(Error::Guest(store::Error::Other(format!(
                "the open compare-and-swaps of one instance may hold {} MiB of values; drop some",
                MAX_SEEN >> 20
            ))));
        }
        let handle = self.table.push(cas)?;
        self.open.0 = held;
        Ok(handle)
    }

    fn let_go(&mut self, cas: Resource<Cas>) -> Result<Cas> {
        let cas = self.table.delete(cas)?;
        self.open.0 -= cas.bytes();
        Ok(cas)
    }
}

impl store::Host for View<'_> {
    async fn open(&mut self, name: String) -> Result<Resource<Bucket>, Error> {
        self.open_bucket(&name).await
    }

    fn convert_error(&mut self, e: Error) -> Result<store::Error> {
        match e {
            Error::Guest(e) => Ok(e),
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
        cursor: Option<String>,
    ) -> Result<store::KeyResponse, Error> {
        let bucket = self.bucket(&bucket)?;
        let page = self.kv().list_keys(&bucket, cursor).await;
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
        delta: i64,
    ) -> Result<i64, Error> {
        let bucket = self.bucket(&bucket)?;
        let sum = self.kv().increment(&bucket, &key, delta).await;
        sum.map_err(|e| self.error(e))
    }

    async fn swap(
        &mut self,
        cas: Resource<Cas>,
        value: Vec<u8>,
    ) -> Result<Result<(), atomics::CasError>> {
        let mut cas = self.let_go(cas)?;
        let swapped = self
            .kv()
            .compare_and_swap(&cas.bucket, &cas.key, cas.seen.clone(), value)
            .await;
        let newer = match swapped {
            Ok(Ok(())) => return Ok(Ok(())),
            Ok(Err(current)) => {
                // The interface hands out a fresh handle that has seen what is there now.
                cas.seen = current;
                self.hold(cas)
            }
            Err(e) => Err(self.error(e)),
        };
        match newer {
            Ok(newer) => Ok(Err(atomics::CasError::CasFailed(newer))),
            Err(Error::Guest(e)) => Ok(Err(atomics::CasError::StoreError(e))),
            Err(Error::Trap(e)) => Err(e),
        }
    }
}

impl atomics::HostCas for View<'_> {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Resource<Cas>, Error> {
        let bucket = self.bucket(&bucket)?;
        let seen = self.kv().get(&bucket, &key).await;
        let seen = seen.map_err(|e| self.error(e))?;
        self.hold(Cas { bucket, key, seen })
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.table.get(&cas)?.seen.clone())
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> Result<()> {
        self.let_go(cas)?;
        Ok(())
    }
}

impl batch::Host for View<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        let bucket = self.bucket(&bucket)?;
        let values = self.kv().get_many(&bucket, keys.clone()).await;
        let values = values.map_err(|e| self.error(e))?;
        Ok(keys.into_iter().zip(values).collect())
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

struct Has;

impl HasData for Has {
    type Data<'a> = View<'a>;
}

/// Both versions of the package.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> Result<()> {
    store::add_to_linker::<T, Has>(linker, view)?;
    atomics::add_to_linker::<T, Has>(linker, view)?;
    batch::add_to_linker::<T, Has>(linker, view)?;
    draft::add_to_linker(linker, view)
}
