//! Any path through the host's router and the SDK's, each beside a plain one.
#![no_main]

use greenroom::http::router::{Route, route};
use greenroom_sdk::{Error, Request, Response, Router};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (method, target) = input;
    let path = target.split('?').next().unwrap_or_default();
    mounts(path);
    let methods = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW"];
    dispatched(methods[usize::from(method) % methods.len()], target);
});

/// Only the raw bytes between the second slash and the third name a plugin.
fn mounts(path: &str) {
    let parts: Vec<&str> = path.splitn(4, '/').collect();
    match (route(path), &parts[..]) {
        (Route::Plugin { id, mount, below }, ["", "api", wanted, rest @ ..]) => {
            assert_eq!(id, *wanted);
            assert_eq!(mount, format!("/api/{id}"));
            let wanted = rest
                .first()
                .map_or("/".to_owned(), |rest| format!("/{rest}"));
            assert_eq!(below, wanted);
        }
        (Route::Plugin { .. }, _) => panic!("{path:?} is no plugin's"),
        (Route::Nothing, ["", "api", id, ..]) => assert!(id.is_empty(), "{path:?}"),
        (Route::Liveness | Route::Readiness, _) => {
            assert!(path.starts_with("/.backstage/health/v1/"));
        }
        (Route::Nothing, _) => {}
    }
}

fn dispatched(method: &'static str, target: &str) {
    let response = router().dispatch(Request::new(method, target));
    let path = target.split('?').next().unwrap_or_default();
    // As the SDK takes a target without a path.
    let path = if path.is_empty() { "/" } else { path };
    let segments: Option<Vec<&str>> = path.strip_prefix('/').map(|inner| {
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        inner.split('/').filter(|_| !inner.is_empty()).collect()
    });
    let known: &[&str] = match segments.as_deref() {
        Some([]) => &["GET"],
        Some(["items"]) => &["GET", "POST"],
        Some(["items", id]) if !id.is_empty() => &["GET", "PUT"],
        Some(["items", id, "parts", part]) if !id.is_empty() && !part.is_empty() => &["GET"],
        _ => &[],
    };
    let as_method = if method == "HEAD" { "GET" } else { method };
    match response.status() {
        404 => assert!(known.is_empty(), "{method} {target:?}"),
        405 => {
            assert!(
                !known.is_empty() && !known.contains(&as_method),
                "{method} {target:?}"
            );
            assert!(response.header("allow").is_some());
        }
        204 => assert!(method == "OPTIONS" && !known.is_empty()),
        // A broken escape, in the path or in the query.
        400 => assert!(known.contains(&as_method) && target.contains('%')),
        200 => assert!(known.contains(&as_method), "{method} {target:?}"),
        other => panic!("{method} {target:?}: {other}"),
    }
}

fn router() -> Router {
    fn item(request: &Request) -> Result<Response, Error> {
        Ok(Response::text(200, request.param("id")))
    }
    fn part(request: &Request) -> Result<Response, Error> {
        let names = [request.param("id"), request.param("part")];
        Ok(Response::text(200, names.concat()))
    }
    fn plain(_: &Request) -> Result<Response, Error> {
        Ok(Response::text(200, "here"))
    }
    Router::new()
        .get("/", plain)
        .get("/items", plain)
        .post("/items", plain)
        .get("/items/:id", item)
        .put("/items/:id", item)
        .get("/items/:id/parts/:part", part)
}
