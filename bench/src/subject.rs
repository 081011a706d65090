//! The servers that are compared, all started and filled alike.

use crate::{
    greenroom,
    places::{self, Built},
    seed,
    server::{Launch, Server, free_address},
};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// The host with the todo plugin.
    Greenroom,
    /// The same API by hand, with the host's own libraries: the least that an answer can cost.
    NativeTuned,
    /// axum and sqlx, written as their guides say.
    NativeUsual,
    /// Express, knex and better-sqlite3, as in the tutorial.
    Express,
}

impl Subject {
    pub(crate) const ALL: [Self; 4] = [
        Self::Greenroom,
        Self::NativeTuned,
        Self::NativeUsual,
        Self::Express,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Greenroom => "greenroom",
            Self::NativeTuned => "native-tuned",
            Self::NativeUsual => "native-usual",
            Self::Express => "express",
        }
    }

    /// For a reader.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Greenroom => "Greenroom",
            Self::NativeTuned => "native, tuned",
            Self::NativeUsual => "axum + sqlx",
            Self::Express => "Express",
        }
    }

    /// The command that takes a port and a database file; `None` for Greenroom, which has a configuration.
    fn command(self) -> Result<Option<Command>> {
        let program = match self {
            Self::Greenroom => return Ok(None),
            Self::NativeTuned => places::native_tuned(),
            Self::NativeUsual => places::native_usual(),
            Self::Express => {
                let script = places::express().join("server.js");
                places::require(&script)?;
                let mut command = Command::new("node");
                command.arg(script).env("NODE_ENV", "production");
                return Ok(Some(command));
            }
        };
        places::require(&program)?;
        Ok(Some(Command::new(program)))
    }
}

/// A subject with a folder and a database of its own.
pub(crate) struct Stand {
    pub(crate) subject: Subject,
    folder: PathBuf,
    host: Option<greenroom::Site>,
}

impl Stand {
    /// Fills an existing empty folder. `rows` is what [`seed::Seed::write`] gave.
    pub(crate) fn new(subject: Subject, folder: &Path, rows: &Path) -> Result<Self> {
        let host = match subject {
            Subject::Greenroom => Some(host(folder, rows, &Built::here())?),
            _ => None,
        };
        let stand = Self {
            subject,
            folder: folder.into(),
            host,
        };
        if stand.host.is_none() {
            let database = stand.database();
            fs::copy(rows, &database)
                .with_context(|| format!("cannot write {}", database.display()))?;
        }
        Ok(stand)
    }

    pub(crate) fn database(&self) -> PathBuf {
        match &self.host {
            Some(host) => host.database("todo"),
            None => self.folder.join("todo.sqlite"),
        }
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&self) -> Result<Server> {
        if let Some(host) = &self.host {
            return host.start();
        }
        let command = self.subject.command()?;
        let mut command = command.context("a subject without a command")?;
        // None is to write a line for every todo: Greenroom and the tuned one do not either.
        command.env("RUST_LOG", "warn").env("LOG_LEVEL", "warn");
        let address = free_address()?;
        command
            .arg(address.port().to_string())
            .arg(self.database())
            .current_dir(&self.folder);
        let launch = Launch {
            name: self.subject.name().into(),
            command,
            address,
            log: self.folder.join("log.txt"),
            ready: vec!["/api/hello/".into()],
        };
        launch.start()
    }
}

/// A Greenroom with the rows: the plugin's own migration makes the table, in a first start.
pub(crate) fn host(folder: &Path, rows: &Path, built: &Built) -> Result<greenroom::Site> {
    let site = greenroom::Site::new(folder)?
        .program(&built.greenroom)?
        .plugin("todo", &built.todo, "/todos?limit=1")?
        .plugin("hello", &built.hello, "/")?;
    site.start()?.stop()?;
    seed::copy_rows(rows, &site.database("todo"))?;
    Ok(site)
}
