//! What `cargo xtask backstage-check` runs: a real Backstage backend and the host, each behind the other. What Backstage
//! issues is taken here, for those whom it names; what is made of it without its keys is not; and a plugin of Backstage's
//! reaches one of ours by `discovery.endpoints` alone.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program for the command line, that ends with the reason when something is not as it has to be"
)]

mod backend;
mod issued;
mod recording;
mod report;

use backend::Backend;
use greenroom_tests::{Answer, Host, KeyServer, Response, Setup, SigningKey, chameleon, forgeries};
use issued::Issued;
use report::{Report, seen, seen_by_backstage};
use serde_json::Value;
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::ExitCode,
};

/// The plugin here that Backstage's plugin calls, and one that its token is not for.
const TARGET: &str = "chameleon";
const OTHER: &str = "other";
/// The guest, as the backend's configuration names it.
const JANE: &str = "user:default/jane";
const CALLER: &str = "plugin:caller";
const ECHO: &str = "/api/chameleon/echo";
const CLOSED: &str = "/api/chameleon/version";
const COOKIE: &str = "/.backstage/auth/v1/cookie";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(installed) = args.next() else {
        eprintln!(
            "backstage-check: give the folder where the backend is installed, as `cargo xtask backstage-check` does"
        );
        return ExitCode::from(64);
    };
    let record = args.any(|arg| arg == "--record");
    let report = check(installed.into(), record);
    println!("{report}");
    if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn check(installed: PathBuf, record: bool) -> Report {
    let address = free_port();
    let host = greenroom(address);
    let mut backend = Backend::start(installed, address, host.address());
    let mut report = Report::default();
    let issued = Issued::by(&backend);
    taken(&mut report, &host, &backend, &issued);
    called(&mut report, &backend, &issued);
    in_cookies(&mut report, &host, &backend, &issued);
    elsewhere(&mut report, &host, &issued);
    let refused = forged(&mut report, &host, &backend, &issued);
    recorded(&mut report, &host);
    if record {
        let file = recording::write(&backend, &issued, &refused);
        println!("recorded: {}", file.display());
    }
    rotated(&mut report, &host, &mut backend, &issued);
    report
}

/// One that was free a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// Both plugins are closed but for a user's cookie at `/echo` of the first. Backstage need not be there yet.
fn greenroom(backstage: SocketAddr) -> Host {
    let auth = format!("{{url: 'http://{backstage}', issuer: 'http://{backstage}/api/auth'}}");
    Setup::new()
        .plugin(TARGET, &chameleon("policies=cookie:/echo;"))
        .plugin(OTHER, &chameleon("policies=none;"))
        .config(&format!("backend: {{auth: {{backstage: {auth}}}}}"))
        .start()
}

fn ask(host: &Host, target: &str, token: &str) -> Response {
    host.request("GET", target)
        .header("authorization", format!("Bearer {token}"))
        .send()
}

/// Each of its tokens names here whom it names there.
fn taken(report: &mut Report, host: &Host, backend: &Backend, issued: &Issued) {
    report.part("tokens of Backstage, here and there");
    let caller = |who| backend.token(who, "caller", &issued.user);
    for (what, here, there, principal) in [
        (
            "a user's",
            &issued.user,
            issued.user.clone(),
            JANE.to_owned(),
        ),
        (
            "a plugin's",
            &issued.plugin,
            caller("plugin"),
            CALLER.to_owned(),
        ),
        (
            "a plugin's on behalf of a user",
            &issued.for_user,
            caller("user"),
            format!("{JANE} by {CALLER}"),
        ),
    ] {
        report.wants(what, &principal, &seen(&ask(host, ECHO, here)));
        let there = backend.get("/api/caller/whoami", &there);
        report.wants(
            &format!("{what}, there"),
            &principal,
            &seen_by_backstage(&there),
        );
    }
    report.wants(
        "nobody's",
        "401 Missing credentials",
        &seen(&host.get(ECHO)),
    );
}

/// Backstage's own plugin calls by its discovery, which its configuration points at this host.
fn called(report: &mut Report, backend: &Backend, issued: &Issued) {
    report.part("calls of Backstage's plugin");
    for (who, principal) in [
        ("plugin", CALLER.to_owned()),
        ("user", format!("{JANE} by {CALLER}")),
    ] {
        let target = format!("/api/caller/call?target={TARGET}&path=/echo&as={who}");
        let answer = backend.get(&target, &issued.user).json();
        let body = answer["body"].as_str().unwrap_or_default();
        let echo = serde_json::from_str(body).unwrap_or(Value::Null);
        let got = match answer["status"].as_u64() {
            Some(200) => report::told(&echo),
            status => format!("{status:?} {body}"),
        };
        report.wants(&format!("as {who}"), &principal, &got);
    }
}

