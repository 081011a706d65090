//! One instance: a store with the guest's memory, and its HTTP handler. It works on one request at a time.

use super::{
    state::{Services, State},
    unary,
};
use crate::service::{Scope, stdio::Output};
use std::{sync::Arc, time::Instant};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::{
    Store, UpdateDeadline,
    component::{InstancePre, Resource},
};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi_http::p2::{
    bindings::{Proxy, ProxyIndices},
    types::{HostIncomingRequest, HostResponseOutparam},
};

/// What host calls may copy out of a guest at once, in bytes.
const HOSTCALL_FUEL: usize = 16 << 20;

pub(super) struct Instance {
    pub(super) store: Store<State>,
    proxy: Proxy,
    pub(super) unary: Option<unary::Handler>,
    /// Requests it has begun.
    pub(super) uses: u32,
    pub(super) idle_since: Instant,
    _slot: OwnedSemaphorePermit,
}

/// The guest ran past its deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutOfTime;

impl std::fmt::Display for OutOfTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the plugin ran past its deadline")
    }
}

impl std::error::Error for OutOfTime {}

/// A store whose guest code is stopped at its scope's deadline, and lets others run on every tick of the engine's clock
/// once it has run for one.
pub(super) fn store(
    engine: &wasmtime::Engine,
    services: Arc<Services>,
    wasi: WasiCtxBuilder,
    scope: Scope,
    memory: u64,
) -> Store<State> {
    let mut store = Store::new(engine, State::new(services, wasi, scope, memory));
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(HOSTCALL_FUEL);
    store.epoch_deadline_callback(|mut store| {
        if store.data().deadline().passed() {
            return Err(wasmtime::Error::from(OutOfTime));
        }
        store.data_mut().check_held()?;
        // As tokio's own yield: sockets and timers are looked at before it runs on.
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    store.set_epoch_deadline(1);
    store
}

impl Instance {
    pub(super) async fn new(
        pre: &InstancePre<State>,
        proxy: &ProxyIndices,
        unary: Option<&unary::Indices>,
        mut store: Store<State>,
        slot: OwnedSemaphorePermit,
    ) -> wasmtime::Result<Self> {
        let instance = pre.instantiate_async(&mut store).await?;
        let proxy = proxy.load(&mut store, &instance)?;
        let unary = unary
            .map(|unary| unary.load(&mut store, &instance))
            .transpose()?;
        store.data_mut().memory.started();
        Ok(Self {
            store,
            proxy,
            unary,
            uses: 0,
            idle_since: Instant::now(),
            _slot: slot,
        })
    }

    /// Starts to work for a request.
    pub(super) fn begin(&mut self, scope: Scope) {
        self.uses += 1;
        self.store.data_mut().begin(scope);
        // The first tick may come at once: a short call is not interrupted by it.
        self.store.set_epoch_deadline(2);
    }

    pub(super) async fn handle(
        &mut self,
        request: Resource<HostIncomingRequest>,
        answer: Resource<HostResponseOutparam>,
    ) -> wasmtime::Result<()> {
        self.proxy
            .wasi_http_incoming_handler()
            .call_handle(&mut self.store, request, answer)
            .await
    }

    pub(super) fn stderr(&self) -> Output {
        self.store.data().stderr()
    }
}
