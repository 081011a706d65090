//! What a component is, without serving it: `greenroom inspect` and `greenroom check`.

use super::{
    component, describe,
    descriptor::Descriptor,
    header,
    link::{self, Linkers},
    load_error::{LoadError, Stage},
};
use crate::{engine::Engine, id::BuildId, service::Speaker};
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

/// Compiles the component and asks it what it is. An error: it is no component, or does not compile.
pub(super) async fn inspect(engine: &Engine, bytes: Bytes) -> Result<Inspection, LoadError> {
    header::check(&bytes)?;
    let (id, size) = (BuildId::of(&bytes), bytes.len());
    let compiled = engine
        .cache()
        .load(engine.wasmtime(), id, bytes, None)
        .await
        .map_err(LoadError::at(Stage::Compile))?;
    inspect_compiled(id, size, &compiled).await
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
        imports,
        exports,
        problem,
    })
}

/// The same for a file.
pub async fn inspect_file(engine: &Engine, path: &Path) -> Result<Inspection, LoadError> {
    inspect(engine, component::read_file(path)?).await
}