/// The limited token is the same to the byte, wherever it is put together.
fn in_cookies(report: &mut Report, host: &Host, backend: &Backend, issued: &Issued) {
    report.part("cookies");
    let wanted = format!("backstage-auth={}", issued.limited);
    let pair = |answer: &Response| {
        let cookie = answer.header("set-cookie").unwrap_or_default();
        cookie.split(';').next().unwrap_or_default().to_owned()
    };
    let here = pair(&ask(host, &format!("/api/{TARGET}{COOKIE}"), &issued.user));
    report.wants_same("the cookie that is given here", &wanted, &here);
    let there = pair(&backend.get(&format!("/api/caller{COOKIE}"), &issued.user));
    report.wants_same("the one that is given there", &wanted, &there);
    let with = |target: &str| host.request("GET", target).header("cookie", &wanted).send();
    report.wants("it opens what it may", JANE, &seen(&with(ECHO)));
    report.wants(
        "and nothing else",
        "401 Missing credentials",
        &seen(&with(CLOSED)),
    );
}

/// Good tokens where they are not good.
fn elsewhere(report: &mut Report, host: &Host, issued: &Issued) {
    report.part("tokens at the wrong place");
    let other = format!("/api/{OTHER}/echo");
    report.wants(
        "for the other, at the other",
        CALLER,
        &seen(&ask(host, &other, &issued.elsewhere)),
    );
    for (what, target, token) in [
        ("for the other, at the first", CLOSED, &issued.elsewhere),
        (
            "for the first, at the other",
            other.as_str(),
            &issued.plugin,
        ),
        (
            "for the first and a user, at the other",
            &other,
            &issued.for_user,
        ),
        ("a limited token as bearer", CLOSED, &issued.limited),
    ] {
        report.wants(what, "401 Illegal token", &seen(&ask(host, target, token)));
    }
}

/// Forgeries of each kind; those of the first two are given back, for the recording.
fn forged(
    report: &mut Report,
    host: &Host,
    backend: &Backend,
    issued: &Issued,
) -> Vec<(&'static str, Vec<(String, String)>)> {
    report.part("forged tokens");
    let attacker = KeyServer::start();
    attacker.answer("/keys", Answer::Keys(vec![SigningKey::new("mine").jwk()]));
    let url = attacker.url("/keys");
    let mut all = Vec::new();
    for (kind, here, there, keys) in [
        ("user", &issued.user, issued.user.clone(), issued::USER_KEYS),
        (
            "plugin",
            &issued.plugin,
            backend.token("plugin", "caller", &issued.user),
            issued::CALLER_KEYS,
        ),
        (
            "plugin for a user",
            &issued.for_user,
            backend.token("user", "caller", &issued.user),
            issued::CALLER_KEYS,
        ),
    ] {
        let forms = forgeries(here, issued.jwk(keys, here), &url);
        let theirs = forgeries(&there, issued.jwk(keys, &there), &url);
        let mut taken_there = Vec::new();
        for ((what, form), (same, their)) in forms.iter().zip(&theirs) {
            assert_eq!(what, same, "both are forged alike");
            let got = seen(&ask(host, CLOSED, form));
            report.wants_quietly(&format!("{kind}, {what}"), "401 Illegal token", &got);
            if backend.get("/api/caller/whoami", their).status == 200 {
                taken_there.push(what.as_str());
            }
        }
        report.says(&format!(
            "{kind}: {} forgeries; Backstage itself takes {taken_there:?}",
            forms.len()
        ));
        all.push((kind, forms));
    }
    let asked = format!("{:?}", attacker.paths());
    report.wants("questions to the attacker's server", "[]", &asked);
    all.truncate(2);
    all
}

/// Real ones of another day: expired, and by keys that this Backstage does not have.
fn recorded(report: &mut Report, host: &Host) {
    report.part("recorded tokens");
    for (kind, token) in recording::tokens() {
        let got = seen(&ask(host, CLOSED, &token));
        report.wants(&kind, "401 Illegal token", &got);
    }
}

/// A restart makes new keys, since its database is in memory.
fn rotated(report: &mut Report, host: &Host, backend: &mut Backend, issued: &Issued) {
    report.part("new keys");
    backend.stop();
    let during = seen(&ask(host, ECHO, &issued.user));
    report.wants("a user's while Backstage is down", JANE, &during);
    backend.start_again();
    let later = Issued::by(backend);
    for (what, token, principal) in [
        ("a user's by the new key", &later.user, JANE),
        ("a plugin's by the new key", &later.plugin, CALLER),
    ] {
        host.wait_until(what, |host| ask(host, ECHO, token).status == 200);
        report.wants(what, principal, &seen(&ask(host, ECHO, token)));
    }
}
