//! From files to [`Config`]: find, read, parse, transform, merge, then read each section.

use super::{
    Config, app_config, backend, backstage,
    changed::Keys,
    cursor::{Reader, Section},
    environment::Environment,
    error::{ConfigError, Problem, Source},
    merge::merge,
    node::{Node, Origin, Place, Value},
    open, permissions, plugins,
    spelling::listed,
    transform::{Transform, hide},
    yaml,
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

/// Bytes of one file.
const MAX_FILE: u64 = 1 << 20;
/// Keys that are named in one note.
const MOST_NAMED: usize = 20;

/// Which files a configuration is read from, and with which environment: what reads it again after a change.
#[derive(Clone)]
pub struct Loader {
    files: Vec<PathBuf>,
    cwd: PathBuf,
    env: Environment,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}", self.files, self.cwd.display())
    }
}

impl Config {
    /// Reads the files, later ones over earlier ones; without any, `app-config.yaml` in `cwd` and, where they exist,
    /// `app-config.<BACKSTAGE_ENV>.yaml`, `app-config.local.yaml` and `app-config.<BACKSTAGE_ENV>.local.yaml`. Over all
    /// of them goes what `APP_CONFIG_*` in `env` says. `cwd` is absolute and is where relative names of files start.
    pub fn load(files: &[PathBuf], cwd: &Path, env: &Environment) -> Result<Self, ConfigError> {
        Loader::new(files, cwd, env).load()
    }

    /// `backend.admin.socket` alone, for the commands that talk to a running host: what else the files hold, and
    /// whether this shell has the variables that it names, is no concern of theirs.
    pub fn admin_socket(
        files: &[PathBuf],
        cwd: &Path,
        env: &Environment,
    ) -> Result<PathBuf, ConfigError> {
        let mut read = Transform::new(env);
        let tree = Loader::new(files, cwd, env).tree(&mut read)?;
        let reader = Reader::new(&read.sources, env);
        let backend = Section::top(&reader, &tree).section("backend");
        let socket = backend::admin_socket(&backend, read.sources[0].folder());
        if reader.told.get() {
            // The value that is asked for could not be taken from where it is.
            let error = ConfigError::new(read.problems);
            return Err(error.without(&read.secrets.masks()));
        }
        let finished = reader.finish().map(|_| socket);
        finished.map_err(|error| error.without(&read.secrets.masks()))
    }
}

impl Loader {
    /// The parameters are those of [`Config::load`].
    pub fn new(files: &[PathBuf], cwd: &Path, env: &Environment) -> Self {
        Self {
            files: files.to_vec(),
            cwd: cwd.to_owned(),
            env: env.clone(),
        }
    }

    pub fn load(&self) -> Result<Config, ConfigError> {
        self.look().1
    }

    /// The configuration, and every path that it was looked for at: those of files that are not there among them.
    pub fn look(&self) -> (BTreeSet<PathBuf>, Result<Config, ConfigError>) {
        let mut read = Transform::new(&self.env);
        let tree = self.tree(&mut read);
        let config = tree.and_then(|tree| self.config(&mut read, &tree));
        let config = config.map_err(|error| error.without(&read.secrets.masks()));
        (read.touched, config)
    }

    fn config(&self, read: &mut Transform<'_>, tree: &Node) -> Result<Config, ConfigError> {
        let problems = std::mem::take(&mut read.problems);
        let reader = Reader::new(&read.sources, &self.env);
        reader.problems.borrow_mut().extend(problems);
        if read.secrets.is_too_much() {
            let problem = Problem::new("the configuration holds too many secrets");
            reader.refuse(
                problem
                    .help("the log is searched for each: at most 10,000 of them, of 1MiB in all"),
            );
        }
        let top = Section::top(&reader, tree);
        let folder = read.sources[0].folder();
        let backend = backend::backend(&top.section("backend"), folder);
        let (engine, mut plugins) = plugins::plugins(&top, folder, &backend.database.default);
        if backend.auth.open {
            plugins.open();
        }
        let permissions = permissions::permissions(&top);
        top.judge_others(backstage::TOP);

        let keys = Keys::of(tree, &reader);
        let files = read.sources[..read.named].iter();
        let files = files.map(|source| source.path.clone()).collect();
        let notes = reader.finish()?;
        let mut secrets = read.secrets.clone();
        secrets.allow(backend.logger.redact_allowlist.clone());
        Ok(Config {
            files,
            notes,
            loader: self.clone(),
            keys,
            secrets,
            backend,
            engine,
            plugins,
            permissions,
        })
    }

