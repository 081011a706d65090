//! The wasmtime engine: one for all plugins, sized at start. The compile cache is in `engine/cache.rs`, the child process
//! that compiles in `engine/compile.rs`, the epoch's clock in `engine/clock.rs`, the threads for guests that run for long in
//! `engine/slow.rs`, who starts there in `engine/lane.rs`, work beside a guest's stack in `engine/own_stack.rs`, the host's
//! own allocator in `engine/allocator.rs`.

mod allocator;
mod cache;
mod clock;
mod compile;
mod in_use;
mod lane;
mod own_stack;
mod pace;
mod priority;
mod slow;
mod starved;

use crate::config;
use std::{num::NonZeroUsize, sync::Arc};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

pub use allocator::give_back_soon;
pub use cache::{Cache, CacheError};
pub use clock::Busy;
pub use compile::{CompileError, run_child as run_compile_child};
pub use lane::Lane;
pub use own_stack::{THREAD_STACK, on_own_stack};
pub use slow::{Watched, Work};

/// Instances beyond `engine.maxInstances` that the allocator has room for: the throw-away ones in which 16 new builds are
/// described and started, 16 say how they are and 16 stop while the pool is full.
const SPARE_INSTANCES: u32 = 64;

/// Core modules of one component that the allocator is sized for: an SDK plugin has 3 or 4, a Python guest about 20.
const CORE_INSTANCES_PER_COMPONENT: u32 = 8;

/// Elements of one table: a Python guest has about 15,000 functions in it.
const TABLE_ELEMENTS: usize = 65_536;

/// Free slots of the allocator that keep the mapping of the build that had them last. With wasmtime's 100 every deploy takes
/// fresh ones, and the host grows for a hundred deploys. None keeps memory: with the first 128 KiB of each, every slot that
/// the busiest moment took was resident for ever (52 MiB at rest after 400 posts at once, and not 45); without, a get in a
/// fresh instance takes 8 % more.
const WARM_SLOTS: u32 = 16;

/// Bytes of its tables that a free slot keeps.
const WARM_TABLE: usize = 64 << 10;

/// Bytes of wasm stack of one call; deeper recursion traps.
const WASM_STACK: usize = 512 << 10;

/// Bytes of the native stack of one call, wasm and host calls together.
const ASYNC_STACK: usize = 2 << 20;

/// The engine with its compile cache. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    engine: wasmtime::Engine,
    cache: Cache,
    slow: slow::Threads,
}

impl Engine {
    /// Reserves the address space for `engine.maxInstances` instances and starts the epoch's clock.
    pub fn new(
        settings: &config::Engine,
        cache_folder: &std::path::Path,
    ) -> Result<Self, EngineError> {
        let max_memory = usize::try_from(settings.max_memory)
            .map_err(|_| EngineError::Memory(settings.max_memory))?;
        let mut config = compile_settings();
        config.allocation_strategy(pooling(settings.max_instances, max_memory));
        let engine = wasmtime::Engine::new(&config).map_err(EngineError::Wasmtime)?;
        let cache = Cache::open(cache_folder, &engine)?;
        clock::start(&engine).map_err(EngineError::Clock)?;
        let slow = slow::Threads::new().map_err(EngineError::Slow)?;
        Ok(Self(Arc::new(Shared {
            engine,
            cache,
            slow,
        })))
    }

    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.engine
    }

    pub fn cache(&self) -> &Cache {
        &self.0.cache
    }
}

/// Why the host cannot start its engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("engine.maxMemory: {0} bytes do not fit this machine's address space")]
    Memory(u64),
    #[error(
        "the engine does not start (engine.maxInstances and engine.maxMemory reserve address space): {0:#}"
    )]
    Wasmtime(wasmtime::Error),
    #[error("no thread for the engine's clock: {0}")]
    Clock(std::io::Error),
    #[error("no threads for guests that run for long: {0}")]
    Slow(std::io::Error),
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// What decides how code is compiled: the same in the host and in the child that compiles for it. Features that plugins
/// do not need are off, so that less of the engine can be reached.
fn compile_settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .wasm_backtrace_max_frames(NonZeroUsize::new(32))
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .gc_support(false)
        .wasm_gc(false)
        .native_unwind_info(false);
    config
}

fn pooling(instances: u32, max_memory: usize) -> InstanceAllocationStrategy {
    let instances = instances.saturating_add(SPARE_INSTANCES);
    let cores = instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(cores)
        .total_memories(instances)
        .total_tables(cores)
        .total_stacks(instances)
        .max_memory_size(max_memory)
        .table_elements(TABLE_ELEMENTS)
        .max_memories_per_component(4)
        .max_tables_per_component(CORE_INSTANCES_PER_COMPONENT * 4)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT * 8)
        // Of tables only what was written is reset, where the kernel has a page-map scan. Memories are given back whole.
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(WARM_SLOTS)
        .table_keep_resident(WARM_TABLE);
    InstanceAllocationStrategy::Pooling(pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::{Instance, Module, Store};

    /// A memory of four pages, exported as `m`.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\x05\x03\x01\0\x04\x07\x05\x01\x01m\x02\0";

    #[test]
    fn a_free_slot_keeps_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let settings = config::Engine {
            max_instances: 1,
            max_memory: 1 << 20,
        };
        let engine = Engine::new(&settings, &folder.path().join("cache")).unwrap();
        let engine = engine.wasmtime();
        let module = Module::new(engine, MODULE).unwrap();
        let slots = engine.pooling_allocator_metrics().unwrap();
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "m").unwrap();
        memory.data_mut(&mut store).fill(1);
        assert_eq!(slots.memories(), 1);
        drop(store);
        assert_eq!(slots.memories(), 0);
        assert_eq!(slots.unused_memory_bytes_resident(), 0);
    }
}
