//! The socket file: never open to others, not even for a moment, and never taken from a host that runs.

use crate::{
    audit::{Event, Severity},
    http::rate::Table,
};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags},
    process::{Uid, geteuid},
};
use std::{
    io,
    net::Ipv4Addr,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{fs::MetadataExt, net},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::{
    net::{UnixListener, UnixStream},
    time,
};

/// The longest path a Unix socket address holds, bytes.
pub(in crate::http) const LONGEST_PATH: usize = 107;
/// How long a host that holds the socket may take to accept.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Refused connections of one user that the log and the audit events tell of in a minute.
const TOLD: u32 = 100;

/// Why there is no admin socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "backend.admin.socket: {path:?} is too long for a Unix socket ({length} bytes, at most 107); choose a shorter path"
    )]
    TooLong { path: PathBuf, length: usize },
    #[error(
        "backend.admin.socket: another host runs with {path:?}; stop it, or give this one a socket of its own"
    )]
    Taken { path: PathBuf },
    #[error(
        "backend.admin.socket: {path:?} is there and is no socket; remove it, or choose another path"
    )]
    NoSocket { path: PathBuf },
    #[error("backend.admin.socket: cannot listen on {path:?}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// The listening admin socket.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of our file, so that another host's is never removed.
    file: (u64, u64),
    owner: Uid,
    /// By user: the id of one has as many bits as an address.
    refusals: Table,
}

impl Socket {
    /// Listens on `path`, mode 0600. A socket left by a host that is gone is replaced.
    pub async fn bind(path: &Path) -> Result<Self, BindError> {
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            return Err(BindError::TooLong {
                path: path.into(),
                length,
            });
        }
        let at = |source| BindError::Io {
            path: path.into(),
            source,
        };
        match std::fs::symlink_metadata(path) {
            Ok(there) if !std::os::unix::fs::FileTypeExt::is_socket(&there.file_type()) => {
                return Err(BindError::NoSocket { path: path.into() });
            }
            Ok(_) if is_alive(path).await.map_err(at)? => {
                return Err(BindError::Taken { path: path.into() });
            }
            // Stale: the rename replaces it.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(error)),
        }
        let (listener, file) = listen(path).map_err(at)?;
        let listener = UnixListener::from_std(listener).map_err(at)?;
        Ok(Self {
            listener,
            path: path.into(),
            file,
            owner: geteuid(),
            refusals: Table::new(Duration::from_secs(60), TOLD),
        })
    }

    /// The next connection of the same user or of root; others are dropped without a word to them.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let uid = stream.peer_cred()?.uid();
            if may(self.owner, uid) {
                return Ok(stream);
            }
            self.tell(uid);
        }
    }

    fn tell(&self, uid: u32) {
        let user = Ipv4Addr::from_bits(uid).into();
        let turn = self.refusals.count(user, Instant::now());
        if !turn.allowed && !turn.first_refused {
            return;
        }
        // The last of a minute says that it is.
        let more = (!turn.allowed).then_some("more of this user in this minute are not told");
        tracing::warn!(uid, more, "refused an admin connection of another user");
        match more {
            Some(more) => refusal(uid).meta("more", more).record(),
            None => refusal(uid).record(),
        }
    }

    /// Removes the file, unless another host has replaced it.
    pub(super) fn remove(&self) {
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "could not remove the admin socket");
        }
    }
}

fn may(owner: Uid, uid: u32) -> bool {
    uid == owner.as_raw() || uid == 0
}

fn refusal(uid: u32) -> Event {
    Event::new("admin-refused")
        .severity(Severity::Medium)
        .actor(&format!("uid:{uid}"))
        .meta("by", "admin-socket")
        .failed("the admin socket is for the user that runs the host, and for root")
}

/// Whether somebody accepts there.
async fn is_alive(path: &Path) -> io::Result<bool> {
    match time::timeout(PROBE_TIMEOUT, UnixStream::connect(path)).await {
        // A full backlog has an owner, too.
        Ok(Ok(_)) | Err(_) => Ok(true),
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(false),
            io::ErrorKind::WouldBlock => Ok(true),
            _ => Err(error),
        },
    }
}

/// Binds inside a new folder that only we may enter, sets the mode, and moves the socket to its place: at no time can
/// another user connect, and the process's umask stays as it is.
fn listen(path: &Path) -> io::Result<(net::UnixListener, (u64, u64))> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let private = tempfile::Builder::new()
        .prefix(".greenroom-")
        .tempdir_in(parent)?;
    let folder: OwnedFd = rustix::fs::openat(
        CWD,
        private.path(),
        OFlags::PATH | OFlags::DIRECTORY,
        Mode::empty(),
    )?;
    // The folder's own path may be longer than an address holds; this one never is.
    let short = format!("/proc/self/fd/{}/s", folder.as_raw_fd());
    let listener = net::UnixListener::bind(&short)?;
    listener.set_nonblocking(true)?;
    rustix::fs::chmodat(&folder, "s", Mode::RUSR | Mode::WUSR, AtFlags::empty())?;
    let file = rustix::fs::statat(&folder, "s", AtFlags::SYMLINK_NOFOLLOW)?;
    rustix::fs::renameat(&folder, "s", CWD, path)?;
    Ok((listener, (file.st_dev, file.st_ino)))
}

/// A test that is not root cannot connect as another user: of that, this is all that it can see.
#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_socket_is_for_its_owner_and_for_root() {
        for (owner, uid, expected) in [
            (1000, 1000, true),
            (1000, 0, true),
            (1000, 1001, false),
            (0, 0, true),
            (0, 1000, false),
        ] {
            assert_eq!(may(Uid::from_raw(owner), uid), expected, "{owner} {uid}");
        }
    }

    #[test]
    fn a_refusal_names_who_was_refused() {
        let (message, members) = refusal(1001).written();
        let told: Value = serde_json::from_str(&format!("{{{members}}}")).unwrap();
        let expected = json!({
            "isAuditEvent": true,
            "plugin": "greenroom",
            "eventId": "admin-refused",
            "severityLevel": "medium",
            "actor": { "actorId": "uid:1001" },
            "meta": { "by": "admin-socket" },
            "status": "failed",
            "error": "the admin socket is for the user that runs the host, and for root",
        });
        assert_eq!(
            (message.as_str(), told),
            ("greenroom.admin-refused", expected)
        );
    }
}
