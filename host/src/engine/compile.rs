//! Compiling a component in a child process, so that a component that makes the compiler run for ever, eat the memory or
//! crash takes nothing with it. The child is this very binary (`/proc/self/exe`, which stays the same file when the one
//! on disk is replaced), has no environment, and limits itself before it reads a byte of the component.
//!
//! Protocol: the parent sends one line with the hash of its compile settings and the priority, then the component. The
//! child answers the compiled code on stdout and exits 0, or a message on stderr and exits 1.

use super::{pace::pace, priority::Priority, starved::starved};
use crate::id::PluginId;
use bytes::Bytes;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, Read, Write},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// Requests come first: a compile has what they leave. Where that was next to nothing for so long it starts again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Wall time of one compile. A guest with a whole JavaScript or Python engine inside takes up to half a minute where nobody
/// else wants the cores.
const WALL: Duration = Duration::from_secs(300);
/// CPU seconds of one compile, all of the child's threads together.
const CPU_SECONDS: u64 = 300;
/// Address space of the child: about ten times what the largest known guest needs.
const ADDRESS_SPACE: u64 = 4 << 30;
/// Compiled code, at most.
const MAX_OUTPUT: u64 = 1 << 30;
/// What is kept of the child's message.
const MAX_MESSAGE: u64 = 16 << 10;

/// The right to compile: one at a time in the whole process, since it takes all cores already.
pub(super) async fn turn() -> Result<SemaphorePermit<'static>, CompileError> {
    static TURN: Semaphore = Semaphore::const_new(1);
    TURN.acquire()
        .await
        .map_err(|e| CompileError::Process(std::io::Error::other(e)))
}

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The component itself is at fault; the text is wasmtime's.
    #[error("{0}")]
    Invalid(String),
    #[error(
        "the compiler passed its limits ({} s, {CPU_SECONDS} CPU seconds, {} GiB): {what}",
        WALL.as_secs(),
        ADDRESS_SPACE >> 30
    )]
    Limits { what: String },
    #[error("the compiler process: {0}")]
    Process(std::io::Error),
}

/// A number that is equal in two processes only when one can load what the other compiled.
pub(super) fn compatibility(engine: &wasmtime::Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// Tells of a compile: in the log that it begins, and by a span for as long as it takes. On a terminal the span is shown in
/// place of the line (`telemetry/progress.rs`, which knows both by their name and their module).
fn announce(plugin: Option<&PluginId>, bytes: usize) -> tracing::Span {
    let plugin = plugin.map(tracing::field::display);
    tracing::info!(name: "compile", plugin, bytes, "compile");
    tracing::info_span!("compile", plugin, bytes, done = tracing::field::Empty)
}

/// Compiles `component` in a child process, with the turn in hand, and returns what `Component::deserialize` loads.
pub(super) async fn compile(
    _turn: &SemaphorePermit<'static>,
    engine: &wasmtime::Engine,
    component: Bytes,
    plugin: Option<&PluginId>,
) -> Result<Vec<u8>, CompileError> {
    let announced = announce(plugin, component.len());
    let idle = spawn()?;
    let process = idle.id().unwrap_or_default();
    let code = tokio::select! {
        done = talk(idle, engine, component.clone(), Priority::Idle) => done,
        () = starved(process, PATIENCE) => talk(spawn()?, engine, component, Priority::Low).await,
    }?;
    announced.record("done", true);
    Ok(code)
}

/// The child, which ends when it is dropped.
fn spawn() -> Result<Child, CompileError> {
    Command::new("/proc/self/exe")
        .arg("compile")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(CompileError::Process)
}

/// Sends the component, and returns what the child answers within `WALL`.
async fn talk(
    mut child: Child,
    engine: &wasmtime::Engine,
    component: Bytes,
    priority: Priority,
) -> Result<Vec<u8>, CompileError> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(CompileError::Process(std::io::Error::other(
            "no pipes to the compiler process",
        )));
    };
    let head = format!("{:016x} {priority}\n", compatibility(engine));
    let send = async move {
        // A child that refuses early closes its stdin: what it says on stderr is the better message.
        let _ = stdin.write_all(head.as_bytes()).await;
        let _ = stdin.write_all(&component).await;
        let _ = stdin.shutdown().await;
    };
    let mut code = Vec::new();
    let mut message = Vec::new();
    let mut stdout = stdout.take(MAX_OUTPUT);
    let mut stderr = stderr.take(MAX_MESSAGE);
    let work = async {
        let ((), out, err) = tokio::join!(
            send,
            stdout.read_to_end(&mut code),
            stderr.read_to_end(&mut message)
        );
        out.and(err).map_err(CompileError::Process)?;
        child.wait().await.map_err(CompileError::Process)
    };
    let status = timeout(WALL, work)
        .await
        .map_err(|_| CompileError::Limits {
            what: "still compiling".into(),
        })??;
    let message = String::from_utf8_lossy(&message).trim().to_owned();
    match status.code() {
        Some(0) => Ok(code),
        Some(1) => Err(CompileError::Invalid(message)),
        _ => Err(CompileError::Limits {
            what: format!("{status} {message}"),
        }),
    }
}

