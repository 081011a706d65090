//! What of a folder is on the disk for good, and what is only in the system's memory.

mod content;
mod image;
mod names;

pub use image::Survives;

use content::Content;
use names::{Entry, Names, Node};
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// What is done to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a file that is there.
    Open,
    /// A new file or folder.
    Create,
    Read,
    Write,
    Truncate,
    Sync,
    FolderSync,
    Delete,
    Rename,
}

/// Operations that fail.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub kind: Kind,
    /// The first one that fails, of its kind, from 1.
    pub first: u64,
    /// How many fail from there on.
    pub times: u64,
    pub full: bool,
    /// Files whose paths, below the disk's root, do not begin so do not fail, nor do they count.
    pub prefix: &'static str,
    /// Files whose names do not end so do not fail, nor do they count.
    pub suffix: &'static str,
}

impl Fault {
    fn is_aimed_at(&self, name: &Path) -> bool {
        let name = name.to_string_lossy();
        name.starts_with(self.prefix) && name.ends_with(self.suffix)
    }
}

/// What happens to a disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// At which operation that changes something the power goes, from 1.
    pub cut: Option<u64>,
    pub fault: Option<Fault>,
    /// Says that it syncs, and does not.
    pub lies: bool,
    /// Databases get `PRAGMA synchronous=NORMAL` where they ask for FULL.
    pub normal: bool,
}

/// Why an operation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Cut,
    Broken,
    Full,
}

impl Refusal {
    pub(crate) fn errno(self) -> i32 {
        match self {
            Self::Full => libc::ENOSPC,
            Self::Cut | Self::Broken => libc::EIO,
        }
    }
}

/// A folder under watch, until it is dropped.
pub struct Disk {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// As programs see it.
    names: Names,
    /// As it is found after a cut.
    kept: Names,
    /// What makes the first of the second, in order.
    entries: Vec<Entry>,
    files: HashMap<u64, Content>,
    plan: Plan,
    operations: u64,
    matching: u64,
    failed: u64,
    cut: Option<Instant>,
}

static DISKS: RwLock<Vec<Arc<Disk>>> = RwLock::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Keeps a disk under watch.
pub struct Mounted(Arc<Disk>);

impl std::ops::Deref for Mounted {
    type Target = Arc<Disk>;

    fn deref(&self) -> &Arc<Disk> {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let mut disks = DISKS.write().unwrap_or_else(PoisonError::into_inner);
        disks.retain(|disk| !Arc::ptr_eq(disk, &self.0));
        COUNT.store(disks.len(), Ordering::SeqCst);
    }
}

/// The disk that holds this path.
pub(crate) fn holding(path: &Path) -> Option<(Arc<Disk>, PathBuf)> {
    if COUNT.load(Ordering::SeqCst) == 0 {
        return None;
    }
    let disks = DISKS.read().unwrap_or_else(PoisonError::into_inner);
    disks.iter().find_map(|disk| {
        let inside = path.strip_prefix(&disk.root).ok()?;
        Some((disk.clone(), inside.to_owned()))
    })
}

impl Disk {
    /// Watches this folder from now on. What lies in it is taken as synced.
    pub fn mount(root: &Path, plan: Plan) -> io::Result<Mounted> {
        crate::raw::register();
        let root = root.canonicalize()?;
        let mut state = State {
            plan,
            ..State::default()
        };
        state.take_in(&root, Path::new(""))?;
        state.kept = state.names.clone();
        let disk = Arc::new(Self {
            root,
            state: Mutex::new(state),
        });
        let mut disks = DISKS.write().unwrap_or_else(PoisonError::into_inner);
        disks.push(disk.clone());
        COUNT.store(disks.len(), Ordering::SeqCst);
        Ok(Mounted(disk))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// From now on; the counting of operations starts anew.
    pub fn set_plan(&self, plan: Plan) {
        let mut state = self.state();
        state.plan = plan;
        state.operations = 0;
        state.matching = 0;
        state.failed = 0;
    }

    /// Ends what works until now.
    pub fn cut(&self) {
        self.state().cut.get_or_insert_with(Instant::now);
    }

    /// When the power went.
    pub fn was_cut(&self) -> Option<Instant> {
        self.state().cut
    }

    /// Operations that changed something, since the plan was set.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Operations that failed by the plan's fault.
    pub fn failed(&self) -> u64 {
        self.state().failed
    }

    /// None within SQLite's own VFS: whoever called that holds it.
    pub(crate) fn state_unless_inside(&self, inside: bool) -> Option<MutexGuard<'_, State>> {
        (!inside).then(|| self.state())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_in(&mut self, root: &Path, inside: &Path) -> io::Result<()> {
        for entry in root.join(inside).read_dir()? {
            let entry = entry?;
            let name = inside.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.names.put(&name, Node::Folder);
                self.take_in(root, &name)?;
            } else if !is_passing(&name) {
                let node = self.new_file();
                let bytes = std::fs::read(entry.path())?;
                self.files.insert(node, Content::kept(bytes));
                self.names.put(&name, Node::File(node));
            }
        }
        Ok(())
    }

