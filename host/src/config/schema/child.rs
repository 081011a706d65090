//! The child process: this very binary (`/proc/self/exe`), without an environment.
//!
//! Protocol: the parent sends one [`Question`] as JSON, the child answers an [`Answer`] as JSON and exits 0.

use super::{Refused, Verdict, judge::verdict};
use rustix::process::{Resource, Rlimit, setpriority_process, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    io::{Error, Read, Write},
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::Semaphore,
    time::timeout,
};

/// Of the child.
pub(super) const CPU_SECONDS: u64 = 5;
/// Of the child; a schema of a plugin takes a few MiB.
pub(super) const ADDRESS_SPACE: u64 = 2 << 30;
/// Wall time, beside a host whose cores are all busy.
const WALL: Duration = Duration::from_secs(60);
/// Until it is this one's turn.
const TURN: Duration = Duration::from_secs(300);
/// Bytes of an answer.
const MAX_ANSWER: u64 = 16 << 20;
/// Requests come first.
const NICE: i32 = 10;
/// Children at once.
const AT_ONCE: usize = 2;

#[derive(Serialize, Deserialize)]
struct Question {
    schema: String,
    section: Value,
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Invalid(String),
    Verdict(Verdict),
}

/// Holds a section against a schema. `schema`: JSON text of at most [`super::MAX_SCHEMA`] bytes. Takes some
/// milliseconds; a minute at most, once it is its turn, which `TURN` bounds.
pub async fn judge(schema: &str, section: &Value) -> Result<Verdict, Refused> {
    static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);
    let failed = |error: Error| Refused::Process(error);
    let question = Question {
        schema: schema.to_owned(),
        section: section.clone(),
    };
    let question = serde_json::to_vec(&question).map_err(|e| failed(e.into()))?;
    let turn = timeout(TURN, TURNS.acquire()).await;
    let turn = turn.map_err(|_| {
        failed(Error::other(format!(
            "no turn within {} s, as the schemas of other plugins take too long: try again",
            TURN.as_secs()
        )))
    })?;
    let _turn = turn.map_err(|e| failed(Error::other(e)))?;
    let child = spawn().map_err(failed)?;
    let answered = timeout(WALL, talk(child, question)).await;
    let (status, answer) = answered
        .map_err(|_| Refused::Limits {
            what: format!("no answer within {} s", WALL.as_secs()),
        })?
        .map_err(failed)?;
    if !status.success() {
        return Err(Refused::Limits {
            what: status.to_string(),
        });
    }
    match serde_json::from_slice(&answer).map_err(|e| failed(e.into()))? {
        Answer::Verdict(verdict) => Ok(verdict),
        Answer::Invalid(why) => Err(Refused::Invalid(why)),
    }
}

/// The child, which ends when it is dropped.
fn spawn() -> Result<Child, Error> {
    Command::new("/proc/self/exe")
        .arg("judge")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What it may say there could quote the section.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

async fn talk(mut child: Child, question: Vec<u8>) -> Result<(ExitStatus, Vec<u8>), Error> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::other("it has no pipes"));
    };
    let send = async move {
        // A child that ends early closes its side: its status says more.
        let _ = stdin.write_all(&question).await;
        let _ = stdin.shutdown().await;
    };
    let mut answer = Vec::new();
    let mut stdout = stdout.take(MAX_ANSWER);
    let ((), read) = tokio::join!(send, stdout.read_to_end(&mut answer));
    read?;
    Ok((child.wait().await?, answer))
}

/// The child: `greenroom judge`. Its exit status is 0 when there is an answer.
pub fn run_child() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer() -> Result<(), Error> {
    for (resource, value) in [
        (Resource::As, ADDRESS_SPACE),
        (Resource::Cpu, CPU_SECONDS),
        // It would hold the section.
        (Resource::Core, 0),
    ] {
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, limit)?;
    }
    // Where it cannot be lowered the verdict is right all the same.
    let _ = setpriority_process(None, NICE);
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let question: Question = serde_json::from_slice(&input)?;
    let answer = match verdict(&question.schema, question.section) {
        Ok(verdict) => Answer::Verdict(verdict),
        Err(why) => Answer::Invalid(why),
    };
    let answer = serde_json::to_vec(&answer)?;
    std::io::stdout().lock().write_all(&answer)
}
