//! A client that adds nothing to a request but what the test says (and Host, and the body's length).

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
    time::Duration,
};
use tokio::{net::TcpSocket, runtime::Runtime, time::timeout};

/// No answer of a host under test takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime for the clients"))
}

/// What came back.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e} in {:?} ({})", self.text(), self.status))
    }

    /// A header's value; `None` when it is absent. Several are joined with `, `.
    pub fn header(&self, name: &str) -> Option<String> {
        let all: Vec<_> = self
            .headers
            .get_all(name)
            .iter()
            .map(|v| String::from_utf8_lossy(v.as_bytes()))
            .collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// A request in the making: `host.request("POST", "/api/todo/todos").json(&json!({...})).send()`.
#[derive(Clone)]
pub struct Request {
    address: SocketAddr,
    from: Option<IpAddr>,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

impl Request {
    pub fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        Self {
            address,
            from: None,
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// From this address of the machine: all of 127.0.0.0/8 are.
    pub fn coming_from(mut self, address: &str) -> Self {
        self.from = Some(address.parse().expect("an address"));
        self
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(value.to_string())
    }

    /// Sends it on a connection of its own. Panics when there is no answer.
    pub fn send(self) -> Response {
        self.try_send().expect("an answer")
    }

    pub fn try_send(self) -> Result<Response, String> {
        runtime().block_on(async {
            let mut connection = Connection::open_async(self.address, self.from).await?;
            connection.send_async(self).await
        })
    }

    fn build(self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(self.target.as_str());
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_slice());
        }
        request
            .body(Full::new(self.body))
            .expect("a valid request; use raw() for others")
    }
}

/// `GET target`.
pub fn get(address: SocketAddr, target: &str) -> Response {
    Request::new(address, "GET", target).send()
}

/// A keep-alive connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        runtime()
            .block_on(Self::open_async(address, None))
            .expect("a connection")
    }

    async fn open_async(address: SocketAddr, from: Option<IpAddr>) -> Result<Self, String> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        let socket = socket.map_err(|e| format!("socket: {e}"))?;
        if let Some(from) = from {
            let own = SocketAddr::new(from, 0);
            socket.bind(own).map_err(|e| format!("bind: {e}"))?;
        }
        let stream = timeout(PATIENCE, socket.connect(address))
            .await
            .map_err(|e| e.to_string())?;
        let stream = stream.map_err(|e| format!("connect: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|e| e.to_string())?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Sends on this connection; an error when it was closed or nothing came back.
    pub fn send(&mut self, request: Request) -> Result<Response, String> {
        runtime().block_on(self.send_async(request))
    }

    async fn send_async(&mut self, request: Request) -> Result<Response, String> {
        let exchange = async {
            self.sender
                .ready()
                .await
                .map_err(|e| format!("closed: {e}"))?;
            let response = self
                .sender
                .send_request(request.build())
                .await
                .map_err(|e| format!("send: {e}"))?;
            let (head, body) = response.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|e| format!("body: {e}"))?
                .to_bytes();
            Ok(Response {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            })
        };
        timeout(PATIENCE, exchange)
            .await
            .map_err(|_| "no answer in time".to_owned())?
    }
}

/// Between two requests of a client that never stops: a compile, of this test or of one beside it, has only the time that
/// requests leave, and without any would wait for 5 s until it starts again.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

/// Writes bytes and reads until the host closes the connection (add `Connection: close`), at most for 60 s.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(bytes).expect("the host reads");
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
