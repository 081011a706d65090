//! What a component is, without serving it: `greenroom inspect` and `greenroom check`.

use super::{
    component, describe,
    descriptor::Descriptor,
    header,
    link::{self, Linkers},
    load_error::{LoadError, Stage},
    schema,
};
use crate::{
    config::Settings,
    engine::Engine,
    id::{BuildId, PluginId},
    service::Speaker,
};
use bytes::Bytes;
use serde::Serialize;
use std::path::Path;
use wasmtime::component::Component;

/// One component.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// SHA-256, 64 hex digits: the build's id.
    pub hash: String,
    /// Bytes.
    pub size: usize,
    /// `None` for a plain wasi:http component.
    pub descriptor: Option<Descriptor>,
    /// JSON Schema of its section of the configuration, where it gives one.
    pub config_schema: Option<serde_json::Value>,
    pub imports: Vec<Import>,
    pub exports: Vec<String>,
    /// Why this host would refuse it.
    pub problem: Option<LoadError>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Import {
    pub name: String,
    /// Whether this host has it.
    pub offered: bool,
}

/// Compiles the component and asks it what it is. An error: it is no component, or does not compile. `section`: of the
/// plugin that it is to be; without it, its schema is looked at alone.
pub(super) async fn inspect(
    engine: &Engine,
    bytes: Bytes,
    section: Option<(&PluginId, &Settings)>,
) -> Result<Inspection, LoadError> {
    header::check(&bytes)?;
    let (id, size) = (BuildId::of(&bytes), bytes.len());
    let compiled = engine
        .cache()
        .load(engine.wasmtime(), id, bytes, None)
        .await
        .map_err(LoadError::at(Stage::Compile))?;
    let mut inspection = inspect_compiled(id, size, &compiled).await?;
    let asked = ask_schema(&compiled, section).await;
    match asked {
        Ok(schema) => inspection.config_schema = schema,
        // What is told first is what has to be mended first.
        Err(problem) => _ = inspection.problem.get_or_insert(problem),
    }
    Ok(inspection)
}

/// The schema of the component's section, held against the one that is given.
async fn ask_schema(
    compiled: &Component,
    section: Option<(&PluginId, &Settings)>,
) -> Result<Option<serde_json::Value>, LoadError> {
    let linkers = Linkers::new(compiled.engine()).map_err(LoadError::at(Stage::Imports))?;
    let Some(text) = schema::ask(&linkers, compiled, Speaker::nobody()).await? else {
        return Ok(None);
    };
    match section {
        Some((id, settings)) => schema::judge(id, &text, settings).await?,
        None => schema::check(&text).await?,
    }
    Ok(serde_json::from_str(&text).ok())
}

/// Asks it what it is. `size`: bytes of the component.
pub async fn inspect_compiled(
    id: BuildId,
    size: usize,
    compiled: &Component,
) -> Result<Inspection, LoadError> {
    let engine = compiled.engine();
    let missing = link::missing(compiled);
    let ty = compiled.component_type();
    let imports = (ty.imports(engine))
        .map(|(name, _)| Import {
            name: name.to_owned(),
            offered: !missing.iter().any(|m| m.import == name),
        })
        .collect();
    let exports = ty
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let linkers = Linkers::new(engine).map_err(LoadError::at(Stage::Imports))?;
    let fits = component::check(compiled);
    let (descriptor, problem) = match (
        describe::describe(&linkers, compiled, Speaker::nobody()).await,
        fits,
    ) {
        (Ok(descriptor), Ok(())) => (descriptor, None),
        (Ok(descriptor), Err(problem)) => (descriptor, Some(problem)),
        (Err(_), Err(problem)) | (Err(problem), Ok(())) => (None, Some(problem)),
    };
    Ok(Inspection {
        hash: id.to_string(),
        size,
        descriptor,
        config_schema: None,
        imports,
        exports,
        problem,
    })
}

/// The same for a file. `section`: of the plugin that it is to be, which is held against its schema.
pub async fn inspect_file(
    engine: &Engine,
    path: &Path,
    section: Option<(&PluginId, &Settings)>,
) -> Result<Inspection, LoadError> {
    inspect(engine, component::read_file(path)?, section).await
}
