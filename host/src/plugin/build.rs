//! One build of a plugin, ready to serve: linked, with its warm instances and its policies.

use super::{
    Content, Error,
    call::{self, Answering, Asked, Said},
    describe::{LIFECYCLE, LIMIT, trapped},
    descriptor::{Access, Descriptor, LifecycleIndices, Policy},
    gate::Place,
    hook::{self, Beside, Hooks, Places},
    instance::{self, Instance, OutOfTime},
    load_error::{LoadError, Stage},
    pool::{Pool, Slots},
    state::{Services, State},
    unary,
};
use crate::{
    auth::Caller,
    config::{Limits, Settings, secrets::redacted},
    engine::{Engine, Lane, Watched},
    id::{BuildId, PluginId},
    service::{Deadline, Scope},
};
use bytes::Bytes;
use http::{Request, request};
use std::{sync::Arc, time::Instant};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use wasmtime::{
    Store,
    component::{Component, InstancePre, Linker},
};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi_http::p2::bindings::ProxyIndices;

pub(super) struct Build {
    pub(super) plugin: PluginId,
    pub(super) id: BuildId,
    /// The descriptor's; empty for a component without one.
    pub(super) version: String,
    pub(super) since: jiff::Timestamp,
    pub(super) limits: Arc<Limits>,
    pub(super) pool: Arc<Pool>,
    pub(super) streams: Arc<Semaphore>,
    engine: Engine,
    pub(super) lane: Arc<Lane>,
    slots: Arc<Slots>,
    services: Arc<Services>,
    /// Held, so that plugins of the same bytes share it.
    component: Arc<Component>,
    pre: InstancePre<State>,
    proxy: ProxyIndices,
    /// The optional export, where the component has it.
    unary: Option<unary::Indices>,
    /// That of its section of the configuration, where it gives one.
    pub(super) schema: Option<Arc<str>>,
    pub(super) hooks: Arc<Hooks>,
    /// Dropped with the build, which each of its requests holds.
    ended: DropGuard,
    /// Their paths without slashes at the end.
    policies: Vec<Policy>,
    open: bool,
}

/// What a build stands on: what its plugin has for all builds.
pub(super) struct Ground {
    pub(super) plugin: PluginId,
    pub(super) limits: Arc<Limits>,
    pub(super) streams: Arc<Semaphore>,
    /// `plugins.<id>.access: open`.
    pub(super) open: bool,
    pub(super) schema: Option<Arc<str>>,
    pub(super) services: Services,
    pub(super) places: Arc<Places>,
    pub(super) beside: Beside,
}

impl Build {
    pub(super) fn new(
        engine: &Engine,
        slots: &Arc<Slots>,
        linker: &Linker<State>,
        component: Arc<Component>,
        id: BuildId,
        descriptor: Option<Descriptor>,
        of: Ground,
    ) -> Result<Self, LoadError> {
        let pre = linker
            .instantiate_pre(&component)
            .map_err(LoadError::at(Stage::Imports))?;
        let proxy = ProxyIndices::new(&pre).map_err(LoadError::at(Stage::Exports))?;
        let unary = unary::find(&pre).map_err(LoadError::at(Stage::Exports))?;
        let services = Arc::new(of.services);
        let hooks = Hooks::find(
            &pre,
            hook::Of {
                plugin: of.plugin.clone(),
                build: id,
                engine: engine.clone(),
                services: services.clone(),
                memory: of.limits.memory,
                places: of.places,
                beside: of.beside,
            },
        )?;
        // A component that knows nothing of this host may expect a fresh instance for each request.
        let max_requests = if descriptor.is_some() {
            of.limits.max_requests_per_instance
        } else {
            1
        };
        let (version, policies) = descriptor
            .map(|d| (d.version, d.policies))
            .unwrap_or_default();
        Ok(Self {
            plugin: of.plugin,
            id,
            version,
            since: jiff::Timestamp::now(),
            pool: Pool::new(slots, max_requests),
            limits: of.limits,
            streams: of.streams,
            engine: engine.clone(),
            lane: Lane::new(engine),
            slots: slots.clone(),
            services,
            component,
            pre,
            proxy,
            unary,
            hooks,
            ended: CancellationToken::new().drop_guard(),
            schema: of.schema,
            policies: trimmed(policies),
            open: of.open,
        })
    }

