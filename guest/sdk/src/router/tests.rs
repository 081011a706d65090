use super::*;

fn router() -> Router {
    fn show(request: &Request) -> Result<Response, Error> {
        Ok(Response::text(200, request.param("id")))
    }
    fn list(request: &Request) -> Result<Response, Error> {
        Ok(Response::text(
            200,
            request.query().get("q")?.unwrap_or("all"),
        ))
    }
    fn root(_: &Request) -> Result<Response, Error> {
        Ok(Response::text(200, "root"))
    }
    fn fail(_: &Request) -> Result<Response, Error> {
        Err(Error::new(409, "no"))
    }
    Router::new()
        .get("/", root)
        .get("/todos", list)
        .post("/todos", fail)
        .get("/todos/:id", show)
        .delete("/todos/:id", fail)
        .post("/todos/all", root)
}

fn ask(method: &'static str, target: &str) -> (u16, String) {
    let response = router().dispatch(Request::new(method, target));
    let body = String::from_utf8(response.bytes().unwrap().to_vec()).unwrap();
    (response.status(), body)
}

fn allowed(method: &'static str, target: &str) -> (u16, Option<String>) {
    let response = router().dispatch(Request::new(method, target));
    (
        response.status(),
        response.header("allow").map(str::to_owned),
    )
}

