//! From a path to who answers it. Paths are matched as raw bytes: nothing is decoded, no dot segment resolved, no slash
//! merged. What a plugin makes of the rest is its own affair.

/// Who answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/api/<id>` and all below it. `mount` is `/api/<id>`, `below` the rest, at least `/`.
    Plugin {
        id: &'a str,
        mount: &'a str,
        below: &'a str,
    },
    Liveness,
    Readiness,
    Nothing,
}

const API: &str = "/api/";

/// `path`: of the request target, without the query.
pub fn route(path: &str) -> Route<'_> {
    if let Some(rest) = path.strip_prefix(API) {
        // Ids are short: plain steps come to the slash sooner than a search that sets out for long texts.
        let (id, below) = match rest.bytes().position(|byte| byte == b'/') {
            Some(slash) => (&rest[..slash], &rest[slash..]),
            None => (rest, "/"),
        };
        if id.is_empty() {
            return Route::Nothing;
        }
        return Route::Plugin {
            id,
            mount: &path[..API.len() + id.len()],
            below,
        };
    }
    match path {
        "/.backstage/health/v1/liveness" => Route::Liveness,
        "/.backstage/health/v1/readiness" => Route::Readiness,
        _ => Route::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_found_by_the_raw_second_segment() {
        for (path, id, mount, below) in [
            ("/api/todo/todos", "todo", "/api/todo", "/todos"),
            ("/api/todo", "todo", "/api/todo", "/"),
            ("/api/todo/", "todo", "/api/todo", "/"),
            ("/api/todo//x/", "todo", "/api/todo", "//x/"),
            ("/api/todo/../x", "todo", "/api/todo", "/../x"),
            ("/api/todo%2Fx/y", "todo%2Fx", "/api/todo%2Fx", "/y"),
            ("/api/TODO/x", "TODO", "/api/TODO", "/x"),
            ("/api/../todo", "..", "/api/..", "/todo"),
            ("/api/api/api/x", "api", "/api/api", "/api/x"),
        ] {
            assert_eq!(route(path), Route::Plugin { id, mount, below }, "{path}");
        }
    }

    #[test]
    fn everything_else_is_exact() {
        assert_eq!(route("/.backstage/health/v1/liveness"), Route::Liveness);
        assert_eq!(route("/.backstage/health/v1/readiness"), Route::Readiness);
        for path in [
            "/",
            "*",
            "",
            "/api",
            "/api/",
            "/api//todo",
            "/API/todo",
            "//api/todo",
            "/%61pi/todo",
            "/apix/todo",
        ] {
            assert_eq!(route(path), Route::Nothing, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn only_the_raw_bytes_of_the_second_segment_name_a_plugin(
            path in "(/|/api/?|/api/[a-z%.]{1,4}|/API/x|/.backstage)?[a-zA-Z0-9/%.é]{0,12}",
        ) {
            let parts: Vec<&str> = path.splitn(4, '/').collect();
            let expected = match parts[..] {
                ["", "api", "", ..] | ["", "api"] => None,
                ["", "api", id] => Some((id, "/".to_owned())),
                ["", "api", id, rest] => Some((id, format!("/{rest}"))),
                _ => None,
            };
            let found = match route(&path) {
                Route::Plugin { id, mount, below } => {
                    assert_eq!(mount, format!("/api/{id}"));
                    Some((id, below.to_owned()))
                }
                _ => None,
            };
            assert_eq!(found, expected, "{path}");
        }
    }
}
