//! `greenroom:plugin/config-schema`, the optional export: what a plugin's section of the configuration may hold.

use super::{
    describe::{LIMIT, inert_store, refusal},
    instance::OutOfTime,
    link::Linkers,
    load_error::{LoadError, Stage},
    state::State,
};
use crate::{
    config::{
        Settings,
        schema::{self, MAX_SCHEMA},
        secrets,
    },
    id::PluginId,
    service::{Speaker, stdio::Output},
};
use std::{fmt::Write, sync::Arc};
use tokio::{task::block_in_place, time::timeout};
use wasmtime::component::{Component, InstancePre};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "greenroom:plugin/configured-plugin",
        exports: { default: async },
    });
}
use bindings::ConfiguredPluginIndices as Indices;

/// The export's name; a later 0.1 has it too.
const EXPORT: &str = "greenroom:plugin/config-schema@0.1.0";

/// The schema's text. `None`: the component does not have the export.
pub(super) async fn ask(
    linkers: &Linkers,
    component: &Component,
    speaker: Speaker,
) -> Result<Option<Arc<str>>, LoadError> {
    if component.get_export_index(None, EXPORT).is_none() {
        return Ok(None);
    }
    let fail = |message: String| LoadError::new(Stage::Config, message);
    let late = || fail(format!("schema() took longer than {} s", LIMIT.as_secs()));
    let mut last_words = None;
    let call = async {
        let pre: InstancePre<State> = linkers.describing(component)?;
        let indices = Indices::new(&pre)?;
        let mut store = inert_store(component.engine(), speaker);
        last_words = Some(store.data().stderr());
        let instance = pre.instantiate_async(&mut store).await?;
        let plugin = indices.load(&mut store, &instance)?;
        plugin
            .greenroom_plugin_config_schema()
            .call_schema(&mut store)
            .await
    };
    let text = match timeout(LIMIT, call).await {
        Err(_) => return Err(late()),
        Ok(Err(error)) if error.is::<OutOfTime>() => return Err(late()),
        Ok(Err(error)) => {
            let last_words = last_words.map(|w: Output| w.last_words());
            let last_words = last_words.unwrap_or_default();
            return Err(fail(refusal("schema()", &error, &last_words)));
        }
        Ok(Ok(text)) => text,
    };
    if text.len() > MAX_SCHEMA {
        return Err(fail(format!(
            "the plugin's schema is larger than {} KiB",
            MAX_SCHEMA >> 10
        )));
    }
    Ok(Some(text.into()))
}

/// Holds the plugin's section against its schema. What that calls secrets is shown nowhere from here on. An error names
/// each key that does not fit, with its place, and no value.
pub(super) async fn judge(
    id: &PluginId,
    schema: &str,
    settings: &Settings,
) -> Result<(), LoadError> {
    let verdict = schema::judge(schema, settings.tree()).await;
    let verdict = verdict.map_err(LoadError::at(Stage::Config))?;
    let secret = settings.secrets(verdict.secret.iter().map(String::as_str));
    block_in_place(|| secrets::learn(&secret));
    if verdict.misfits.is_empty() {
        return Ok(());
    }
    let mut message = "the configuration does not fit the plugin's schema".to_owned();
    for misfit in &verdict.misfits {
        let key = format!("plugins.{id}.config{}", path(&misfit.pointer));
        let at = settings.spot(&misfit.pointer);
        let at = at.map(|spot| format!(" ({spot})")).unwrap_or_default();
        // Into a string it does not fail.
        let _ = write!(message, "\n`{key}`{at} {}", misfit.wants);
    }
    Err(LoadError::new(Stage::Config, message))
}

/// Whether it is a schema that this host follows, where no section is known.
pub(super) async fn check(schema: &str) -> Result<(), LoadError> {
    let verdict = schema::judge(schema, Settings::default().tree()).await;
    verdict.map(|_| ()).map_err(LoadError::at(Stage::Config))
}

/// `/a/0/b~1c` as people write it: `.a[0].b/c`.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let index = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let part = part.replace("~1", "/").replace("~0", "~");
        if index {
            path.push_str(&format!("[{part}]"));
        } else {
            path.push('.');
            path.push_str(&part);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pointer_is_shown_as_a_path() {
        for (pointer, wanted) in [
            ("", ""),
            ("/a", ".a"),
            ("/a/0/b~1c~0", ".a[0].b/c~"),
            ("/", "."),
        ] {
            assert_eq!(super::path(pointer), wanted);
        }
    }
}