    fn new_file(&mut self) -> u64 {
        let node = self.files.len() as u64;
        self.files.insert(node, Content::default());
        node
    }

    /// Whether this operation may go on.
    pub(crate) fn admit(&mut self, kind: Kind, name: &Path) -> Result<(), Refusal> {
        if self.cut.is_some() {
            return Err(Refusal::Cut);
        }
        if !matches!(kind, Kind::Open | Kind::Read) {
            self.operations += 1;
            if self.plan.cut == Some(self.operations) {
                self.cut = Some(Instant::now());
                return Err(Refusal::Cut);
            }
        }
        let Some(fault) = self.plan.fault else {
            return Ok(());
        };
        if fault.kind != kind || !fault.is_aimed_at(name) {
            return Ok(());
        }
        self.matching += 1;
        if self.matching < fault.first || self.matching >= fault.first + fault.times {
            return Ok(());
        }
        self.failed += 1;
        Err(if fault.full {
            Refusal::Full
        } else {
            Refusal::Broken
        })
    }

    pub(crate) fn find(&self, name: &Path) -> Option<Node> {
        self.names.get(name)
    }

    pub(crate) fn wants_normal(&self) -> bool {
        self.plan.normal
    }

    pub(crate) fn create(&mut self, name: &Path) -> u64 {
        let node = self.new_file();
        self.enter(Entry::put(name, Node::File(node)));
        node
    }

    /// A name comes, goes or changes: programs see it at once, a cut may find it undone.
    pub(crate) fn enter(&mut self, entry: Entry) {
        self.names.apply(&entry);
        self.entries.push(entry);
    }

    pub(crate) fn write(&mut self, node: u64, at: u64, bytes: &[u8]) {
        self.file(node).write(at, bytes);
    }

    pub(crate) fn truncate(&mut self, node: u64, length: u64) {
        self.file(node).truncate(length);
    }

    pub(crate) fn sync(&mut self, node: u64) {
        if !self.plan.lies {
            self.file(node).sync();
        }
    }

    /// Linux says once that pages could not be written, takes them for written from then on, and a later sync of the same
    /// file answers that all is well. What becomes of them is open.
    pub(crate) fn sync_failed(&mut self, node: u64) {
        self.file(node).strand();
    }

    pub(crate) fn sync_folder(&mut self, folder: &Path) {
        if self.plan.lies {
            return;
        }
        let kept = &mut self.kept;
        self.entries.retain(|entry| {
            let now = entry.lies_in(folder) && !entry.stranded;
            if now {
                kept.apply(entry);
            }
            !now
        });
    }

    pub(crate) fn folder_sync_failed(&mut self, folder: &Path) {
        for entry in &mut self.entries {
            entry.stranded |= entry.lies_in(folder);
        }
    }

    fn file(&mut self, node: u64) -> &mut Content {
        self.files.entry(node).or_default()
    }
}

pub(crate) use names::{Entry as Change, Node as Found};

/// SQLite's index of a write-ahead log is shared memory with a name: nothing of it outlives a system.
pub(crate) fn is_passing(name: &Path) -> bool {
    name.to_string_lossy().ends_with("-shm")
}
