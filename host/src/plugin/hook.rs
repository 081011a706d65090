//! The exports of `wit/stop.wit` and `wit/health.wit`, where a component has them: found when it is deployed, called
//! besides its requests, each time in an instance that is thrown away.

use super::{
    describe::{LIMIT, trapped},
    instance::{self, OutOfTime},
    load_error::{LoadError, Stage},
    state::{Services, State},
};
use crate::{
    auth::Caller,
    config::secrets::redacted,
    engine::{Engine, Lane, Watched},
    id::{BuildId, PluginId},
    service::{Deadline, Scope},
    telemetry::tame,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{RwLock, Semaphore},
    time::timeout,
};
use wasmtime::component::{
    ComponentExportIndex, InstancePre, Type,
    types::{ComponentFunc, ComponentItem},
};
use wasmtime_wasi::WasiCtxBuilder;

/// Calls of each kind that run at once, of all plugins. The engine has spare instances for them.
const AT_ONCE: usize = 16;
/// Bytes of what an export answers.
const MAX_ANSWER: usize = 1000;

/// The places of those calls, one set a host.
pub(super) struct Places {
    stops: Arc<Semaphore>,
    checks: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            stops: Arc::new(Semaphore::new(AT_ONCE)),
            checks: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }
}

/// Read by each call for as long as it runs; written by who wants the plugin's data to itself.
pub(super) type Beside = Arc<RwLock<()>>;

/// The exports of one build, and what a call of them needs. It outlives the build by the call of `stop`.
pub(super) struct Hooks {
    pub(super) plugin: PluginId,
    pub(super) build: BuildId,
    engine: Engine,
    services: Arc<Services>,
    pre: InstancePre<State>,
    /// Bytes of linear memory.
    memory: u64,
    places: Arc<Places>,
    beside: Beside,
    stop: Option<ComponentExportIndex>,
    check: Option<ComponentExportIndex>,
}

/// What [`Hooks`] takes over from its build.
pub(super) struct Of {
    pub(super) plugin: PluginId,
    pub(super) build: BuildId,
    pub(super) engine: Engine,
    pub(super) services: Arc<Services>,
    pub(super) memory: u64,
    pub(super) places: Arc<Places>,
    pub(super) beside: Beside,
}

impl Hooks {
    /// An error: the component has the interface in another shape.
    pub(super) fn find(pre: &InstancePre<State>, of: Of) -> Result<Arc<Self>, LoadError> {
        Ok(Arc::new(Self {
            stop: export(pre, "greenroom:plugin/stop@0.1.0", "stop")?,
            check: export(pre, "greenroom:plugin/health@0.1.0", "check")?,
            plugin: of.plugin,
            build: of.build,
            engine: of.engine,
            services: of.services,
            pre: pre.clone(),
            memory: of.memory,
            places: of.places,
            beside: of.beside,
        }))
    }

    pub(super) fn has_stop(&self) -> bool {
        self.stop.is_some()
    }

    pub(super) fn has_check(&self) -> bool {
        self.check.is_some()
    }

    /// Runs `stop`, within [`LIMIT`]; what it fails with, for the log. Nothing where it is not exported.
    pub(super) async fn stop(self: &Arc<Self>) -> Result<(), String> {
        let Some(export) = self.stop else {
            return Ok(());
        };
        self.call("stop", export, &self.places.stops, LIMIT).await
    }

    /// Runs `check`, likewise.
    pub(super) async fn check(self: &Arc<Self>, limit: Duration) -> Result<(), String> {
        let Some(export) = self.check else {
            return Ok(());
        };
        let places = &self.places.checks;
        self.call("check", export, places, limit).await
    }

