//! Configuration as text in, [`Config`] or the whole error message out.

mod auth;
mod backend;
mod changed;
mod database;
mod elsewhere;
mod files;
mod health;
mod hidden;
mod logger;
mod made_up;
mod mangled;
mod messages;
mod peers;
mod permissions;
mod plugins;
mod rate_limit;
mod spelling;
mod variables;

use super::{Config, ConfigError, Environment};
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
        Config::load(&files, self.path(), &self.environment())
    }

    fn environment(&self) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.env.iter().map(owned).collect()
    }

    /// What the plugin `todo` reads.
    fn settings(&self) -> Vec<(String, String)> {
        let config = self.load(&[]);
        let config = config.unwrap_or_else(|error| panic!("{}", error.render()));
        let todo = config.plugins.of(&"todo".parse().unwrap());
        todo.config.flat().clone().into_iter().collect()
    }
}

/// What this text gives as the only file.
fn read(text: &str) -> Result<Config, ConfigError> {
    Setup::new(&[("app-config.yaml", text)]).load(&[])
}

fn config(text: &str) -> Config {
    read(text).unwrap_or_else(|error| panic!("{}", error.render()))
}

/// With the types of the assertions.
fn pairs(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    let both = settings.iter();
    both.map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

/// The one-line form of what is wrong, without the file's name.
fn wrong(text: &str) -> String {
    let error = read(text).expect_err(text);
    error.to_string().replace("app-config.yaml:", "")
}
