//! Builds of the todo plugin that answer differently, made without a compiler: one text in the component's data is
//! replaced by a number. To the host each is a build that it has never seen, to be compiled in full.

use crate::{child, http, places, server::Server};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Stands in the plugin's openapi.json, and nowhere else in the component.
const TEXT: &str = r#""summary": "A list of todos""#;
const ANSWERS: &str = "/api/todo/openapi.json";
const PATIENCE: Duration = Duration::from_secs(60);

/// How a build gets into the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Renamed into the plugins folder.
    Folder,
    /// `greenroom deploy`.
    Upload,
}

/// The component, and where the text is in it.
pub(super) struct Builds {
    component: Vec<u8>,
    at: usize,
}

impl Builds {
    pub(super) fn of(component: &Path) -> Result<Self> {
        let bytes =
            fs::read(component).with_context(|| format!("cannot read {}", component.display()))?;
        Self::new(bytes)
    }

    fn new(component: Vec<u8>) -> Result<Self> {
        let windows = component.windows(TEXT.len());
        let places: Vec<_> = windows
            .enumerate()
            .filter(|(_, window)| *window == TEXT.as_bytes())
            .map(|(at, _)| at)
            .collect();
        match places[..] {
            [at] => Ok(Self { component, at }),
            _ => bail!("the component has {TEXT} {} times, not once", places.len()),
        }
    }

    fn bytes(&self, number: u32) -> Vec<u8> {
        let mut bytes = self.component.clone();
        bytes[self.at..self.at + TEXT.len()].copy_from_slice(mark(number).as_bytes());
        bytes
    }

    /// Replaces the build of a running host; the time from the rename, or the start of the command, to the first answer
    /// of the new build.
    pub(super) fn bring(
        &self,
        number: u32,
        way: Way,
        folder: &Path,
        server: &Server,
    ) -> Result<Duration> {
        let file = folder.join("next.wasm");
        fs::write(&file, self.bytes(number))
            .with_context(|| format!("cannot write {}", file.display()))?;
        let begin = Instant::now();
        match way {
            Way::Folder => fs::rename(&file, folder.join("plugins/todo.wasm"))
                .context("cannot replace the plugin")?,
            Way::Upload => deploy(folder, &file)?,
        }
        super::ground::until("an answer of the new build", PATIENCE, || {
            let answer = http::get(server.address(), ANSWERS)?;
            ensure!(
                answer.status == 200,
                "GET {ANSWERS}: {} {}",
                answer.status,
                answer.body
            );
            Ok(answer.body.contains(&mark(number)))
        })?;
        Ok(begin.elapsed())
    }
}

/// As long as the text that it replaces, so that nothing else in the component moves.
fn mark(number: u32) -> String {
    format!(r#""summary": "Build {number:09}""#)
}

fn deploy(folder: &Path, file: &PathBuf) -> Result<()> {
    let mut command = Command::new(places::greenroom());
    command
        .arg("deploy")
        .arg(file)
        .args(["--as", "todo"])
        .current_dir(folder);
    let output = child::output(&mut command, "greenroom deploy", PATIENCE)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "greenroom deploy failed: {said}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_differ_in_their_number_alone() {
        let builds = Builds::new(format!("before {TEXT} after").into_bytes()).unwrap();
        let build = String::from_utf8(builds.bytes(42)).unwrap();
        assert_eq!(build, r#"before "summary": "Build 000000042" after"#);
        assert_eq!(mark(u32::MAX).len(), TEXT.len() + 1);
        assert_eq!(mark(999_999_999).len(), TEXT.len());
    }

    #[test]
    fn a_component_without_the_text_is_an_error() {
        assert!(Builds::new(b"nothing of it".to_vec()).is_err());
        assert!(Builds::new(format!("{TEXT}{TEXT}").into_bytes()).is_err());
    }
}
