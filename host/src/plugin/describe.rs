//! What a component says of itself. It is asked in a store of its own, with every service refused and five seconds.

use super::{
    instance::{self, OutOfTime},
    link::{Linkers, REFUSED},
    load_error::{LoadError, Stage},
    state::{Services, State},
};
use crate::{
    id::PluginId,
    service::{Deadline, Scope, Speaker, config, outbound, stdio::Output},
    storage::Migration,
};
use serde::Serialize;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use wasmtime::{Engine, Store, component::Component};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, random::Deterministic};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package greenroom:host; world lifecycle { export greenroom:plugin/lifecycle@0.1.0; }",
        exports: { default: async },
    });
}
use bindings::{LifecycleIndices, exports::greenroom::plugin::lifecycle};

/// For `describe` and for `start`, each.
pub(super) const LIMIT: Duration = Duration::from_secs(5);
/// The export that makes a component a plugin of ours; without it, it is a plain wasi:http component.
pub(super) const LIFECYCLE: &str = "greenroom:plugin/lifecycle@0.1.0";

/// Bytes of linear memory while it describes itself.
const MEMORY: u64 = 128 << 20;
const MAX_POLICIES: usize = 1000;
const MAX_MIGRATIONS: usize = 10_000;
const MAX_TEXT: usize = 1024;

/// `greenroom:plugin/lifecycle.descriptor`, checked.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub id: PluginId,
    pub version: String,
    pub summary: String,
    pub policies: Vec<Policy>,
    #[serde(serialize_with = "migration_names")]
    pub migrations: Vec<Migration>,
    pub permissions: Vec<String>,
}

/// A path, and everything below it.
#[derive(Debug, Clone, Serialize)]
pub struct Policy {
    pub path: String,
    pub access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    Unauthenticated,
    UserCookie,
    Authenticated,
}

fn migration_names<S: serde::Serializer>(
    migrations: &[Migration],
    s: S,
) -> Result<S::Ok, S::Error> {
    s.collect_seq(migrations.iter().map(
        |m| serde_json::json!({ "version": m.version, "name": m.name, "additive": m.additive }),
    ))
}

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
                &error,
                &last_words
                    .map(|w: Output| w.last_words())
                    .unwrap_or_default(),
            )));
        }
        Ok(Ok(described)) => described,
    };
    check(described).map(Some).map_err(fail)
}

fn refusal(error: &wasmtime::Error, last_words: &str) -> String {
    let root = error.root_cause().to_string();
    if root.starts_with(REFUSED) {
        root
    } else {
        trapped("describe()", &root, last_words)
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

fn check(d: lifecycle::Descriptor) -> Result<Descriptor, String> {
    let id =
        d.id.parse::<PluginId>()
            .map_err(|e| format!("the descriptor's id: {e}"))?;
    for (name, text) in [("version", &d.version), ("summary", &d.summary)] {
        if text.len() > MAX_TEXT || text.contains(char::is_control) {
            return Err(format!(
                "the descriptor's {name} is longer than {MAX_TEXT} bytes or has control characters"
            ));
        }
    }
    if d.policies.len() > MAX_POLICIES
        || d.migrations.len() > MAX_MIGRATIONS
        || d.permissions.len() > MAX_POLICIES
    {
        return Err("the descriptor has too many policies, migrations or permissions".into());
    }
    let mut policies: Vec<Policy> = Vec::new();
    for policy in d.policies {
        let path = policy.path;
        if !path.starts_with('/') || path.len() > MAX_TEXT {
            return Err(format!(
                "the policy path {:?} does not start with '/'",
                path.chars().take(80).collect::<String>()
            ));
        }
        if policies
            .iter()
            .any(|p| p.path.trim_end_matches('/') == path.trim_end_matches('/'))
        {
            return Err(format!("two policies have the path {path:?}"));
        }
        let access = match policy.access {
            lifecycle::Access::Unauthenticated => Access::Unauthenticated,
            lifecycle::Access::UserCookie => Access::UserCookie,
            lifecycle::Access::Authenticated => Access::Authenticated,
        };
        policies.push(Policy { path, access });
    }
    let migrations = d
        .migrations
        .into_iter()
        .map(|m| Migration {
            version: m.version,
            name: m.name,
            sql: m.sql,
            additive: m.additive,
        })
        .collect();
    let permissions = d.permissions.into_iter().map(|p| p.name).collect();
    Ok(Descriptor {
        id,
        version: d.version,
        summary: d.summary,
        policies,
        migrations,
        permissions,
    })
}

/// WASI is there, since language runtimes use it to start and to print a panic, but clocks stand still and randomness is
/// constant: the answer may depend on nothing but the component's bytes.
fn inert_store(engine: &Engine, speaker: Speaker) -> Store<State> {
    let mut wasi = WasiCtx::builder();
    wasi.wall_clock(Still)
        .monotonic_clock(Still)
        .secure_random(Deterministic::new(vec![0]))
        .insecure_random(Deterministic::new(vec![0]))
        .insecure_random_seed(0);
    let services = Services {
        speaker,
        config: config::Ctx(Arc::default()),
        outbound: outbound::Ctx::new(),
        data: None,
    };
    let scope = Scope {
        request: "describe".into(),
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
