//! Configuration as text in, [`Config`] or the whole error message out.

mod backend;
mod database;
mod files;
mod made_up;
mod mangled;
mod messages;
mod peers;
mod plugins;
mod spelling;

use super::{Config, ConfigError};
use std::path::{Path, PathBuf};

/// A folder with the given files, and an environment.
struct Setup {
    folder: tempfile::TempDir,
    env: Vec<(&'static str, &'static str)>,
}

impl Setup {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self {
            folder,
            env: vec![("HOME", "/home/jane")],
        }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn load(&self, files: &[&str]) -> Result<Config, ConfigError> {
        let files: Vec<_> = files.iter().map(PathBuf::from).collect();
        Config::load(&files, self.path(), &|name| self.variable(name))
    }

    fn variable(&self, name: &str) -> Option<String> {
        let found = self.env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    }
}

/// What this text gives as the only file.
fn read(text: &str) -> Result<Config, ConfigError> {
    Setup::new(&[("app-config.yaml", text)]).load(&[])
}

fn config(text: &str) -> Config {
    read(text).unwrap_or_else(|error| panic!("{}", error.render()))
}

/// The one-line form of what is wrong, without the file's name.
fn wrong(text: &str) -> String {
    let error = read(text).expect_err(text);
    error.to_string().replace("app-config.yaml:", "")
}
