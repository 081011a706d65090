//! From a request's method and path to the function that answers it.

use crate::{Error, Query, Request, Response, percent};

/// Answers one request.
pub type Handler = fn(&Request) -> Result<Response, Error>;

/// The routes of a plugin.
///
/// A pattern's segments are literals, which match byte for byte and undecoded (`/TODOS` and `/%74odos` are not
/// `/todos`), or `:name`, which matches any one segment that is not empty and is percent-decoded once. One slash at the
/// end of a path makes no difference. Where several routes fit, the first declared wins.
///
/// The router itself answers `HEAD` as `GET` (the host drops the body), `OPTIONS` with 204 and `Allow`, a known path
/// with another method with 405, an unknown path with 404, and a broken escape in a `:name` or the query with 400.
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
}

struct Route {
    method: &'static str,
    pattern: Vec<Segment>,
    handler: Handler,
}

enum Segment {
    /// With the slash before it.
    Literal(&'static str),
    Name(&'static str),
}

impl Router {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn get(self, pattern: &'static str, handler: Handler) -> Self {
        self.route("GET", pattern, handler)
    }

    #[must_use]
    pub fn post(self, pattern: &'static str, handler: Handler) -> Self {
        self.route("POST", pattern, handler)
    }

    #[must_use]
    pub fn put(self, pattern: &'static str, handler: Handler) -> Self {
        self.route("PUT", pattern, handler)
    }

    #[must_use]
    pub fn patch(self, pattern: &'static str, handler: Handler) -> Self {
        self.route("PATCH", pattern, handler)
    }

    #[must_use]
    pub fn delete(self, pattern: &'static str, handler: Handler) -> Self {
        self.route("DELETE", pattern, handler)
    }

    /// `method` in capitals; `pattern` as `/todos/:id`. A route of `HEAD` or `OPTIONS` answers instead of the router.
    ///
    /// # Panics
    ///
    /// When the pattern does not begin with a slash: no path would fit it.
    #[must_use]
    pub fn route(mut self, method: &'static str, pattern: &'static str, handler: Handler) -> Self {
        let Some(mut rest) = segments(pattern) else {
            panic!("the route {method} {pattern:?} has to begin with a slash");
        };
        let mut pattern = Vec::new();
        while let Some((segment, after)) = first(rest) {
            pattern.push(match segment.strip_prefix("/:") {
                Some(name) => Segment::Name(name),
                None => Segment::Literal(segment),
            });
            rest = after;
        }
        self.routes.push(Route {
            method,
            pattern,
            handler,
        });
        self
    }

    /// Answers a request, whatever happens.
    pub fn dispatch(&self, mut request: Request) -> Response {
        self.answer(&mut request).unwrap_or_else(|answer| {
            answer.log();
            answer.into()
        })
    }

    fn answer(&self, request: &mut Request) -> Result<Response, Error> {
        let path = segments(request.path());
        let fits = |route: &&Route| path.is_some_and(|path| route.fits(path));
        let fitting = || self.routes.iter().filter(fits);
        let method = request.method();
        let by = |method: &str| {
            let of_method = |route: &&Route| route.method == method && fits(route);
            self.routes.iter().find(of_method)
        };
        let Some(route) = by(method).or_else(|| by((method == "HEAD").then_some("GET")?)) else {
            let allow = allow(fitting()).ok_or_else(|| Error::not_found("Not found"))?;
            return match method {
                "OPTIONS" => Ok(Response::no_content().with_header("allow", allow)),
                _ => {
                    Err(Error::new(405, "the method is not allowed here")
                        .with_header("allow", allow))
                }
            };
        };
        let params = route.params(path.unwrap_or_default())?;
        let query = Query::parse(request.raw_query())?;
        request.route(params, query);
        (route.handler)(request)
    }
}

impl Route {
    fn fits(&self, path: &str) -> bool {
        self.walk(path, |_, _| ())
    }

    /// Whether a path fits. `named` sees the text of each `:name` up to where it does not.
    fn walk<'a>(&self, path: &'a str, mut named: impl FnMut(&'static str, &'a str)) -> bool {
        let mut rest = path;
        for segment in &self.pattern {
            match segment {
                Segment::Literal(literal) => match rest.strip_prefix(literal) {
                    Some(after) if after.is_empty() || after.starts_with('/') => rest = after,
                    _ => return false,
                },
                Segment::Name(name) => match first(rest) {
                    Some((segment, after)) if segment.len() > 1 => {
                        named(name, &segment[1..]);
                        rest = after;
                    }
                    _ => return false,
                },
            }
        }
        rest.is_empty()
    }

    /// The decoded values of the `:names`, for a path that fits.
    fn params(&self, path: &str) -> Result<Vec<(&'static str, String)>, Error> {
        let mut params = Ok(Vec::new());
        self.walk(path, |name, text| {
            if let Ok(decoded) = &mut params {
                match percent::decode(text) {
                    Ok(value) => decoded.push((name, value.into_owned())),
                    Err(percent::Broken) => {
                        let message = format!("{name} has an invalid percent-escape");
                        params = Err(Error::bad_request(message));
                    }
                }
            }
        });
        params
    }
}

/// The segments of a path, each with the slash before it, one slash at its end aside; empty for `/`. `None` for what is
/// no path, as `*`.
fn segments(path: &str) -> Option<&str> {
    let inner = path.strip_prefix('/')?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    Some(match inner.len() {
        0 => "",
        length => &path[..=length],
    })
}

/// The first of the segments, and the others.
fn first(segments: &str) -> Option<(&str, &str)> {
    let inner = segments.strip_prefix('/')?;
    let end = memchr::memchr(b'/', inner.as_bytes());
    Some(segments.split_at(end.map_or(segments.len(), |end| end + 1)))
}

/// The methods of a path's routes, for `Allow`; `None` when no route fits.
fn allow<'a>(fitting: impl Iterator<Item = &'a Route>) -> Option<String> {
    let mut fitting = fitting.peekable();
    fitting.peek()?;
    let mut methods = Vec::new();
    for route in fitting {
        let also = (route.method == "GET").then_some("HEAD");
        methods.extend([route.method].into_iter().chain(also));
    }
    methods.push("OPTIONS");
    let mut seen = Vec::new();
    methods.retain(|method| {
        let first = !seen.contains(method);
        seen.push(*method);
        first
    });
    Some(methods.join(", "))
}

#[cfg(test)]
mod tests {
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
}
