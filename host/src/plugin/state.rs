//! The `T` of `Store<T>`: what an instance's host calls reach.

use super::{
    held::{self, Hoard},
    limits::Memory,
};
use crate::{
    engine::Busy,
    service::{
        Deadline, Scope, Speaker, config, keyvalue, logging, outbound, permissions, sql,
        stdio::{Output, Outputs},
    },
};
use std::sync::Arc;
use tracing::level_filters::LevelFilter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// Handles that one instance may hold at once.
const MAX_HANDLES: usize = 10_000;
/// Bytes of one set of headers that a guest makes, in memory.
pub(super) const MAX_FIELDS: usize = 64 << 10;

/// What the services hold for one build. Shared by its instances.
pub(super) struct Services {
    pub(super) speaker: Speaker,
    pub(super) config: config::Ctx,
    pub(super) outbound: outbound::Ctx,
    pub(super) permissions: permissions::Ctx,
    /// `None` only while a component describes itself: its linker has traps in the place of these.
    pub(super) data: Option<(sql::Ctx, keyvalue::Ctx)>,
}

impl Services {
    fn data(&self) -> &(sql::Ctx, keyvalue::Ctx) {
        self.data
            .as_ref()
            .expect("describe's linker has no service that reaches this")
    }
}

pub(super) struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: outbound::Ctx,
    services: Arc<Services>,
    config: Arc<config::Snapshot>,
    scope: Scope,
    transactions: sql::Open,
    swaps: keyvalue::Open,
    outputs: Outputs,
    /// The plugin's level in the log when the instance was made.
    threshold: LevelFilter,
    pub(super) memory: Memory,
    /// While it works, or may.
    busy: Option<Busy>,
}

impl State {
    /// `wasi`: with nothing granted but output and time. `memory`: bytes of linear memory.
    pub(super) fn new(
        services: Arc<Services>,
        mut wasi: WasiCtxBuilder,
        scope: Scope,
        memory: u64,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_FIELDS);
        let outputs = Outputs::new(&services.speaker, &scope.caller);
        let threshold = services.speaker.voice.level();
        // Nothing is granted: no folder, no variable, no argument, no address.
        let wasi = wasi
            .stdout(outputs.stdout.clone())
            .stderr(outputs.stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .max_random_size(64 << 10)
            .build();
        let mut state = Self {
            table,
            wasi,
            http,
            outbound: services.outbound.clone(),
            config: services.config.now(),
            services,
            scope: scope.clone(),
            transactions: sql::Open::default(),
            swaps: keyvalue::Open::default(),
            outputs,
            threshold,
            memory: Memory::new(memory),
            busy: None,
        };
        state.begin(scope);
        state
    }

    /// From here on the instance works for this request.
    pub(super) fn begin(&mut self, scope: Scope) {
        self.outputs.begin(&scope.caller);
        self.scope = scope;
        self.outbound.begin();
        self.busy.get_or_insert_with(Busy::begin);
    }

    /// The instance waits for a request.
    pub(super) fn rest(&mut self) {
        self.outputs.end();
        self.busy = None;
    }

    pub(super) fn deadline(&self) -> &Deadline {
        &self.scope.deadline
    }

    /// What the guest wrote to standard error for this request, the last of it.
    pub(super) fn stderr(&self) -> Output {
        self.outputs.stderr.clone()
    }

    /// True when another request can have the instance: no transaction was left open, memory is about what it was, few
    /// handles are left, which keep little, and what it may have been told of its plugin's level still holds.
    pub(super) fn is_reusable(&mut self) -> bool {
        let idle = !self.transactions.any() && self.swaps.is_little();
        idle && !self.memory.has_swollen()
            && held::is_little(&mut self.table)
            && self.threshold == self.services.speaker.voice.level()
    }

    /// Whether handles keep no more in the host than they may.
    pub(super) fn check_held(&mut self) -> Result<(), Hoard> {
        held::check(&mut self.table)
    }

    pub(super) fn config(&mut self) -> config::View<'_> {
        config::View(&self.config)
    }

    /// That of the section of the configuration which the instance has.
    pub(super) fn generation(&self) -> u64 {
        self.config.generation
    }

    pub(super) fn keyvalue(&mut self) -> keyvalue::View<'_> {
        keyvalue::View {
            ctx: &self.services.data().1,
            speaker: &self.services.speaker,
            scope: &self.scope,
            open: &mut self.swaps,
            table: &mut self.table,
        }
    }

    pub(super) fn logging(&mut self) -> logging::View<'_> {
        logging::View {
            speaker: &self.services.speaker,
            scope: &self.scope,
            threshold: self.threshold,
        }
    }

    pub(super) fn permissions(&mut self) -> permissions::View<'_> {
        permissions::View {
            ctx: &self.services.permissions,
            speaker: &self.services.speaker,
            scope: &self.scope,
        }
    }

    pub(super) fn sql(&mut self) -> sql::View<'_> {
        sql::View {
            ctx: &self.services.data().0,
            speaker: &self.services.speaker,
            scope: &self.scope,
            table: &mut self.table,
            open: &mut self.transactions,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}
