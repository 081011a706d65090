//! `backend.auditor.file`: every audit event, a JSON line each, on a thread of its own. Who records an event waits only
//! while more events wait than there are places, and once.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Events that wait to be written.
const EVENTS: usize = 1024;
/// How long one waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks whether the file is still the one at its path.
const LOOK: Duration = Duration::from_secs(1);
/// Between two lines of the log about a file that cannot be written.
const COMPLAINT: Duration = Duration::from_secs(60);
/// What the end may take: to say that it is the end, and to write what waits.
const ENDING: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Where events go in.
pub(super) struct AuditFile {
    sender: Sender<Message>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Events that are not in the file.
    failed: AtomicU64,
    /// One waited in vain: the next ones do not, until one is written.
    stuck: AtomicBool,
}

enum Message {
    Event(String),
    End,
}

/// Writes what waits when it is dropped.
pub(super) struct Guard {
    sender: Sender<Message>,
    ended: Receiver<()>,
}

/// What becomes of an event that could not be written.
pub(super) trait Otherwise: Send + 'static {
    /// `line`: of the file.
    fn keep(&self, line: &str);

    /// For the log: so many events are not in the file, since the last time.
    fn complain(&self, path: &Path, error: &io::Error, events: u64);
}

impl AuditFile {
    /// Opens the file, or makes it with mode 0600. An error says what to change.
    pub(super) fn open(path: &Path, otherwise: impl Otherwise) -> anyhow::Result<(Self, Guard)> {
        let path = path.to_owned();
        let file = open(&path).map_err(|error| {
            anyhow::anyhow!(
                "backend.auditor.file: cannot use {}: {error}",
                path.display()
            )
        })?;
        let (sender, receiver) = bounded(EVENTS);
        let (end, ended) = bounded(1);
        let state = Arc::new(State::default());
        let mut writer = Writer {
            place: identity(&file).ok(),
            file,
            path,
            looked: Instant::now(),
            torn: false,
            complained: None,
            untold: 0,
            otherwise,
            state: state.clone(),
        };
        std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || {
                while let Ok(Message::Event(line)) = receiver.recv() {
                    writer.event(&line);
                }
                // Nobody may listen any more.
                let _ = end.send(());
            })?;
        let guard = Guard {
            sender: sender.clone(),
            ended,
        };
        Ok((Self { sender, state }, guard))
    }

    /// `line`: whole, with its end. `false`: it has no place.
    pub(super) fn push(&self, line: String) -> bool {
        let pushed = match self.sender.try_send(Message::Event(line)) {
            Err(TrySendError::Full(message)) if !self.state.stuck.load(Relaxed) => {
                let sent = self.sender.send_timeout(message, PATIENCE).is_ok();
                if !sent {
                    self.state.stuck.store(true, Relaxed);
                }
                sent
            }
            sent => sent.is_ok(),
        };
        if !pushed {
            self.state.failed.fetch_add(1, Relaxed);
        }
        pushed
    }

    /// Events that are not in the file.
    pub(super) fn failed(&self) -> u64 {
        self.state.failed.load(Relaxed)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (saying, writing) = ENDING;
        if self.sender.send_timeout(Message::End, saying).is_ok() {
            // Late or not: the process ends.
            let _ = self.ended.recv_timeout(writing);
        }
    }
}

/// A file that only its owner can change. A link, a pipe or a device is none.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        // A pipe without a reader would be waited for.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::other("it is a symbolic link; name the file itself"),
            _ => error,
        })?;
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(io::Error::other("it is no file; choose another path"));
    }
    if there.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user; chown it"));
    }
    if there.mode() & 0o022 != 0 {
        let mode = there.mode() & 0o777;
        return Err(io::Error::other(format!(
            "others may change it (its mode is {mode:o}); chmod 600 it"
        )));
    }
    Ok(file)
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|there| (there.dev(), there.ino()))
}

struct Writer<O> {
    file: File,
    path: PathBuf,
    /// Device and inode of the file.
    place: Option<(u64, u64)>,
    looked: Instant,
    /// The last line is not whole.
    torn: bool,
    complained: Option<Instant>,
    /// Failures since the last complaint.
    untold: u64,
    otherwise: O,
    state: Arc<State>,
}