    /// All files as one tree. At least one is in `read.sources` then, the first one first.
    fn tree(&self, read: &mut Transform<'_>) -> Result<Node, ConfigError> {
        let mut problems = Vec::new();
        let mut parsed = Vec::new();
        for file in self.named(read)? {
            match self.read(&file, read) {
                Err(problem) => problems.push(problem),
                Ok(mut source) => {
                    let index = read.sources.len();
                    match map(&mut source, index) {
                        Ok(tree) => parsed.push((index, tree)),
                        Err(problem) => problems.push(problem),
                    }
                    read.sources.push(source);
                }
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        read.named = read.sources.len();
        let mut tree = nothing();
        for (index, parsed) in parsed {
            let meant = read.file(index, parsed);
            match &meant.value {
                Value::Map(_) => merge(&mut tree, meant),
                Value::Null | Value::Absent(_) => {}
                // By an `$include` that stands for the whole file.
                other => {
                    let source = &read.sources[meant.place.file];
                    let problem = no_map(other).at(source, meant.place, "here");
                    read.problems.push(problem);
                }
            }
        }
        let file = read.sources.len();
        let above = app_config::read(&self.env, &self.cwd, file, &mut read.problems);
        if let Some((source, above)) = above {
            read.sources.push(source);
            read.environment(&above);
            merge(&mut tree, above);
        }
        Ok(tree)
    }

    /// The files to read: at least one.
    fn named(&self, read: &mut Transform<'_>) -> Result<Vec<PathBuf>, ConfigError> {
        if !self.files.is_empty() {
            return Ok(self.files.clone());
        }
        let mut names = vec!["app-config.yaml".to_owned()];
        let env = self.env.get("BACKSTAGE_ENV").filter(|env| !env.is_empty());
        if let Some(env) = env {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if !env.chars().all(fits) {
                return Err(
                    Problem::new("BACKSTAGE_ENV can be no part of the name of a file")
                        .help("it takes letters, digits, `-`, `_` and `.`, such as `production`")
                        .into(),
                );
            }
            names.push(format!("app-config.{env}.yaml"));
        }
        names.push("app-config.local.yaml".to_owned());
        names.extend(env.map(|env| format!("app-config.{env}.local.yaml")));
        let looked_at = names.iter().map(|name| self.cwd.join(name));
        read.touched.extend(looked_at);
        let exists = |name: &String| std::fs::symlink_metadata(self.cwd.join(name)).is_ok();
        if !exists(&names[0]) {
            return Err(Problem::new(format!("there is no {} in this folder", names[0]))
                .help(
                    "name a file with `--config FILE`, or write app-config.yaml; a file with the one line\n\
                     `plugins: { directory: ./plugins }` will do: it serves each .wasm file of that folder",
                )
                .into());
        }
        Ok(names
            .into_iter()
            .filter(exists)
            .map(PathBuf::from)
            .collect())
    }

    fn read(&self, file: &Path, read: &mut Transform<'_>) -> Result<Source, Problem> {
        let name = file.display().to_string();
        if name.starts_with("http://") || name.starts_with("https://") {
            return Err(Problem::new(format!("cannot read {name}: it is no file"))
                .help("a configuration is read from files: save it as one first"));
        }
        let path = super::cursor::absolute(&self.cwd, file);
        read.touched.insert(path.clone());
        match open::text(&path, MAX_FILE) {
            Ok(text) => Ok(Source::new(name, path, text.into())),
            Err(why) => Err(
                Problem::new(format!("cannot read {name}: {}", why.why())).help(why.remedy(
                    "check the path given to `--config`",
                    "give `--config` the file itself, such as app-config.yaml",
                    "is this the configuration?",
                )),
            ),
        }
    }
}

fn nothing() -> Node {
    Node {
        value: Value::Null,
        place: Place {
            file: 0,
            start: 0,
            len: 0,
        },
        origin: Origin::Written,
    }
}

/// The file's tree: a map, or nothing.
fn map(source: &mut Source, index: usize) -> Result<Node, Problem> {
    let tree = yaml::parse(source, index)?;
    hide(source, &tree);
    match tree.value {
        Value::Null | Value::Map(_) => Ok(tree),
        other => Err(no_map(&other).at(source, tree.place, "here")),
    }
}

fn no_map(value: &Value) -> Problem {
    let kind = value.kind();
    Problem::new(format!(
        "the top level of a configuration is a map, not {kind}"
    ))
    .help("it begins with keys such as `backend:` and `plugins:`")
}

impl<'a> Reader<'a> {
    fn new(sources: &'a [Source], env: &'a Environment) -> Self {
        Self {
            sources,
            env,
            told: Cell::new(false),
            problems: RefCell::default(),
            notes: RefCell::default(),
            unused: RefCell::default(),
            unknown: RefCell::default(),
            unset: RefCell::default(),
        }
    }

    /// The notes, when there was no problem.
    fn finish(self) -> Result<Vec<String>, ConfigError> {
        let problems = self.problems.into_inner();
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        let mut notes = self.notes.into_inner();
        let mut note = |what: &str, keys: Vec<String>| {
            if !keys.is_empty() {
                let named = keys.iter().map(String::as_str);
                notes.push(format!("{what}: {}", listed(named)));
            }
        };
        note(
            "keys of Backstage that are not used here",
            self.unused.into_inner(),
        );
        note("keys that are not known here", self.unknown.into_inner());
        let mut unset = self.unset.into_inner();
        let more = unset.len().saturating_sub(MOST_NAMED);
        unset.truncate(MOST_NAMED);
        unset.extend((more > 0).then(|| format!("{more} more")));
        note(
            "keys that are left out, since the environment lacks their variables",
            unset,
        );
        Ok(notes)
    }
}
