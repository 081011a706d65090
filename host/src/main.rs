//! The `greenroom` binary: reads the command line and the configuration, starts what they ask for, and turns the result
//! into an exit status.

use anyhow::{Context, Result};
use greenroom::{
    cli::{self, Command, output},
    config::{self, Config, Listen},
    engine::{THREAD_STACK, run_compile_child},
    host::{self, Host, Restoring, Wanted},
    scaffold, telemetry,
};
use serde_json::json;
use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// A request allocates on one thread and frees on another, in sizes that the C library's allocator handles under a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(Command::Serve(args)) => serve(&args),
        Ok(Command::Check(args)) => check(&args),
        Ok(Command::Inspect(args)) => inspect(&args),
        Ok(Command::Ask(ask)) => match runtime() {
            Ok(runtime) => runtime.block_on(cli::ask(ask)),
            Err(error) => failed(&error, false),
        },
        Ok(Command::Backup(args)) => backup(&args),
        Ok(Command::Restore(args)) => restore(&args),
        Ok(Command::New(args)) => new(args),
        Ok(Command::Compile) => run_compile_child(),
        Ok(Command::Judge) => config::schema::run_child(),
        Err(code) => code,
    }
}

fn serve(args: &cli::Serve) -> ExitCode {
    let mut config = match args.config.load() {
        Ok(config) => config,
        Err(error) => return output::config_error(&error, args.json),
    };
    if let Some(listen) = &args.listen {
        config.backend.listen = Listen::clone(listen);
    }
    let variable = |name| std::env::var(name).ok();
    let log = match telemetry::start(&telemetry::Start {
        logger: &config.backend.logger,
        auditor: &config.backend.auditor,
        log_level: variable("LOG_LEVEL").as_deref(),
        greenroom_log: variable("GREENROOM_LOG").as_deref(),
        json: args.json,
        terminal: stderr().is_terminal(),
        colours: variable("NO_COLOR").is_none_or(|value| value.is_empty()),
    }) {
        Ok(log) => log,
        Err(error) => return failed(&error, args.json),
    };
    for note in &config.notes {
        tracing::info!("config: {note}");
    }
    let served = runtime().and_then(|runtime| {
        let served = runtime.block_on(serve_until_told(config, args.json));
        // A compile or a copy that still runs on a blocking thread must not hold the exit.
        runtime.shutdown_background();
        served
    });
    drop(log);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, args.json),
    }
}

async fn serve_until_told(config: Config, json: bool) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let host = Host::build(config, &runtime_folder()).await?;
    let address = host.address();
    output::line(&if json {
        json!({ "event": "listening", "address": address.to_string() }).to_string()
    } else {
        format!("listening on http://{address}")
    });
    let (registry, stopper, outcomes) = (host.registry(), host.stopper(), host.outcomes());
    let running = tokio::spawn(host.run());
    let ready = async move {
        registry.all_decided().await;
        // The log has a thread of its own: what it holds is written before the URL.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut outcomes = outcomes();
        // A URL to try comes last.
        outcomes.sort_by_key(|(_, outcome)| outcome.is_ok());
        for (plugin, outcome) in outcomes {
            let line = match (outcome, json) {
                (Ok(path), true) => {
                    json!({ "event": "ready", "url": format!("http://{address}{path}") })
                        .to_string()
                }
                (Ok(path), false) => format!("ready: http://{address}{path}"),
                (Err(message), true) => {
                    json!({ "event": "failed", "plugin": plugin, "message": message }).to_string()
                }
                (Err(message), false) => format!("failed: {plugin}: {message}"),
            };
            output::line(&line);
        }
        std::future::pending::<()>().await;
    };
    let told = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = ready => {}
        }
    };
    told.await;
    tracing::info!("stopping: what runs may finish");
    stopper.cancel();
    let mut signalled = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let again = async {
        // One that comes with the first is no second one: terminals and `timeout` signal the process and its group.
        let together = async {
            loop {
                signalled().await;
            }
        };
        let _: Result<(), _> = tokio::time::timeout(Duration::from_secs(1), together).await;
        signalled().await;
    };
    tokio::select! {
        ended = running => ended.context("the host failed"),
        () = again => anyhow::bail!("stopped before all requests had ended"),
    }
}