#[test]
fn literals_match_raw_bytes() {
    assert_eq!(ask("GET", "/todos"), (200, "all".into()));
    assert_eq!(ask("GET", "/todos/?q=a+b"), (200, "a b".into()));
    assert_eq!(ask("GET", "/"), (200, "root".into()));
    assert_eq!(ask("GET", "?x"), (200, "root".into()));
    for path in [
        "/TODOS",
        "/%74odos",
        "/todo",
        "/todos//",
        "//todos",
        "/todos/a/b",
        "/todos/a//",
        "/./todos",
        "*",
        "todos",
    ] {
        assert_eq!(
            ask("GET", path),
            (404, r#"{"error":"Not found"}"#.into()),
            "{path}"
        );
    }
}

#[test]
fn names_are_decoded_once() {
    assert_eq!(ask("GET", "/todos/a%2Fb"), (200, "a/b".into()));
    assert_eq!(ask("GET", "/todos/%2541/"), (200, "%41".into()));
    assert_eq!(ask("GET", "/todos/a+b"), (200, "a+b".into()));
    assert_eq!(ask("GET", "/todos/.."), (200, "..".into()));
    for path in ["/todos/%", "/todos/%zz", "/todos/%FF"] {
        assert_eq!(
            ask("GET", path),
            (
                400,
                r#"{"error":"id has an invalid percent-escape"}"#.into()
            ),
            "{path}"
        );
    }
}

#[test]
fn other_methods() {
    assert_eq!(ask("HEAD", "/todos").0, 200);
    assert_eq!(ask("POST", "/todos"), (409, r#"{"error":"no"}"#.into()));
    assert_eq!(
        allowed("OPTIONS", "/todos"),
        (204, Some("GET, HEAD, POST, OPTIONS".into()))
    );
    assert_eq!(
        allowed("PUT", "/todos/1"),
        (405, Some("GET, HEAD, DELETE, OPTIONS".into()))
    );
    assert_eq!(allowed("PATCH", "/todos/%zz").0, 405);
    assert_eq!(allowed("OPTIONS", "/nothing"), (404, None));
    assert_eq!(allowed("PUT", "/nothing"), (404, None));
}

#[test]
fn routes_that_fit_alike_share_a_path() {
    assert_eq!(ask("POST", "/todos/all"), (200, "root".into()));
    assert_eq!(ask("GET", "/todos/all"), (200, "all".into()));
    assert_eq!(
        allowed("PUT", "/todos/all").1.as_deref(),
        Some("GET, HEAD, DELETE, POST, OPTIONS")
    );
}

#[test]
fn a_broken_query_is_refused_where_the_path_is_known() {
    assert_eq!(ask("GET", "/todos?q=%zz").0, 400);
    assert_eq!(ask("GET", "/todos/1?other=%F").0, 400);
    assert_eq!(ask("GET", "/nothing?q=%zz").0, 404);
    assert_eq!(ask("GET", "/todos?q=1&q=2").0, 400);
}

#[test]
fn a_route_of_its_own_answers_head_and_options() {
    fn own(_: &Request) -> Result<Response, Error> {
        Ok(Response::text(203, "own"))
    }
    let router = Router::new()
        .route("HEAD", "/file", own)
        .get("/file", own)
        .route("OPTIONS", "/x", own);
    let ask = |method, path| router.dispatch(Request::new(method, path));
    assert_eq!(ask("HEAD", "/file").status(), 203);
    assert_eq!(ask("OPTIONS", "/x").status(), 203);
    assert_eq!(ask("PUT", "/x").header("allow"), Some("OPTIONS"));
    assert_eq!(
        ask("PUT", "/file").header("allow"),
        Some("HEAD, GET, OPTIONS")
    );
}

#[test]
fn a_route_has_its_permission_and_others_have_none() {
    fn ok(_: &Request) -> Result<Response, Error> {
        Ok(Response::no_content())
    }
    fn all(_: &Request) -> Result<Resource, Error> {
        Ok(Resource::new("todo"))
    }
    let router = Router::new()
        .get("/open", ok)
        .get("/todos", ok)
        .permission("todo.read")
        .delete("/todos", ok)
        .permission_on("todo.delete", all);
    assert!(router.permissions().eq(["todo.read", "todo.delete"]));
    assert!(router.routes[0].guard.is_none());
    // Outside of a component all is allowed; what a host denies is tested with one.
    for (method, path) in [("GET", "/open"), ("HEAD", "/todos"), ("DELETE", "/todos")] {
        assert_eq!(router.dispatch(Request::new(method, path)).status(), 204);
    }
}

/// The order in which a host's denial is met: after the route is known, and before its handler runs.
#[test]
fn a_guard_comes_before_the_handler_and_after_the_route() {
    fn runs(_: &Request) -> Result<Response, Error> {
        panic!("the handler ran")
    }
    let mut router = Router::new()
        .get("/todos/:id", runs)
        .permission("todo.read");
    let guard = router.routes[0].guard.as_mut().unwrap();
    guard.check = |guard, request| {
        assert_eq!(request.param("id"), "1");
        Err(Error::denied(guard.permission))
    };
    let ask = |method, path| router.dispatch(Request::new(method, path)).status();
    assert_eq!(
        (ask("GET", "/todos/1"), ask("HEAD", "/todos/1")),
        (403, 403)
    );
    assert_eq!(
        (ask("PUT", "/todos/1"), ask("OPTIONS", "/todos/1")),
        (405, 204)
    );
    assert_eq!(
        (ask("GET", "/nothing"), ask("GET", "/todos/%zz")),
        (404, 400)
    );
}

#[test]
#[should_panic(expected = "comes before any route")]
fn a_permission_without_a_route_is_told() {
    let _ = Router::new().permission("todo.read");
}

#[test]
#[should_panic(expected = "has a permission already")]
fn a_second_permission_is_told() {
    let _ = Router::new()
        .get("/", |_| Ok(Response::no_content()))
        .permission("a")
        .permission("b");
}

#[test]
#[should_panic(expected = "has to begin with a slash")]
fn a_pattern_without_a_slash_is_told() {
    let _ = Router::new().get("todos", |_| Ok(Response::no_content()));
}

proptest::proptest! {
    /// By segments, as the documentation of `Router` says it.
    #[test]
    fn any_path_finds_what_its_segments_say(path in "(/|/todos|/todos/all)?[a-z/%.]{0,6}/?") {
        let inner = path.strip_prefix('/').map(|inner| inner.strip_suffix('/').unwrap_or(inner));
        let segments: Option<Vec<&str>> = match inner {
            Some("") => Some(Vec::new()),
            inner => inner.map(|inner| inner.split('/').collect()),
        };
        let answer = ask("GET", &path);
        let expected = match segments.as_deref() {
            // A target without a path is `/`.
            None if path.is_empty() => 200,
            Some([] | ["todos"]) => 200,
            Some(["todos", id]) if !id.is_empty() => {
                if percent::decode(id).is_ok() { 200 } else { 400 }
            }
            _ => 404,
        };
        assert_eq!(answer.0, expected, "{path}: {}", answer.1);
    }
}