    /// `limit` begins with the call itself, not with the wait for a place.
    async fn call(
        self: &Arc<Self>,
        name: &'static str,
        export: ComponentExportIndex,
        places: &Arc<Semaphore>,
        limit: Duration,
    ) -> Result<(), String> {
        let (place, beside) = loop {
            let place = places.clone().acquire_owned().await;
            let place = place.map_err(|error| error.to_string())?;
            if let Ok(beside) = self.beside.clone().try_read_owned() {
                break (place, beside);
            }
            // A migration has the plugin to itself: others have the place meanwhile.
            drop(place);
            drop(self.beside.read().await);
        };
        let hooks = self.clone();
        // Both go when the guest is gone, which may be later than whoever waits for it.
        let held = (place, beside);
        let work = async move {
            let answer = hooks.run(name, export, limit).await;
            drop(held);
            answer
        };
        // What takes long goes on where long requests do.
        Watched::new(Lane::new(&self.engine), Box::pin(work)).await
    }

    async fn run(
        &self,
        name: &'static str,
        export: ComponentExportIndex,
        limit: Duration,
    ) -> Result<(), String> {
        let scope = Scope {
            caller: Caller::host(name),
            deadline: Deadline::new(Instant::now() + limit),
        };
        let mut store = instance::store(
            self.engine.wasmtime(),
            self.services.clone(),
            WasiCtxBuilder::new(),
            scope,
            self.memory,
        );
        let call = async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            let function =
                instance.get_typed_func::<(), (Result<(), String>,)>(&mut store, export)?;
            let (answer,) = function.call_async(&mut store, ()).await?;
            Ok::<_, wasmtime::Error>(answer)
        };
        let late = || {
            Err(format!(
                "{name}() took longer than {} ms",
                limit.as_millis()
            ))
        };
        match timeout(limit, call).await {
            Err(_) => late(),
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(message))) => Err(line(&message)),
            Ok(Err(error)) if error.is::<OutOfTime>() => late(),
            Ok(Err(error)) => {
                let last_words = store.data().stderr().last_words();
                let root = error.root_cause().to_string();
                Err(line(&trapped(&format!("{name}()"), &root, &last_words)))
            }
        }
    }
}

/// A guest's text as one line that forges none.
fn line(text: &str) -> String {
    // The plugin's state shows it as well as the log.
    let text = redacted(text);
    if text.trim().is_empty() {
        return "it gave no reason".to_owned();
    }
    tame(text.trim(), MAX_ANSWER).into_owned()
}

/// `None`: the component does not have the interface.
fn export(
    pre: &InstancePre<State>,
    interface: &str,
    function: &str,
) -> Result<Option<ComponentExportIndex>, LoadError> {
    let component = pre.component();
    let Some(there) = component.get_export_index(None, interface) else {
        return Ok(None);
    };
    match component.get_export(Some(&there), function) {
        Some((ComponentItem::ComponentFunc(of), export)) if fits(&of) => Ok(Some(export)),
        _ => Err(LoadError::new(
            Stage::Exports,
            format!(
                "the component exports {interface} without `{function}: func() -> result<_, string>`, which is all of that \
                 interface: build it with the interface that this host has, or without it"
            ),
        )),
    }
}

/// Takes nothing, and answers `result<_, string>`.
fn fits(function: &ComponentFunc) -> bool {
    let answers = |answer: Type| match answer {
        Type::Result(of) => of.ok().is_none() && matches!(of.err(), Some(Type::String)),
        _ => false,
    };
    let (takes, gives) = (function.params().len(), function.results().len());
    takes == 0 && gives == 1 && function.results().all(answers)
}

#[cfg(test)]
mod tests {
    use super::{MAX_ANSWER, line};

    #[test]
    fn what_a_guest_says_is_one_bounded_line() {
        assert_eq!(line(" a queue is full\n"), "a queue is full");
        assert_eq!(line("a\nb\u{1b}[0m"), "a\\nb\\u{1b}[0m");
        assert_eq!(line(" \n"), "it gave no reason");
        assert!(line(&"x".repeat(5000)).len() < MAX_ANSWER + 20);
    }
}
