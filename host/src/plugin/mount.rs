//! A plugin id under `/api/`: what stays while builds come and go.

use super::{
    Content, Error,
    build::Build,
    call::{Answering, Said},
    descriptor::Access,
    ending::Ending,
    gate::{Gate, Place},
    health::Health,
    hook::Beside,
    status::{Problem, Status},
};
use crate::{
    auth::Caller,
    config::{self, Limits},
    id::{BuildId, PluginId},
    storage::{Database, kv::Keyvalue},
    telemetry::{Voice, voice},
};
use arc_swap::ArcSwapOption;
use http::{Response, request};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{OnceCell, Semaphore, watch};

/// Where a plugin stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its first build since the host started is not decided yet.
    Loading,
    Live,
    /// No build serves.
    Failed,
}

/// The plugin's data, opened with its first build.
pub(super) struct Data {
    pub(super) database: Database,
    pub(super) keyvalue: Keyvalue,
}

pub struct Mount {
    id: PluginId,
    pub(super) settings: config::Plugin,
    /// It was there when the host started: the host is not ready before its first outcome.
    pub(super) from_start: bool,
    pub(super) limits: Arc<Limits>,
    pub(super) gate: Arc<Gate>,
    pub(super) streams: Arc<Semaphore>,
    /// Held, so that there is one account of what its builds write into the log.
    _voice: Arc<Voice>,
    pub(super) data: OnceCell<Data>,
    /// One deploy at a time.
    pub(super) deploying: Arc<tokio::sync::Mutex<()>>,
    /// Calls that are no requests.
    pub(super) beside: Beside,
    pub(super) health: Health,
    pub(super) ending: Ending,
    live: ArcSwapOption<Build>,
    phase: watch::Sender<Phase>,
    problem: Mutex<Option<Problem>>,
    folder: Mutex<Option<BuildId>>,
    requests: AtomicU64,
    errors: AtomicU64,
}

impl Mount {
    pub(super) fn new(id: PluginId, settings: config::Plugin, from_start: bool) -> Arc<Self> {
        let limits = Arc::new(settings.limits.clone());
        let voice = voice(&id);
        voice.allow(limits.log);
        Arc::new(Self {
            id,
            _voice: voice,
            gate: Arc::new(Gate::new(&limits)),
            streams: Arc::new(Semaphore::new(limits.streams as usize)),
            limits,
            settings,
            from_start,
            data: OnceCell::new(),
            deploying: Arc::default(),
            beside: Arc::default(),
            health: Health::default(),
            ending: Ending::default(),
            live: ArcSwapOption::empty(),
            phase: watch::Sender::new(Phase::Loading),
            problem: Mutex::default(),
            folder: Mutex::default(),
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        })
    }

