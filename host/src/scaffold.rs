//! `greenroom new`: writes a small complete plugin into a folder of its own.

mod files;
mod question;
mod target;

pub use question::Console;

use crate::id::{InvalidPluginId, PluginId};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// The command line of `greenroom new`.
#[derive(Debug, Clone)]
pub struct New {
    /// Asked for when it is absent.
    pub id: Option<String>,
    /// Only list the files.
    pub dry_run: bool,
    /// Answer with one JSON object: `{"id":"notes","folder":"/home/jane/notes","files":["Cargo.toml",...]}`.
    pub json: bool,
    /// Where the plugin's own folder, named as its id, is made.
    pub folder: PathBuf,
}

/// What was written, or with `dry_run` what would have been.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Created {
    #[serde(serialize_with = "as_text")]
    pub id: PluginId,
    pub folder: PathBuf,
    /// Relative to `folder`, sorted.
    pub files: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Id(InvalidPluginId),
    #[error(
        "{0} is a key of `plugins` in app-config.yaml, so no plugin of that id could be configured; choose another"
    )]
    Reserved(PluginId),
    #[error("no id was given: name one, as in `greenroom new notes`")]
    NoId,
    #[error("{} is taken: {holds}. Choose another id, or move that away", folder.display())]
    Taken { folder: PathBuf, holds: String },
    #[error("cannot read the answer")]
    Answer(#[source] io::Error),
    #[error("cannot create {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot print the result")]
    Print(#[source] io::Error),
}

impl Error {
    /// Whether another command line would do better (exit status 64).
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Id(_) | Self::Reserved(_) | Self::NoId)
    }
}

/// Finds the id, writes the plugin, tells what to do next. On an error nothing new is left in the folder.
pub fn run(args: &New, console: &mut Console<'_>) -> Result<Created, Error> {
    let id = question::id(args, console)?;
    let files = files::of(&id);
    let folder = args.folder.join(id.as_str());
    if !args.dry_run {
        target::write(&folder, &files)?;
    }
    let files = files.into_iter().map(|file| file.path).collect();
    let created = Created { id, folder, files };
    match tell(args, &created, console.output) {
        // A reader that is gone (`greenroom new notes | head -1`) is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        told => told.map_err(Error::Print)?,
    }
    Ok(created)
}

fn tell(args: &New, created: &Created, output: &mut dyn Write) -> io::Result<()> {
    if args.json {
        let text = serde_json::to_string(created).map_err(io::Error::other)?;
        return writeln!(output, "{text}");
    }
    let id = &created.id;
    let (vendored, own): (Vec<&String>, Vec<&String>) = created
        .files
        .iter()
        .partition(|path| path.starts_with("vendor/"));
    let verb = if args.dry_run {
        "Would create"
    } else {
        "Created"
    };
    writeln!(output, "{verb} {}", created.folder.display())?;
    for path in own {
        writeln!(output, "  {path}")?;
    }
    if args.dry_run {
        for path in vendored {
            writeln!(output, "  {path}")?;
        }
        return Ok(());
    }
    writeln!(
        output,
        "  vendor/ ({} files: the SDK and the WIT)",
        vendored.len()
    )?;
    writeln!(
        output,
        "
Next:
  cd {id}
  rustup target add wasm32-wasip2    # once
  cargo test                         # in a host of its own: $GREENROOM, else `greenroom` on PATH

Into a running host:
  cargo build --release --target wasm32-wasip2
  greenroom deploy {component} --config path/to/app-config.yaml
  curl http://127.0.0.1:7007/api/{id}/items",
        component = files::component(id),
    )
}

fn as_text<S: serde::Serializer>(id: &PluginId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

#[cfg(test)]
mod tests;
