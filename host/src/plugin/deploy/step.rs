//! The steps of one deploy, in order.

use super::*;
use crate::{config::Settings, permissions::Declared};

impl Deployer {
    /// One deploy of one plugin, from bytes to traffic, told in one line of the log.
    pub(in crate::plugin) async fn bring(
        &self,
        id: &PluginId,
        source: Source<'_>,
        origin: Origin,
    ) -> Result<Outcome, LoadError> {
        let (mount, _turn) = self.turn(id).await;
        self.bring_in_turn(&mount, source, origin).await
    }

    /// The same, with the turn in hand.
    pub(super) async fn bring_in_turn(
        &self,
        mount: &Arc<Mount>,
        source: Source<'_>,
        origin: Origin,
    ) -> Result<Outcome, LoadError> {
        let begun = Instant::now();
        let id = mount.id();
        let previous = mount.live();
        // Before the bytes are read: at a start with many plugins those of a few are in memory at once.
        let place = self.0.at_once.acquire().await;
        let _place = place.map_err(LoadError::at(Stage::Request))?;
        // Read with the turn in hand: a deploy that had it before may have replaced the file.
        let bytes = match source {
            Source::Bytes(bytes) => Ok(bytes),
            Source::File(path) => block_in_place(|| component::read_file(path)),
        };
        let result = match bytes {
            Err(error) => Err(error),
            Ok(bytes) => {
                let build = block_in_place(|| BuildId::of(&bytes));
                let file = matches!(origin, Origin::Folder | Origin::Start);
                let known = file && mount.set_folder(build) == Some(build);
                if let Some(live) = previous.as_ref().filter(|live| live.id == build) {
                    if !known {
                        // A file put back, or a deploy of what serves: whatever was refused is no longer wanted.
                        mount.set_problem(None);
                    }
                    return self.already_live(mount, live, &bytes, origin, begun);
                }
                let loaded = self.load(mount, build, bytes, origin).await;
                loaded.map_err(|error| error.of(build))
            }
        };
        let result = result.inspect_err(|error| {
            refused(mount, previous.as_deref(), error, begun);
            if origin != Origin::Start {
                mount.fail();
            }
        });
        let (live, warnings) = result?;
        mount.set_problem(None);
        let done = if origin == Origin::Rollback {
            Done::RolledBack
        } else {
            Done::Deployed
        };
        let (build, milliseconds) = (live.id, milliseconds(begun.elapsed()));
        tracing::info!(
            plugin = %id, build = %build.short(), version = live.version, outcome = done.as_str(), milliseconds,
            "deploy"
        );
        for warning in &warnings {
            tracing::warn!(plugin = %id, build = %build.short(), "{warning}");
        }
        Ok(Outcome {
            plugin: id.clone(),
            build: Some(build.to_string()),
            version: Some(live.version.clone()),
            outcome: done,
            previous: previous.map(|b| b.id.to_string()),
            milliseconds,
            warnings,
        })
    }

    /// The mount of this id, made when there is none, and the right to change it.
    pub(super) async fn turn(&self, id: &PluginId) -> (Arc<Mount>, OwnedMutexGuard<()>) {
        loop {
            let mount = self.mount(id);
            let turn = mount.deploying.clone().lock_owned().await;
            // Whoever had the turn before may have removed the plugin.
            if self.is_current(&mount) {
                return (mount, turn);
            }
        }
    }

    fn already_live(
        &self,
        mount: &Mount,
        live: &Build,
        bytes: &[u8],
        origin: Origin,
        begun: Instant,
    ) -> Result<Outcome, LoadError> {
        let milliseconds = milliseconds(begun.elapsed());
        if origin.is_upload() {
            self.keep_file(mount, live.id, bytes)?;
            tracing::info!(
                plugin = %mount.id(), build = %live.id.short(), outcome = Done::Unchanged.as_str(), milliseconds, "deploy"
            );
        }
        Ok(Outcome {
            plugin: mount.id().clone(),
            build: Some(live.id.to_string()),
            version: Some(live.version.clone()),
            outcome: Done::Unchanged,
            previous: Some(live.id.to_string()),
            milliseconds,
            warnings: Vec::new(),
        })
    }