impl<O: Otherwise> Writer<O> {
    fn event(&mut self, line: &str) {
        let written = self.follow().and_then(|()| self.write(line));
        self.state.stuck.store(false, Relaxed);
        let Err(error) = written else { return };
        self.state.failed.fetch_add(1, Relaxed);
        self.untold += 1;
        self.otherwise.keep(line);
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT) {
            self.otherwise.complain(&self.path, &error, self.untold);
            self.complained = Some(Instant::now());
            self.untold = 0;
        }
    }

    /// After a rotation of logs another file is to be at the path, or none: then it is made.
    fn follow(&mut self) -> io::Result<()> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        let there = std::fs::symlink_metadata(&self.path);
        let there = there.map(|there| (there.dev(), there.ino())).ok();
        if there.is_none() || there != self.place {
            self.file = open(&self.path)?;
            self.place = Some(identity(&self.file)?);
            self.torn = false;
        }
        // Only now: what cannot be opened is tried again with the next event.
        self.looked = Instant::now();
        Ok(())
    }

    /// What was cut off by a full disk ends before the next event begins.
    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::fs::PermissionsExt, sync::Mutex};

    /// Keeps what could not be written, and how often that was told.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<(Vec<String>, u64)>>);

    impl Otherwise for Kept {
        fn keep(&self, line: &str) {
            self.0.lock().unwrap().0.push(line.to_owned());
        }

        fn complain(&self, _: &Path, _: &io::Error, events: u64) {
            self.0.lock().unwrap().1 += events;
        }
    }

    fn refused(path: &Path) -> String {
        match AuditFile::open(path, Kept::default()) {
            Ok(_) => panic!("{} was opened", path.display()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn events_are_appended_to_a_file_of_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        for n in 1..=2 {
            let (file, guard) = AuditFile::open(&path, Kept::default()).unwrap();
            assert!(file.push(format!("{n}\n")));
            drop(guard);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn only_a_file_that_others_cannot_change_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("open"), "").unwrap();
        std::fs::set_permissions(path("open"), std::fs::Permissions::from_mode(0o666)).unwrap();
        std::os::unix::fs::symlink("open", path("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RWXU).unwrap();
        assert!(refused(&path("open")).contains("its mode is 666"));
        assert!(refused(&path("link")).contains("a symbolic link"));
        refused(&path("pipe"));
        refused(folder.path());
        let error = refused(&path("none/audit.log"));
        assert!(
            error.starts_with("backend.auditor.file: cannot use "),
            "{error}"
        );
        // Readers may be let in.
        std::fs::set_permissions(path("open"), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(AuditFile::open(&path("open"), Kept::default()).is_ok());
    }

    /// A writer whose next event looks at the path.
    fn writer(path: &Path, kept: &Kept) -> Writer<Kept> {
        let file = open(path).unwrap();
        Writer {
            place: identity(&file).ok(),
            file,
            path: path.to_owned(),
            looked: Instant::now().checked_sub(LOOK).unwrap(),
            torn: false,
            complained: None,
            untold: 0,
            otherwise: kept.clone(),
            state: Arc::default(),
        }
    }

    #[test]
    fn a_file_that_was_moved_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (
            folder.path().join("audit.log"),
            folder.path().join("audit.log.1"),
        );
        let mut writer = writer(&path, &Kept::default());
        writer.event("1\n");
        std::fs::rename(&path, &old).unwrap();
        writer.looked = Instant::now().checked_sub(LOOK).unwrap();
        writer.event("2\n");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!((read(&old), read(&path)), ("1\n".into(), "2\n".into()));
    }

    #[test]
    fn what_cannot_be_written_is_kept_elsewhere_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let kept = Kept::default();
        let mut writer = writer(&path, &kept);
        // As a full disk.
        writer.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        writer.looked = Instant::now();
        writer.event("1\n");
        writer.event("2\n");
        assert_eq!(
            *kept.0.lock().unwrap(),
            (vec!["1\n".into(), "2\n".into()], 1)
        );
        assert_eq!(writer.state.failed.load(Relaxed), 2);
        // What was cut off stands in a line of its own.
        writer.file = open(&path).unwrap();
        writer.file.write_all(b"{\"half").unwrap();
        writer.torn = true;
        writer.event("3\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"half\n3\n");
    }
}