    pub fn id(&self) -> &PluginId {
        &self.id
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Returns when the phase is no longer [`Phase::Loading`]. The caller bounds it.
    pub async fn loaded(&self) {
        // An error means that the sender is gone, and it is `self`.
        let _ = self
            .phase
            .subscribe()
            .wait_for(|phase| *phase != Phase::Loading)
            .await;
    }

    /// Who may have `path` (below the mount, `/todos`); `None` when no build is live.
    pub fn access(&self, path: &str) -> Option<Access> {
        self.live.load().as_ref().map(|build| build.access(path))
    }

    /// Answers one request: waits for a place, then runs the build that is live by then. The wait, the call and every
    /// part of the answer are bounded by the plugin's limits.
    ///
    /// `head`: with an absolute URI, and without what clients may not say; its headers may be taken. `below`: the path
    /// below the mount. `said`: headers in the host's own words, which replace the client's. `body`: collected, or it
    /// enforces its own limits. `caller`: for the log, and for what the plugin may ask.
    pub async fn handle(
        &self,
        head: &mut request::Parts,
        below: &str,
        said: &[(&'static str, &str)],
        body: Content,
        caller: Caller,
    ) -> Result<Response<Content>, Error> {
        self.requests.fetch_add(1, Relaxed);
        let place = self.gate.enter().await;
        let begun = place.and_then(|place| self.begin(place, head, below, said, body, caller));
        let answer = match begun {
            Ok(answering) => answering.await,
            Err(error) => Err(error),
        };
        if answer.is_err() {
            self.errors.fetch_add(1, Relaxed);
        }
        answer
    }

    fn begin(
        &self,
        mut place: Place,
        head: &mut request::Parts,
        below: &str,
        said: Said<'_>,
        body: Content,
        caller: Caller,
    ) -> Result<Answering, Error> {
        if matches!(body, Content::Stream(_)) {
            place = place.streaming(&self.streams)?;
        }
        let build = self.live.load_full().ok_or(Error::Unavailable)?;
        // The build may have changed since the caller asked.
        if !build.access(below).admits(&caller.principal) {
            return Err(Error::Closed);
        }
        let asked = build.asked(head, below, said, body);
        Ok(build.handle(place, asked, caller))
    }

    /// For the log: the build that is live now; `none` where none is.
    pub fn build_name(&self) -> String {
        self.live
            .load()
            .as_ref()
            .map_or("none".to_owned(), |build| build.id.short())
    }

    pub(super) fn live(&self) -> Option<Arc<Build>> {
        self.live.load_full()
    }

    /// From here on new requests go to `build`. The one before it finishes what it runs.
    pub(super) fn publish(&self, build: Arc<Build>) {
        let hooks = build.hooks.clone();
        let old = self.live.swap(Some(build));
        // Before it counts as live: the host is not ready in between.
        let settings = &self.settings.health;
        self.health.begin(&hooks, settings, old.is_none());
        self.phase.send_replace(Phase::Live);
        if let Some(old) = old {
            old.pool.retire();
            self.ending.follow(old);
        }
    }

    /// The first outcome was no build, or the plugin is removed.
    pub(super) fn fail(&self) {
        if self.live.load().is_none() {
            self.phase.send_replace(Phase::Failed);
        }
    }

    /// The plugin ends, or the host: [`Ending::finish`] is to follow.
    pub(super) fn unpublish(&self) {
        if let Some(old) = self.take_down() {
            self.ending.follow(old);
        }
    }

    /// The plugin is stopped because nobody may work on its data as it is, no `stop` either.
    pub(super) fn abandon(&self) {
        self.ending.cut_off();
        drop(self.take_down());
    }

    fn take_down(&self) -> Option<Arc<Build>> {
        let old = self.live.swap(None);
        self.phase.send_replace(Phase::Failed);
        self.health.end();
        old.inspect(|old| old.pool.retire())
    }

    pub(super) fn set_problem(&self, problem: Option<Problem>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    pub(super) fn problem(&self) -> Option<Problem> {
        self.problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The hash of what lies in the plugins folder, whether it serves or not; returns what lay there before.
    pub(super) fn set_folder(&self, build: BuildId) -> Option<BuildId> {
        self.folder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(build)
    }

    /// The hash of what lay in the plugins folder when it was read last.
    pub(super) fn folder(&self) -> Option<BuildId> {
        *self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends instances that wait, since they may have been told of another level in the log than what holds now. Those at
    /// work end with their request (`State::is_reusable`).
    pub(super) fn forget_levels(&self) {
        if let Some(build) = self.live() {
            build.pool.sweep(Duration::ZERO);
        }
    }

    /// Ends idle instances, and drops expired keys.
    pub(super) async fn sweep(&self) {
        if let Some(build) = self.live() {
            build.pool.sweep(self.limits.instance_idle);
        }
        if let Some(data) = self.data.get()
            && let Err(error) = data.keyvalue.sweep().await
        {
            tracing::warn!(plugin = %self.id, %error, "expired keys are not swept");
        }
    }

    /// Later calls on the plugin's data answer `closed`.
    pub(super) async fn close_data(&self) {
        if let Some(data) = self.data.get() {
            data.database.clone().close().await;
            data.keyvalue.clone().close().await;
        }
    }

    pub(super) fn status(&self, history: Vec<BuildId>) -> Status {
        let live = self.live();
        Status {
            id: self.id.clone(),
            state: match self.phase() {
                Phase::Loading => "loading",
                Phase::Live => "live",
                Phase::Failed => "failed",
            },
            required: self.settings.required,
            build: live.as_ref().map(|b| super::status::Serving {
                id: b.id.to_string(),
                version: b.version.clone(),
                since: b.since.to_string(),
            }),
            folder: self
                .folder
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .map(|b| b.to_string()),
            problem: self
                .problem
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            health: self.health.status(),
            history: history.iter().map(ToString::to_string).collect(),
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            running: self.gate.running(),
            instances: live.map_or(0, |b| b.pool.idle_count()) + self.gate.running(),
        }
    }
}
