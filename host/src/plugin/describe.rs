//! What a component says of itself. It is asked in a store of its own, with every service refused and five seconds.

use super::{
    descriptor::{self, Descriptor, LifecycleIndices},
    instance::{self, OutOfTime},
    link::{Linkers, REFUSED},
    load_error::{LoadError, Stage},
    state::{Services, State},
};
use crate::{
    auth::Caller,
    service::{Deadline, Scope, Speaker, config, outbound, permissions, stdio::Output},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use wasmtime::{Engine, Store, component::Component};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, random::Deterministic};

/// For `describe` and for `start`, each.
pub(super) const LIMIT: Duration = Duration::from_secs(5);
/// The export that makes a component a plugin of ours; without it, it is a plain wasi:http component.
pub(super) const LIFECYCLE: &str = "greenroom:plugin/lifecycle@0.1.0";

/// Bytes of linear memory while it describes itself.
const MEMORY: u64 = 128 << 20;

/// `None`: the component has no `lifecycle`.
pub(super) async fn describe(
    linkers: &Linkers,
    component: &Component,
    speaker: Speaker,
) -> Result<Option<Descriptor>, LoadError> {
    if component.get_export_index(None, LIFECYCLE).is_none() {
        return Ok(None);
    }
    let mut last_words = None;
    let call = async {
        let pre = linkers.describing(component)?;
        let indices = LifecycleIndices::new(&pre)?;
        let mut store = inert_store(component.engine(), speaker);
        last_words = Some(store.data().stderr());
        let instance = pre.instantiate_async(&mut store).await?;
        let lifecycle = indices.load(&mut store, &instance)?;
        lifecycle
            .greenroom_plugin_lifecycle()
            .call_describe(&mut store)
            .await
    };
    let fail = |message: String| LoadError::new(Stage::Describe, message);
    let described = match timeout(LIMIT, call).await {
        Err(_) => {
            return Err(fail(format!(
                "describe() took longer than {} s",
                LIMIT.as_secs()
            )));
        }
        Ok(Err(error)) if error.is::<OutOfTime>() => {
            return Err(fail(format!(
                "describe() took longer than {} s",
                LIMIT.as_secs()
            )));
        }
        Ok(Err(error)) => {
            return Err(fail(refusal(
                "describe()",
                &error,
                &last_words
                    .map(|w: Output| w.last_words())
                    .unwrap_or_default(),
            )));
        }
        Ok(Ok(described)) => described,
    };
    descriptor::check(described).map(Some).map_err(fail)
}

/// Why a call that may not reach the host failed.
pub(super) fn refusal(call: &str, error: &wasmtime::Error, last_words: &str) -> String {
    let root = error.root_cause().to_string();
    match root.strip_prefix(REFUSED) {
        Some(what) => format!("{call} may not call the host{what}"),
        None => trapped(call, &root, last_words),
    }
}

/// What a guest's call trapped with, its own last words first.
pub(super) fn trapped(call: &str, root: &str, last_words: &str) -> String {
    if last_words.is_empty() {
        format!("{call} trapped: {root}")
    } else {
        format!("{call} trapped: {last_words} ({root})")
    }
}

/// WASI is there, since language runtimes use it to start and to print a panic, but clocks stand still and randomness is
/// constant: the answer may depend on nothing but the component's bytes.
pub(super) fn inert_store(engine: &Engine, speaker: Speaker) -> Store<State> {
    let mut wasi = WasiCtx::builder();
    wasi.wall_clock(Still)
        .monotonic_clock(Still)
        .secure_random(Deterministic::new(vec![0]))
        .insecure_random(Deterministic::new(vec![0]))
        .insecure_random_seed(0);
    let services = Services {
        permissions: permissions::Ctx::nothing(speaker.plugin.clone()),
        speaker,
        config: config::Ctx::default(),
        outbound: outbound::Ctx::new(),
        data: None,
    };
    let scope = Scope {
        caller: Caller::host("describe"),
        deadline: Deadline::new(Instant::now() + LIMIT),
    };
    instance::store(engine, Arc::new(services), wasi, scope, MEMORY)
}

/// A clock that always shows the same moment.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}
