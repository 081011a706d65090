//! A host whose folders are file systems of their own: small ones, read-only ones. It needs user namespaces, no root.

use crate::{Host, Setup, binary};
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// The host is started in a mount namespace of its own, after these commands of a shell, in the host's folder, joined by
/// `&&` and without single quotes.
pub fn in_namespace(setup: Setup, mounts: &str) -> Setup {
    in_namespace_with(setup, mounts, "")
}

/// The same, with a redirection of the host's output.
pub fn in_namespace_with(setup: Setup, mounts: &str, redirect: &str) -> Setup {
    let wrapper = setup.folder().join("wrapped");
    let script = format!(
        "#!/bin/sh\nexec unshare --map-root-user --mount sh -c \
         '{mounts} && exec {} \"$@\" {redirect}' sh \"$@\"\n",
        binary().display()
    );
    fs::write(&wrapper, script).expect("the folder");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("the folder");
    setup.binary(&wrapper)
}

/// A path in the host's folder as the host sees it.
pub fn seen_by(host: &Host, path: &str) -> PathBuf {
    let folder = host.folder().strip_prefix("/").expect("absolute");
    Path::new(&format!("/proc/{}/root", host.pid()))
        .join(folder)
        .join(path)
}

/// Runs a command in the host's mount namespace.
pub fn inside(host: &Host, command: &[&str]) {
    let pid = host.pid().to_string();
    let done = Command::new("nsenter")
        .args(["--preserve-credentials", "-U", "-m", "-t", &pid])
        .args(command)
        .output()
        .expect("nsenter runs");
    assert!(done.status.success(), "{command:?}: {done:?}");
}

/// Takes all that is free in a folder that the host sees; dropped, it is free again.
pub struct Filler(PathBuf);

impl Filler {
    pub fn of(host: &Host, folder: &str) -> Self {
        let path = seen_by(host, folder).join("filler");
        let mut file = fs::File::create(&path).expect("the folder");
        // The last pieces are small, so that nothing fits beside them.
        for size in [64 << 10, 4 << 10, 512, 1] {
            let piece = vec![b'x'; size];
            while file.write_all(&piece).is_ok() {}
        }
        Self(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        // The host, and what it sees, may be gone.
        let _ = fs::remove_file(&self.0);
    }
}
