//! Gets a key set from its issuer, within bounds.

use bytes::Bytes;
use http::{Request, StatusCode, header::ACCEPT};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::jwk::Jwk;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// From the first byte out to the last one in.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const MAX_ANSWER: usize = 64 << 10;

/// A client for all issuers. It follows no redirect.
pub(super) struct Fetcher(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl Fetcher {
    /// `https`: some issuer is asked over TLS. Believed are the certificate authorities of the system, or those that
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub(super) fn new(https: bool) -> Self {
        let roots = if https {
            authorities()
        } else {
            RootCertStore::empty()
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the ciphers of TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            // Keys are asked for every ten minutes: by then the issuer has closed a connection that was kept.
            .pool_max_idle_per_host(0)
            .build(connector);
        Self(client)
    }

    /// The public keys at this URL. An error is for the log: it names no token.
    pub(super) async fn keys(&self, url: &str) -> Result<Vec<Jwk>, String> {
        match timeout(PATIENCE, self.get(url)).await {
            Ok(answer) => parse(&answer?),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn get(&self, url: &str) -> Result<Bytes, String> {
        let request = Request::get(url)
            .header(ACCEPT, "application/json")
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let answer = self
            .0
            .request(request)
            .await
            .map_err(|error| reason(&error))?;
        // No keys at this place: nobody signs here.
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(Bytes::from_static(b"{\"keys\":[]}"));
        }
        if answer.status() != StatusCode::OK {
            return Err(format!("the answer was {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| format!("the answer was not read: {error}"))?;
        Ok(body.to_bytes())
    }
}

fn authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!(
            "this system has no certificate authorities, so no key set can be had over https: install \
             ca-certificates, or set SSL_CERT_FILE"
        );
    }
    roots
}

/// The innermost cause: the outer ones say no more than "client error (Connect)".
fn reason(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    inner.to_string()
}

/// `{"keys": [...]}` (RFC 7517 5). Keys that are of no use here are the caller's to leave out; one that is malformed is
/// left out here, as the RFC wants it.
fn parse(body: &[u8]) -> Result<Vec<Jwk>, String> {
    #[derive(serde::Deserialize)]
    struct Lenient {
        keys: Vec<serde_json::Value>,
    }
    let set: Lenient = serde_json::from_slice(body)
        .map_err(|_| "the answer is no JSON object with a list `keys`".to_owned())?;
    let keys = set.keys.into_iter();
    Ok(keys
        .filter_map(|key| serde_json::from_value(key).ok())
        .collect())
}
