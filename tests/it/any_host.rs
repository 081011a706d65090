//! A plugin of the SDK that uses no service is a plain wasi:http component: it runs under wasmtime's own linker, with
//! nothing of this host, and what it exports for this host harms nobody.

use greenroom_tests::fixture;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use wasmtime::{
    Engine, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
    p2::bindings::{ProxyPre, http::types::Scheme},
};

#[derive(Default)]
struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Denied,
    table: ResourceTable,
}

/// Requests to other servers, of which there are none.
#[derive(Default)]
struct Denied;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Denied {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}

fn hello() -> Component {
    Component::new(&Engine::default(), fixture("hello")).unwrap()
}

/// As wasmtime's documentation does it: WASI, wasi:http, and no other import.
fn ready(component: &Component) -> ProxyPre<State> {
    let mut linker = Linker::new(component.engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
    ProxyPre::new(linker.instantiate_pre(component).unwrap()).unwrap()
}

/// One request, in an instance of its own.
async fn get(ready: &ProxyPre<State>, path: &str) -> (StatusCode, HeaderMap, String) {
    let mut store = Store::new(ready.engine(), State::default());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let request = Request::get(format!("http://localhost{path}"))
        .body(Empty::new().map_err(|never| -> Error { match never {} }))
        .unwrap();
    let mut view = store.data_mut().http();
    let request = view.new_incoming_request(Scheme::Http, request).unwrap();
    let out = view.new_response_outparam(sender).unwrap();
    let instance = ready.instantiate_async(&mut store).await.unwrap();
    let guest = async {
        let handler = instance.wasi_http_incoming_handler();
        handler.call_handle(&mut store, request, out).await.unwrap();
    };
    let answer = async {
        let (head, body) = receiver.await.unwrap().unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (head.status, head.headers, text)
    };
    tokio::join!(guest, answer).1
}

#[tokio::test]
async fn a_plugin_without_services_runs_on_any_wasi_http_host() {
    let ready = ready(&hello());
    for (path, status, content_type, body) in [
        ("/", 200, "text/plain; charset=utf-8", "hello"),
        (
            "/nowhere",
            404,
            "application/json; charset=utf-8",
            r#"{"error":"Not found"}"#,
        ),
    ] {
        let (got, headers, text) = get(&ready, path).await;
        assert_eq!((got.as_u16(), &*text), (status, body), "{path}");
        assert_eq!(headers["content-type"], content_type, "{path}");
        assert_eq!(headers["content-length"], body.len().to_string(), "{path}");
    }
}

#[test]
fn it_imports_wasi_alone_and_exports_both_ways() {
    let component = hello();
    let (of, engine) = (component.component_type(), component.engine());
    let ours: Vec<_> = of
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    assert!(
        !ours.is_empty(),
        "Rust's standard library imports some of WASI"
    );
    let foreign: Vec<_> = ours
        .iter()
        .filter(|name| !name.starts_with("wasi:"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let exports: Vec<_> = of
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    for expected in [
        "wasi:http/incoming-handler@0.2.",
        "greenroom:http/handler@0.1.",
    ] {
        let found = exports.iter().filter(|name| name.starts_with(expected));
        assert_eq!(found.count(), 1, "{expected} in {exports:?}");
    }
}
