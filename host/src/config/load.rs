//! From files to [`Config`]: find, read, parse, merge, then read each section.

use super::{
    Config, backend, backstage,
    cursor::{Reader, Section},
    error::{ConfigError, Problem, Source},
    merge::merge,
    node::{Node, Place, Value},
    plugins,
    spelling::listed,
    yaml,
};
use std::{
    cell::RefCell,
    io::Read,
    path::{Path, PathBuf},
};

/// Bytes of one file.
const MAX_FILE: u64 = 1 << 20;
/// What is read without `--config`, the second only where it exists.
const DEFAULT_FILES: [&str; 2] = ["app-config.yaml", "app-config.local.yaml"];

impl Config {
    /// Reads the files, later ones over earlier ones; without any, `app-config.yaml` in `cwd` and, where it exists,
    /// `app-config.local.yaml`. `cwd` is absolute and is where relative names of files start. `env` looks a variable
    /// up; only what a key that is read names is asked for, and `XDG_CACHE_HOME` and `HOME` for `plugins.cache`.
    pub fn load(
        files: &[PathBuf],
        cwd: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let sources = sources(files, cwd)?;
        let tree = tree(&sources)?;
        let reader = Reader::new(&sources, env);
        let top = Section::top(&reader, &tree);
        let folder = sources[0].folder();
        let backend = backend::backend(&top.section("backend"), folder);
        let (engine, plugins) = plugins::plugins(&top, folder, &backend.database.default);
        top.judge_others(backstage::TOP);

        let files = sources.iter().map(|source| source.path.clone()).collect();
        let notes = reader.finish()?;
        Ok(Self {
            files,
            notes,
            backend,
            engine,
            plugins,
        })
    }

    /// `backend.admin.socket` alone, for the commands that talk to a running host: what else the files hold, and
    /// whether this shell has the variables that it names, is no concern of theirs.
    pub fn admin_socket(
        files: &[PathBuf],
        cwd: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<PathBuf, ConfigError> {
        let sources = sources(files, cwd)?;
        let tree = tree(&sources)?;
        let reader = Reader::new(&sources, env);
        let backend = Section::top(&reader, &tree).section("backend");
        let socket = backend::admin_socket(&backend, sources[0].folder());
        reader.finish().map(|_| socket)
    }
}

impl<'a> Reader<'a> {
    fn new(sources: &'a [Source], env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            sources,
            env,
            problems: RefCell::default(),
            notes: RefCell::default(),
            unused: RefCell::default(),
            unknown: RefCell::default(),
        }
    }

    /// The notes, when there was no problem.
    fn finish(self) -> Result<Vec<String>, ConfigError> {
        let problems = self.problems.into_inner();
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        let mut notes = self.notes.into_inner();
        let (unused, unknown) = (self.unused.into_inner(), self.unknown.into_inner());
        if !unused.is_empty() {
            notes.push(format!(
                "keys of Backstage that are not used here: {}",
                listed(unused.iter().map(String::as_str))
            ));
        }
        if !unknown.is_empty() {
            notes.push(format!(
                "keys that are not known here: {}",
                listed(unknown.iter().map(String::as_str))
            ));
        }
        Ok(notes)
    }
}

/// At least one.
fn sources(files: &[PathBuf], cwd: &Path) -> Result<Vec<Source>, ConfigError> {
    if !files.is_empty() {
        return files
            .iter()
            .map(|file| read(file, cwd).map_err(ConfigError::from))
            .collect();
    }
    let exists = |file: &str| std::fs::symlink_metadata(cwd.join(file)).is_ok();
    if !exists(DEFAULT_FILES[0]) {
        return Err(Problem::new(format!("there is no {} in this folder", DEFAULT_FILES[0]))
            .help(
                "name a file with `--config FILE`, or write app-config.yaml; a file with the one line\n\
                 `plugins: { directory: ./plugins }` will do: it serves each .wasm file of that folder",
            )
            .into());
    }
    let found = DEFAULT_FILES.iter().filter(|file| exists(file));
    found
        .map(|file| read(Path::new(file), cwd).map_err(ConfigError::from))
        .collect()
}

fn read(file: &Path, cwd: &Path) -> Result<Source, Problem> {
    let name = file.display().to_string();
    let path = super::cursor::absolute(cwd, file);
    let refused =
        |why: String, help: &str| Problem::new(format!("cannot read {name}: {why}")).help(help);
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(&path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(match error.kind() {
            std::io::ErrorKind::NotFound => refused(
                "there is no such file".into(),
                "check the path given to `--config`",
            ),
            std::io::ErrorKind::IsADirectory => refused(
                "it is a folder".into(),
                "give `--config` the file itself, such as app-config.yaml",
            ),
            std::io::ErrorKind::PermissionDenied => refused(
                "permission denied".into(),
                "let the user that runs greenroom read it",
            ),
            _ => refused(error.to_string(), "check the file and its folder"),
        });
    }
    if bytes.len() as u64 > MAX_FILE {
        return Err(refused(
            "it is larger than 1MiB".into(),
            "is this the configuration?",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        refused(format!("line {line} is not UTF-8"), "save it as UTF-8 text")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).into();
    Ok(Source { name, path, text })
}

fn tree(sources: &[Source]) -> Result<Node, ConfigError> {
    let mut tree = Node {
        value: Value::Null,
        place: Place {
            file: 0,
            start: 0,
            len: 0,
        },
    };
    let mut problems = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        match yaml::parse(source, index) {
            Err(problem) => problems.push(problem),
            Ok(Node {
                value: Value::Null, ..
            }) => {}
            Ok(
                node @ Node {
                    value: Value::Map(_),
                    ..
                },
            ) => merge(&mut tree, node),
            Ok(node) => problems.push(
                Problem::new(format!(
                    "the top level of a configuration is a map, not {}",
                    node.value.kind()
                ))
                .at(source, node.place, "here")
                .help("it begins with keys such as `backend:` and `plugins:`"),
            ),
        }
    }
    if problems.is_empty() {
        Ok(tree)
    } else {
        Err(ConfigError::new(problems))
    }
}