    /// From here on a request finds this section of the configuration; those that run end with the one before.
    pub(super) fn change_section(&self, section: Arc<Settings>) {
        let generation = self.services.config.change(section);
        self.pool.renew(generation);
    }

    /// Cancelled when nobody holds this build any more: its last request has ended.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.token().clone()
    }

    /// The names of the permissions that it declares.
    pub(super) fn permissions(&self) -> impl Iterator<Item = &str> {
        self.services.permissions.declared.names()
    }

    /// A request in the form that this build takes; the parameters are those of [`Asked::new`].
    pub(super) fn asked(
        &self,
        head: &mut request::Parts,
        below: &str,
        said: Said<'_>,
        body: Content,
    ) -> Asked {
        Asked::new(self.unary.is_some(), head, below, said, body)
    }

    /// Who may have this path (below the mount). The longest policy that covers it decides.
    pub(super) fn access(&self, path: &str) -> Access {
        match self.open {
            true => Access::Unauthenticated,
            false => access(&self.policies, path),
        }
    }

    /// Runs `start`, and makes an instance wait for its first request. What takes long goes on where long requests do.
    pub(super) async fn prepare(self: &Arc<Self>) -> Result<(), LoadError> {
        let build = self.clone();
        let work = async move {
            build.start().await?;
            build.warm().await
        };
        Watched::new(Lane::new(&self.engine), Box::pin(work)).await
    }

    /// Runs `start`, in an instance that is thrown away.
    async fn start(&self) -> Result<(), LoadError> {
        if self.component.get_export_index(None, LIFECYCLE).is_none() {
            return Ok(());
        }
        let scope = Scope {
            caller: Caller::host("start"),
            deadline: Deadline::new(Instant::now() + LIMIT),
        };
        let mut store = self.store(scope);
        let call = async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            let lifecycle = LifecycleIndices::new(&self.pre)?.load(&mut store, &instance)?;
            lifecycle
                .greenroom_plugin_lifecycle()
                .call_start(&mut store)
                .await
        };
        let fail = |message: String| Err(LoadError::new(Stage::Start, message));
        let late = || fail(format!("start() took longer than {} s", LIMIT.as_secs()));
        match timeout(LIMIT, call).await {
            Err(_) => late(),
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(message))) => fail(format!(
                "start() failed: {}",
                redacted(&message).chars().take(1000).collect::<String>()
            )),
            Ok(Err(error)) if error.is::<OutOfTime>() => late(),
            Ok(Err(error)) => {
                let last_words = store.data().stderr().last_words();
                fail(trapped(
                    "start()",
                    &error.root_cause().to_string(),
                    &last_words,
                ))
            }
        }
    }

    /// `plugins.<id>.probe`: the new build must answer this path with a status below 500 before anybody else asks it.
    pub(super) async fn probe(self: &Arc<Self>, place: Place, path: &str) -> Result<(), LoadError> {
        let fail = |message: String| {
            LoadError::new(Stage::Probe, format!("the probe GET {path} {message}"))
        };
        let request = Request::get(format!("http://localhost{path}")).body(());
        let (mut head, ()) = request.map_err(|e| fail(e.to_string()))?.into_parts();
        let below = head.uri.path().to_owned();
        let said = [
            ("x-forwarded-prefix", &*format!("/api/{}", self.plugin)),
            ("x-greenroom-principal", "none"),
        ];
        let asked = self.asked(&mut head, &below, &said, Content::Whole(Bytes::new()));
        match self
            .clone()
            .handle(place, asked, Caller::host("probe"))
            .await
        {
            Ok(response) if response.status().as_u16() < 500 => Ok(()),
            Ok(response) => Err(fail(format!("was answered {}", response.status()))),
            Err(error) => Err(fail(format!("was not answered: {error}"))),
        }
    }

    pub(super) fn handle(self: Arc<Self>, place: Place, asked: Asked, caller: Caller) -> Answering {
        match self.pool.take() {
            Some(instance) => call::run(self, instance, place, asked, caller),
            None => Answering::new(
                self.lane.clone(),
                Box::pin(async move {
                    let made = self.instantiate(&caller).await;
                    let instance = made.map_err(|none| none.kind)?;
                    call::work(self, instance, place, asked, caller).await
                }),
            ),
        }
    }

    /// Makes an instance wait for its first request, so that the first client does not pay for it.
    async fn warm(&self) -> Result<(), LoadError> {
        let instance = self
            .instantiate(&Caller::host("warm"))
            .await
            .map_err(|none| {
                LoadError::new(
                    Stage::Start,
                    format!("no instance can be made: {}", none.cause),
                )
            })?;
        self.pool.put(instance);
        Ok(())
    }

    fn store(&self, scope: Scope) -> Store<State> {
        let services = self.services.clone();
        instance::store(
            self.engine.wasmtime(),
            services,
            WasiCtxBuilder::new(),
            scope,
            self.limits.memory,
        )
    }

    /// A new instance; why there is none goes to the log and, in short, to the caller.
    async fn instantiate(&self, caller: &Caller) -> Result<Box<Instance>, NoInstance> {
        let patience = Instant::now() + self.limits.queue_timeout;
        let slot = self.slots.take(patience).await.map_err(|kind| NoInstance {
            kind,
            cause: "engine.maxInstances are busy".into(),
        })?;
        let scope = Scope {
            caller: caller.clone(),
            deadline: Deadline::new(Instant::now() + self.limits.timeout),
        };
        let store = self.store(scope);
        let stderr = store.data().stderr();
        let made = Instance::new(&self.pre, &self.proxy, self.unary.as_ref(), store, slot);
        let failure = match timeout(self.limits.timeout, made).await {
            Ok(Ok(instance)) => return Ok(Box::new(instance)),
            Ok(Err(error)) if error.is::<wasmtime::PoolConcurrencyLimitError>() => NoInstance {
                kind: Error::Overloaded,
                cause: error.to_string(),
            },
            Ok(Err(error)) if !error.is::<OutOfTime>() => NoInstance {
                kind: Error::Trapped,
                cause: error.root_cause().to_string(),
            },
            Ok(Err(_)) | Err(_) => NoInstance {
                kind: Error::TimedOut,
                cause: "it took longer than limits.timeout".into(),
            },
        };
        tracing::error!(
            plugin = %self.plugin, build = %self.id.short(), request = &*caller.request,
            principal = caller.principal.name(), last_words = stderr.last_words(), error = failure.cause, "no instance"
        );
        Err(failure)
    }
}