    async fn load(
        &self,
        mount: &Arc<Mount>,
        id: BuildId,
        bytes: Bytes,
        origin: Origin,
    ) -> Result<(Arc<Build>, Vec<String>), LoadError> {
        let shared = &self.0;
        // Of a build that is recorded already, they are needed for nothing but a compile.
        let recorded = block_in_place(|| shared.history.is_last(mount.id(), id));
        let kept = (origin.is_upload() || !recorded).then(|| bytes.clone());
        let component = component::load(&shared.engine, id, bytes, Some(mount.id())).await?;
        let speaker = Speaker::new(mount.id().clone(), id);
        let descriptor = self.described(&component, speaker.clone()).await?;
        let schema = self.schema(&component, speaker).await?;
        let section = self.section(mount.id());
        self.judge(mount.id(), schema.as_deref(), &section).await?;
        let warnings = warnings(mount.id(), descriptor.as_ref());
        let data = self.data(mount).await?;
        let migrations = descriptor
            .as_ref()
            .map(|d| d.migrations.clone())
            .unwrap_or_default();
        let ground = self.ground(mount, id, data, descriptor.as_ref(), (schema, section))?;
        let build = Arc::new(Build::new(
            &shared.engine,
            &shared.slots,
            &shared.linkers.serving,
            component,
            id,
            descriptor,
            ground,
        )?);
        let mut exclusive = self.migrate(mount, &data.database, &migrations).await?;
        let held = exclusive.is_some();
        let live = self.go_live(mount, &build, kept, origin, held).await;
        match (live, exclusive.as_mut()) {
            (Ok(()), Some(exclusive)) => exclusive.settle(),
            (Ok(()), None) => {}
            (Err(error), None) => return Err(error),
            (Err(error), Some(_)) => {
                return Err(match exclusive.take() {
                    Some(exclusive) => self.undo(exclusive, &data.database, error).await,
                    None => error,
                });
            }
        }
        Ok((build, warnings))
    }

    /// `start`, the probe, the records, and then the traffic.
    ///
    /// `bytes`: what is to be recorded, if it is not yet.
    async fn go_live(
        &self,
        mount: &Arc<Mount>,
        build: &Arc<Build>,
        bytes: Option<Bytes>,
        origin: Origin,
        held: bool,
    ) -> Result<(), LoadError> {
        build.prepare().await?;
        if let Some(path) = &mount.settings.probe {
            // The hold has all places; the probe needs none of its own then, since nobody else runs.
            let gate = if held {
                Arc::new(Gate::new(&mount.limits))
            } else {
                mount.gate.clone()
            };
            let place = gate.enter().await.map_err(LoadError::at(Stage::Probe))?;
            build.probe(place, path).await?;
        }
        let file = self.file(mount.id());
        let before = origin
            .is_upload()
            .then(|| block_in_place(|| component::read_file(&file).ok()));
        let kept = self.keep(mount, build, bytes, origin, held).await;
        if let (Err(_), Some(before)) = (&kept, before) {
            // A refused build must not lie in the folder, where the watcher would bring it again.
            block_in_place(|| put_back(mount, &file, before));
        }
        kept?;
        mount.publish(build.clone());
        Ok(())
    }

    /// The file, the history, and the end of the copy.
    async fn keep(
        &self,
        mount: &Mount,
        build: &Build,
        bytes: Option<Bytes>,
        origin: Origin,
        held: bool,
    ) -> Result<(), LoadError> {
        if let Some(bytes) = bytes {
            if origin.is_upload() {
                self.keep_file(mount, build.id, &bytes)?;
            }
            block_in_place(|| self.0.history.record(mount.id(), build.id, &bytes)).map_err(
                |e| {
                    let state = self.0.settings.state.display();
                    LoadError::new(
                        Stage::Record,
                        format!("plugins.state: cannot record the build in {state}: {e}"),
                    )
                },
            )?;
        }
        if held {
            // From here on a restart must not bring the old schema back.
            let data = mount
                .data
                .get()
                .ok_or_else(|| LoadError::new(Stage::Storage, "the database is closed"))?;
            let gone = data.database.discard_copy().await;
            gone.map_err(LoadError::at(Stage::Migrate))?;
        }
        Ok(())
    }

    fn keep_file(&self, mount: &Mount, id: BuildId, bytes: &[u8]) -> Result<(), LoadError> {
        let file = self.file(mount.id());
        block_in_place(|| storage::write_durably(&file, bytes, MODE)).map_err(|e| {
            LoadError::new(Stage::File, format!("cannot write {}: {e}", file.display()))
        })?;
        mount.set_folder(id);
        Ok(())
    }

