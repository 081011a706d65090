//! Any bytes as a component: refused, or compiled, linked and asked what it is, within the host's bounds.
//!
//! The host compiles in a child process; here it is this one, so that the fuzzer sees the compiler's branches.
#![no_main]

use greenroom::{
    config,
    engine::Engine,
    id::BuildId,
    plugin::{header, inspect_compiled},
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};
use wasmtime::component::Component;

static ENGINE: LazyLock<(Engine, tempfile::TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for the cache");
    let settings = config::Engine {
        max_instances: 4,
        max_memory: 16 << 20,
    };
    // It creates one that nobody else can write to.
    let engine = Engine::new(&settings, &folder.path().join("cache")).expect("the engine starts");
    (engine, folder)
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("the runtime starts")
});

fuzz_target!(|bytes: &[u8]| {
    if let Err(refused) = header::check(bytes) {
        assert!(!refused.message.is_empty());
        return;
    }
    let Ok(component) = Component::new(ENGINE.0.wasmtime(), bytes) else {
        return;
    };
    let id = BuildId::of(bytes);
    let inspected = RUNTIME.block_on(inspect_compiled(id, bytes.len(), &component));
    let inspected = inspected.expect("what compiles is told of");
    if let Some(problem) = inspected.problem {
        assert!(!problem.message.is_empty());
    }
});