/// Where private folders are made.
fn runtime_folder() -> PathBuf {
    std::env::var_os("XDG_RUNTIME_DIR")
        .filter(|v| !v.is_empty())
        .map_or_else(std::env::temp_dir, PathBuf::from)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        // Tasks between two looks at sockets and timers. Guests that run for long have them looked at by themselves
        // (`plugin/instance.rs`).
        .event_interval(31)
        .thread_stack_size(THREAD_STACK)
        .enable_all()
        .build()
        .context("cannot start the async runtime")
}

fn check(args: &cli::Check) -> ExitCode {
    let config = match args.config.load() {
        Ok(config) => config,
        Err(error) => return output::config_error(&error, args.json),
    };
    let found = match runtime().and_then(|runtime| runtime.block_on(host::check(&config))) {
        Ok(found) => found,
        Err(error) => return failed(&error, args.json),
    };
    let plugins = found.plugins.iter().map(|(id, result)| match result {
        Ok(inspection) => (id.to_string(), json!(inspection)),
        Err(error) => (id.to_string(), json!({ "problem": error })),
    });
    let plugins = plugins.collect::<serde_json::Map<_, _>>();
    let mut result = json!({ "notes": config.notes, "plugins": plugins });
    if let Some(permissions) = found.permissions {
        result["permissions"] = json!(permissions);
    }
    cli::report::checked(&result, args.json)
}

fn inspect(args: &cli::Inspect) -> ExitCode {
    match runtime().and_then(|runtime| runtime.block_on(host::inspect_component(&args.file))) {
        Ok(Ok(inspection)) => cli::report::inspected(&json!(inspection), args.json),
        Ok(Err(error)) => {
            output::error(&json!(error), args.json);
            ExitCode::from(cli::FAILED)
        }
        Err(error) => failed(&error, args.json),
    }
}

/// By the host that runs; without one by this process.
fn backup(args: &cli::Backup) -> ExitCode {
    let json = args.host.json;
    let folder = match std::path::absolute(&args.folder).context("the current folder is gone") {
        Ok(folder) => folder,
        Err(error) => return failed(&error, json),
    };
    let plugins: Vec<String> = args.plugins.iter().map(ToString::to_string).collect();
    let asked = match runtime() {
        Ok(runtime) => runtime.block_on(cli::ask_for_backup(args, &folder, &plugins)),
        Err(error) => return failed(&error, json),
    };
    match asked {
        cli::Asked::Told(code) => return code,
        cli::Asked::Nobody => {}
    }
    let config = match args.host.config.load() {
        Ok(config) => config,
        Err(error) => return output::config_error(&error, json),
    };
    match host::backup(&config, &Wanted { folder, plugins }) {
        Ok(report) => cli::report::backed_up(&json!(report), json),
        Err(error) => failed(&error, json),
    }
}

fn restore(args: &cli::Restore) -> ExitCode {
    let config = match args.config.load() {
        Ok(config) => config,
        Err(error) => return output::config_error(&error, args.json),
    };
    let wanted = Restoring {
        folder: args.folder.clone(),
        plugins: args.plugins.iter().map(ToString::to_string).collect(),
        replace: args.replace,
    };
    match host::restore(&config, &wanted) {
        Ok(report) => cli::report::restored(&json!(report), args.json),
        Err(error) => failed(&error, args.json),
    }
}

fn new(args: cli::New) -> ExitCode {
    let folder = match std::env::current_dir().context("the current folder is gone") {
        Ok(folder) => folder,
        Err(error) => return failed(&error, args.json),
    };
    let json = args.json;
    let new = scaffold::New {
        id: args.id,
        dry_run: args.dry_run,
        json,
        folder,
    };
    let interactive = std::io::stdin().is_terminal();
    let (mut input, mut prompts, mut out) = (std::io::stdin().lock(), stderr(), std::io::stdout());
    let mut console = scaffold::Console {
        input: &mut input,
        prompts: &mut prompts,
        output: &mut out,
        interactive,
    };
    match scaffold::run(&new, &mut console) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if error.is_usage() {
                cli::USAGE
            } else {
                cli::FAILED
            };
            output::error(
                &json!({ "error": format!("{:#}", anyhow::Error::new(error)) }),
                json,
            );
            ExitCode::from(code)
        }
    }
}

fn failed(error: &anyhow::Error, json: bool) -> ExitCode {
    output::error(&json!({ "error": format!("{error:#}") }), json);
    ExitCode::from(cli::FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_have_the_stack_that_host_calls_need() {
        let runtime = runtime().unwrap();
        let left = runtime.spawn(async { stacker::remaining_stack() });
        let left = runtime.block_on(left).unwrap();
        assert!(left > Some(THREAD_STACK / 8 * 7), "{left:?}");
    }
}
