//! From bytes to a component that the host can link: complete, compiled, with imports and exports that fit.

use super::{
    header::{self, MAX_COMPONENT},
    link,
    load_error::{LoadError, Stage},
};
use crate::{
    engine::Engine,
    id::{BuildId, PluginId},
};
use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use std::{path::Path, sync::Arc, time::Duration};
use wasmtime::component::Component;

/// A copy that has not grown for this long is not going on.
const STALLED: Duration = Duration::from_secs(5);

/// The interface of every plugin.
const HANDLER: &str = "wasi:http/incoming-handler@0.2.";

/// Whether the file is the first part of a component, written to a moment ago: a copy over a slow line.
pub(super) fn is_arriving(path: &Path) -> bool {
    let young = |at: std::time::SystemTime| at.elapsed().is_ok_and(|age| age < STALLED);
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(young) && read_file(path).is_ok_and(|bytes| header::is_cut_off(&bytes))
}

/// Compiles (or finds compiled), and names every import that is missing and the export that is.
///
/// `plugin`: whose it is, where that is known.
pub(super) async fn load(
    engine: &Engine,
    id: BuildId,
    bytes: Bytes,
    plugin: Option<&PluginId>,
) -> Result<Arc<Component>, LoadError> {
    header::check(&bytes)?;
    let component = engine
        .cache()
        .load(engine.wasmtime(), id, bytes, plugin)
        .await
        .map_err(LoadError::at(Stage::Compile))?;
    check(&component)?;
    Ok(component)
}

/// Whether this host can link it and call it.
pub(super) fn check(component: &Component) -> Result<(), LoadError> {
    check_imports(component)?;
    check_exports(component)
}

fn check_imports(component: &Component) -> Result<(), LoadError> {
    let missing = link::missing(component);
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing
        .into_iter()
        .map(|m| match m.offered {
            Some(offered) => format!("{} (this host has {offered})", m.import),
            None => m.import,
        })
        .collect();
    Err(LoadError::new(
        Stage::Imports,
        format!(
            "the component imports what this host does not have: {}",
            list.join(", ")
        ),
    ))
}

fn check_exports(component: &Component) -> Result<(), LoadError> {
    let ty = component.component_type();
    let exports: Vec<&str> = ty
        .exports(component.engine())
        .map(|(name, _)| name)
        .collect();
    if exports.iter().any(|name| name.starts_with(HANDLER)) {
        return Ok(());
    }
    let has = if exports.is_empty() {
        "nothing".to_owned()
    } else {
        exports.join(", ")
    };
    Err(LoadError::new(
        Stage::Exports,
        format!(
            "the component does not export wasi:http/incoming-handler@0.2, which answers requests; it exports {has}"
        ),
    ))
}

/// The bytes of a file that should hold a component.
pub(super) fn read_file(path: &Path) -> Result<Bytes, LoadError> {
    use std::io::Read;
    let fail = |error: std::io::Error| {
        LoadError::new(
            Stage::File,
            format!("cannot read {}: {error}", path.display()),
        )
    };
    // The watcher saw a plain file; what lies there now may be a pipe, which without NONBLOCK waits for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| fail(error.into()))?;
    let file = std::fs::File::from(file);
    let meta = file.metadata().map_err(fail)?;
    if !meta.is_file() {
        return Err(fail(std::io::Error::other("it is no plain file")));
    }
    let size = meta.len().min(MAX_COMPONENT);
    // As large as the file from the start: growing would leave holes of its size all over the heap.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // One byte more, so that a file that is too large is told from one that is just not.
    file.take(MAX_COMPONENT + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    Ok(bytes.into())
}