/// The child: `greenroom compile`. Returns its exit code.
pub fn run_child() -> std::process::ExitCode {
    match child() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn child() -> Result<(), String> {
    let limit = |resource, value| {
        setrlimit(
            resource,
            Rlimit {
                current: Some(value),
                maximum: Some(value),
            },
        )
        .map_err(|e| e.to_string())
    };
    limit(Resource::As, ADDRESS_SPACE)?;
    limit(Resource::Cpu, CPU_SECONDS)?;
    limit(Resource::Core, 0)?;
    let mut input = std::io::stdin().lock();
    let mut head = String::new();
    input
        .by_ref()
        .take(64)
        .read_line(&mut head)
        .map_err(|e| e.to_string())?;
    let (settings, priority) = head.trim_end().split_once(' ').unwrap_or_default();
    share_cores(priority.parse()?)?;
    let engine = wasmtime::Engine::new(&super::compile_settings()).map_err(|e| format!("{e:#}"))?;
    if settings != format!("{:016x}", compatibility(&engine)) {
        return Err("the compiler process has other settings than the host that started it".into());
    }
    let mut component = Vec::new();
    input
        .read_to_end(&mut component)
        .map_err(|e| e.to_string())?;
    let code = engine
        .precompile_component(&component)
        .map_err(|e| format!("{e:#}"))?;
    std::io::stdout()
        .lock()
        .write_all(&code)
        .map_err(|e| e.to_string())
}

/// For this thread, and the pool of rayon's on which wasmtime compiles.
fn share_cores(priority: Priority) -> Result<(), String> {
    priority.lower();
    pace();
    rayon::ThreadPoolBuilder::new()
        .num_threads(priority.threads())
        .start_handler(|_| pace())
        .build_global()
        .map_err(|e| format!("the compiler's threads: {e}"))
}

#[cfg(test)]
mod tests {
    /// By these `telemetry/progress.rs` knows it.
    #[test]
    fn an_announcement_has_its_name_and_place() {
        /// Without somebody who listens a span is nothing.
        struct Listener;
        impl tracing::Subscriber for Listener {
            fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
                true
            }
            fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
                tracing::Id::from_u64(1)
            }
            fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
            fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
            fn event(&self, _: &tracing::Event<'_>) {}
            fn enter(&self, _: &tracing::Id) {}
            fn exit(&self, _: &tracing::Id) {}
        }
        tracing::subscriber::with_default(Listener, || {
            let span = super::announce(None, 1);
            let metadata = span.metadata().unwrap();
            assert_eq!(
                (metadata.name(), metadata.target()),
                ("compile", "greenroom::engine::compile")
            );
        });
    }
}