/// Why a build has no instance for a request.
struct NoInstance {
    kind: Error,
    cause: String,
}

/// `/private/` covers what `/private` does.
fn trimmed(mut policies: Vec<Policy>) -> Vec<Policy> {
    for policy in &mut policies {
        policy
            .path
            .truncate(policy.path.trim_end_matches('/').len());
    }
    policies
}

/// What holds for a path; what no policy covers needs credentials. `policies`: trimmed.
fn access(policies: &[Policy], path: &str) -> Access {
    let covers = |policy: &&Policy| {
        path.strip_prefix(&*policy.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let longest = policies.iter().filter(covers).max_by_key(|p| p.path.len());
    longest.map_or(Access::Authenticated, |p| p.access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_policy_decides_on_whole_segments() {
        let policy = |path: &str, access| Policy {
            path: path.into(),
            access,
        };
        let none: [Policy; 0] = [];
        assert_eq!(access(&none, "/"), Access::Authenticated);
        let all = trimmed(vec![
            policy("/", Access::Unauthenticated),
            policy("/private/", Access::Authenticated),
        ]);
        assert_eq!(access(&all, "/"), Access::Unauthenticated);
        assert_eq!(access(&all, "/todos/1"), Access::Unauthenticated);
        assert_eq!(access(&all, "/private"), Access::Authenticated);
        assert_eq!(access(&all, "/private/x"), Access::Authenticated);
        assert_eq!(access(&all, "/privateer"), Access::Unauthenticated);
        let some = [policy("/public", Access::Unauthenticated)];
        assert_eq!(access(&some, "/public/a"), Access::Unauthenticated);
        assert_eq!(access(&some, "/publicity"), Access::Authenticated);
        assert_eq!(access(&some, "/x/../public"), Access::Authenticated);
    }
}
