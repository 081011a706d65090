//! From a request's method and path to the function that answers it.

use crate::{
    Error, Query, Request, Response, percent,
    permissions::{self, Resource},
};

/// Answers one request.
pub type Handler = fn(&Request) -> Result<Response, Error>;

/// Says what a request is about, for a permission that is asked before its handler runs.
pub type About = fn(&Request) -> Result<Resource, Error>;

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
    guard: Option<Guard>,
}

/// What a request needs before its handler runs.
struct Guard {
    permission: &'static str,
    about: Option<About>,
    /// A pointer: a plugin none of whose routes has a guard does not import `greenroom:permissions`.
    check: fn(&Guard, &Request) -> Result<(), Error>,
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
            guard: None,
        });
        self
    }

    /// The route declared last needs this permission: a request that has not is answered with 403, and its handler does
    /// not run. It is asked about the plugin as a whole; see [`permission_on`](Self::permission_on). `HEAD` needs what
    /// `GET` needs.
    ///
    /// The permission has to be in the plugin's declaration, or the build does not start.
    ///
    /// # Panics
    ///
    /// When there is no route yet, or the route has a permission already.
    #[must_use]
    pub fn permission(self, permission: &'static str) -> Self {
        self.guarded(permission, None)
    }

    /// As [`permission`](Self::permission), asked about what `about` says: from the path, or out of the database. It is
    /// called only where the permission has to be asked for. What is not there is best asked about by its id alone:
    /// who may not see it does not learn whether it exists.
    ///
    /// # Panics
    ///
    /// As [`permission`](Self::permission).
    #[must_use]
    pub fn permission_on(self, permission: &'static str, about: About) -> Self {
        self.guarded(permission, Some(about))
    }

    fn guarded(mut self, permission: &'static str, about: Option<About>) -> Self {
        let Some(route) = self.routes.last_mut() else {
            panic!("the permission {permission:?} comes before any route");
        };
        let guard = Guard {
            permission,
            about,
            check: Guard::check,
        };
        if route.guard.replace(guard).is_some() {
            panic!("the route before {permission:?} has a permission already");
        }
        self
    }

    /// The permissions that routes need.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = &'static str> {
        self.routes
            .iter()
            .filter_map(|route| Some(route.guard.as_ref()?.permission))
    }

    /// Answers a request, whatever happens.
    pub fn dispatch(&self, mut request: Request) -> Response {
        match self.answer(&mut request) {
            Ok(response) => response,
            Err(error) => {
                error.log();
                error.answer(&request)
            }
        }
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
        if let Some(guard) = &route.guard {
            (guard.check)(guard, request)?;
        }
        (route.handler)(request)
    }
}

impl Guard {
    fn check(&self, request: &Request) -> Result<(), Error> {
        match self.about {
            Some(about) => permissions::require_with(request, self.permission, || about(request)),
            None => permissions::require_any(request, self.permission),
        }
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
mod tests;
