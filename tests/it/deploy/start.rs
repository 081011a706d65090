//! Right after the host's start: what serves, what waits, what is ready.

use super::{version, versioned, wait_for_version};
use greenroom_tests::{Host, Setup, chameleon, fixture, todo};
use std::thread;

const READINESS: &str = "/.backstage/health/v1/readiness";

fn wait_until_ready(host: &Host) {
    host.wait_until("the host is ready", |host| {
        host.get(READINESS).status == 200
    });
}

#[test]
fn one_broken_plugin_does_not_keep_the_others_from_serving() {
    let host = Setup::new()
        .plugin("good", &versioned("good"))
        .plugin("broken", b"not wasm")
        .plugin("trapping", &chameleon("start=trap;"))
        .start();
    assert_eq!(version(&host, "good"), "good");
    assert_eq!(host.get(READINESS).status, 200);
    for id in ["broken", "trapping"] {
        let answer = host.get(&format!("/api/{id}/version"));
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.json()["error"]["name"], "ServiceUnavailableError");
        let plugin = host.plugin(id);
        assert_eq!(plugin["state"], "failed", "{plugin}");
        assert!(plugin["build"].is_null(), "{plugin}");
        assert!(plugin["problem"]["message"].is_string(), "{plugin}");
    }
    // It is mended while the host runs.
    host.drop_in("broken", &versioned("mended"));
    wait_for_version(&host, "broken", "mended");
}

#[test]
fn without_a_required_plugin_the_host_is_not_ready() {
    let host = Setup::new()
        .config("plugins: {broken: {required: true}, absent: {required: true}}")
        .plugin("good", &versioned("good"))
        .plugin("broken", b"not wasm")
        .launch();
    host.wait_until("all is decided", |host| {
        version(host, "good") == "good" && !host.get(READINESS).text().contains("load")
    });
    let answer = host.get(READINESS);
    assert_eq!(answer.status, 503);
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("is required and does not serve"),
        "{message}"
    );
    assert_eq!(host.get("/.backstage/health/v1/liveness").status, 200);
    assert_eq!(host.plugin("absent")["required"], true);
    let problem = host.plugin("absent")["problem"]["message"].to_string();
    assert!(
        problem.contains("there is no file") && problem.contains("absent.wasm"),
        "{problem}"
    );

    host.drop_in("broken", &versioned("1"));
    wait_for_version(&host, "broken", "1");
    let message = host.get(READINESS).json()["message"].to_string();
    assert!(message.contains("absent"), "{message}");
    host.drop_in("absent", &versioned("2"));
    wait_for_version(&host, "absent", "2");
    assert_eq!(host.get(READINESS).status, 200);
}

#[test]
fn requests_for_a_plugin_that_still_loads_wait_for_it() {
    // Nothing is compiled yet, so that loading takes its time.
    let host = Setup::new()
        .own_cache()
        .config("backend: {lifecycle: {startupRequestPauseTimeout: 80s}}")
        .plugin("c", &versioned("one"))
        .plugin("todo", &todo())
        .launch();
    thread::scope(|scope| {
        let early: Vec<_> = (0..8)
            .map(|n| {
                let target = if n % 2 == 0 {
                    "/api/c/version"
                } else {
                    "/api/todo/todos"
                };
                let host = &host;
                scope.spawn(move || host.get(target))
            })
            .collect();
        assert_eq!(host.get("/api/unknown/version").status, 404);
        assert_eq!(host.get("/.backstage/health/v1/liveness").status, 200);
        let ready = host.get(READINESS);
        assert_eq!(ready.status, 503, "both plugins are still compiled");
        assert!(
            ready.json()["message"].as_str().unwrap().contains("load"),
            "{}",
            ready.text()
        );
        for answer in early {
            let answer = answer.join().unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    });
    wait_until_ready(&host);
}

#[test]
fn they_are_told_to_come_again_when_it_takes_too_long() {
    let host = Setup::new()
        .own_cache()
        .config("backend: {lifecycle: {startupRequestPauseTimeout: 10ms}}")
        .plugin("c", &versioned("one"))
        .launch();
    let answer = host.get("/api/c/version");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    wait_until_ready(&host);
    assert_eq!(version(&host, "c"), "one");
}

#[test]
fn no_known_plugin_is_ever_unknown() {
    let mut setup = Setup::new().plugin("zz", &versioned("one"));
    // A folder that takes a moment to look through.
    for n in 0..500 {
        setup = setup.plugin(&format!("broken-{n}"), b"");
    }
    let host = setup.log("error,greenroom::plugin=off").launch();
    for _ in 0..20 {
        let answer = host.get("/api/zz/version");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[test]
fn a_deploy_of_a_new_plugin_leaves_the_host_ready() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    wait_until_ready(&host);
    thread::scope(|scope| {
        let deploy = scope.spawn(|| host.deploy("slow", &chameleon("start=spin;")));
        host.wait_until("the deploy has begun", |host| {
            host.plugin("slow")["state"] == "loading"
        });
        while !deploy.is_finished() {
            let answer = host.get(READINESS);
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        deploy.join().unwrap().unwrap_err();
    });
}

#[test]
fn a_slow_plugin_does_not_hold_up_the_folder() {
    let host = Setup::new()
        .plugin("good", &versioned("one"))
        .plugin(
            "slow",
            &chameleon("migrations=base,slow,slow-exclusive;describe=spin;"),
        )
        .launch();
    wait_for_version(&host, "good", "one");
    assert_eq!(host.plugin("slow")["state"], "loading");
    host.drop_in("good", &versioned("two"));
    wait_for_version(&host, "good", "two");
    assert_eq!(
        host.plugin("slow")["state"],
        "loading",
        "the folder was looked at only when all had loaded"
    );
}

#[test]
fn a_plain_wasi_http_component_serves_where_config_opens_it() {
    let host = Setup::new()
        .config("plugins: {opened: {access: open}}")
        .plugin("opened", &fixture("plain"))
        .plugin("closed", &fixture("plain"))
        .start();
    for n in 0..3 {
        let answer = host.get(&format!("/api/opened/a/b?n={n}"));
        let expected = format!("plain: Method::Get /a/b?n={n}, request 1 of this instance\n");
        assert_eq!((answer.status, answer.text()), (200, expected));
    }
    for path in ["/api/closed/", "/api/closed/a", "/api/closed"] {
        let answer = host.get(path);
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(
            answer.header("www-authenticate").as_deref(),
            Some("Bearer realm=\"greenroom\"")
        );
    }
    assert_eq!(host.plugin("closed")["state"], "live");
    // It says no id: a deploy needs one.
    std::fs::write(host.folder().join("plain.wasm"), fixture("plain")).unwrap();
    let output = host.command(&["deploy", "plain.wasm"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        super::stderr(&output).contains("--as"),
        "{}",
        super::stderr(&output)
    );
}

#[test]
fn a_required_plugin_that_is_removed_makes_the_host_unready() {
    let host = Setup::new()
        .config("plugins: {c: {required: true}}")
        .plugin("c", &versioned("one"))
        .start();
    wait_until_ready(&host);
    host.ask(&["remove", "c"]);
    let answer = host.get(READINESS);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(
        answer.text().contains("plugin c is required"),
        "{}",
        answer.text()
    );
    host.deploy("c", &versioned("two")).unwrap();
    wait_until_ready(&host);
    // And by the folder.
    std::fs::remove_file(host.folder().join("plugins/c.wasm")).unwrap();
    host.wait_until("it is unready", |host| host.get(READINESS).status == 503);
}
