//! `wasi:http/outgoing-handler`: requests from a plugin to other servers. None is granted: each is refused with
//! `HTTP-request-denied`.

use http::{HeaderName, Request, Response};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

/// Shared by all instances; the filter is made once.
#[derive(Clone)]
pub struct Ctx {
    forbidden: ForbiddenHeaderFilter,
}

impl Ctx {
    pub fn new() -> Self {
        Self {
            forbidden: std::sync::Arc::new(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name)),
        }
    }
}

impl Default for Ctx {
    fn default() -> Self {
        Self::new()
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Ctx {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        self.forbidden.clone()
    }

    fn send_request(
        &mut self,
        _request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _io: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