    /// `config`: its section, and the schema of it.
    fn ground(
        &self,
        mount: &Mount,
        id: BuildId,
        data: &Data,
        descriptor: Option<&Descriptor>,
        config: (Option<Arc<str>>, Arc<Settings>),
    ) -> Result<Ground, LoadError> {
        let permissions = descriptor.map(|d| &*d.permissions).unwrap_or_default();
        let declared = Declared::new(mount.id().clone(), permissions)
            .map_err(LoadError::at(Stage::Describe))?;
        let (schema, section) = config;
        Ok(Ground {
            plugin: mount.id().clone(),
            limits: mount.limits.clone(),
            streams: mount.streams.clone(),
            open: mount.settings.open,
            schema,
            places: self.0.places.clone(),
            beside: mount.beside.clone(),
            services: Services {
                speaker: Speaker::new(mount.id().clone(), id),
                config: service::config::Ctx::new(section),
                outbound: service::outbound::Ctx::new(),
                permissions: service::permissions::Ctx {
                    authority: self.0.authority.clone(),
                    declared: Arc::new(declared),
                },
                data: Some((
                    service::sql::Ctx(data.database.clone()),
                    service::keyvalue::Ctx(data.keyvalue.clone()),
                )),
            },
        })
    }

    /// Opens the plugin's database and key-value file with its first build.
    async fn data<'a>(&self, mount: &'a Mount) -> Result<&'a Data, LoadError> {
        let databases = &self.0.databases;
        let open = async || {
            let id = mount.id();
            let (folder, durability) = databases.of(id)?;
            let database = Database::open(folder.database(id), durability, &mount.limits.sql);
            let database = database.await.map_err(LoadError::at(Stage::Storage))?;
            let file = match databases.cache {
                config::CacheStore::Sqlite => Some(folder.keyvalue(id)),
                config::CacheStore::Memory => None,
            };
            let lifetimes = Lifetimes {
                buckets: mount.settings.keyvalue_ttl.clone(),
                default: databases.cache_ttl,
            };
            let keyvalue = Keyvalue::open(file, durability, &mount.limits.keyvalue, lifetimes);
            let keyvalue = keyvalue.await.map_err(LoadError::at(Stage::Storage))?;
            Ok(Data { database, keyvalue })
        };
        mount.data.get_or_try_init(open).await
    }
}

impl Databases {
    pub(in crate::plugin) fn of(
        &self,
        id: &PluginId,
    ) -> Result<(&storage::Folder, Durability), LoadError> {
        let connection = self.settings.of(id);
        let folder = self.folders.iter().find(|(c, _)| c == connection);
        let (_, folder) = folder
            .ok_or_else(|| LoadError::new(Stage::Storage, "its database folder is not open"))?;
        let durability = match connection {
            config::Connection::Memory => Durability::Volatile,
            config::Connection::Directory(_) => Durability::Durable,
        };
        Ok((folder, durability))
    }
}

fn warnings(id: &PluginId, descriptor: Option<&Descriptor>) -> Vec<String> {
    match descriptor {
        Some(d) if d.id != *id => vec![format!(
            "the build calls itself {}, and is served as {id}",
            d.id
        )],
        _ => Vec::new(),
    }
}

fn put_back(mount: &Mount, file: &Path, before: Option<Bytes>) {
    let done = match &before {
        Some(bytes) => storage::write_durably(file, bytes, MODE),
        None => std::fs::remove_file(file),
    };
    if let Some(bytes) = before {
        mount.set_folder(BuildId::of(&bytes));
    }
    match done {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::error!(plugin = %mount.id(), %error, "the file of a refused build stays in the plugins folder");
        }
        _ => {}
    }
}

/// The deploy's one line, and what `greenroom plugins` shows until the next one.
fn refused(mount: &Mount, serving: Option<&Build>, error: &LoadError, begun: Instant) {
    let short = |build: Option<BuildId>| build.map_or("none".to_owned(), |b| b.short());
    tracing::error!(
        plugin = %mount.id(), build = short(error.build), outcome = "refused", stage = ?error.stage,
        milliseconds = milliseconds(begun.elapsed()), serving = short(serving.map(|b| b.id)), "deploy: {error}"
    );
    mount.set_problem(Some(Problem::new(error)));
}
