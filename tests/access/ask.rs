//! Requests with any `Authorization`, and what of the answers is compared.

use std::fmt;

use anyhow::{Context as _, Result, ensure};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tests::upload::{CONTENT_TYPE, form, now, publish_path};
use countersign_tests::wire::Endpoint;
use reqwest::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE as CONTENT_TYPE_NAME, HeaderName, LOCATION,
    WWW_AUTHENTICATE,
};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, RequestBuilder};
use serde_json::Value;

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Line {
    client: Client,
    /// Without a slash at its end.
    url: String,
}

/// An answer as far as it must not depend on who gives it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `None`: the connection was closed without an answer.
    pub(crate) status: Option<u16>,
    pub(crate) challenge: String,
    pub(crate) content_type: String,
    pub(crate) cache_control: String,
    pub(crate) location: String,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(status) = self.status else { return f.write_str("no answer") };
        write!(f, "{status} {} [{}]", self.challenge, self.content_type)?;
        write!(f, " {}{} ", self.cache_control, self.location)?;
        f.write_str(String::from_utf8_lossy(&self.body).trim_end())
    }
}

impl Line {
    pub(crate) fn to(port: u16) -> Result<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().no_proxy().redirect(Policy::none()).build()?;
        Ok(Self { client, url: format!("http://127.0.0.1:{port}") })
    }

    /// The same with TLS.
    pub(crate) fn secure(endpoint: &Endpoint) -> Result<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let authority = Certificate::from_pem(&std::fs::read(endpoint.ca())?)?;
        let client = Client::builder().no_proxy().redirect(Policy::none());
        let client = client.tls_certs_only([authority]).build()?;
        Ok(Self { client, url: endpoint.url() })
    }

    /// Asks with these values of `Authorization`, in this order.
    pub(crate) async fn ask(
        &self,
        method: &Method,
        path: &str,
        authorization: &[String],
        body: Vec<u8>,
    ) -> Result<Outcome> {
        let Ok(answer) = self.request(method, path, authorization, body).send().await else {
            return Ok(Outcome::dropped());
        };
        let header = |name| {
            let values = answer.headers().get_all(name).iter();
            let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            texts.collect::<Vec<_>>().join(" + ")
        };
        Ok(Outcome {
            status: Some(answer.status().as_u16()),
            challenge: header(WWW_AUTHENTICATE),
            content_type: header(CONTENT_TYPE_NAME),
            cache_control: header(CACHE_CONTROL),
            location: header(LOCATION),
            body: answer.bytes().await?.to_vec(),
        })
    }

    /// The whole answer in words: status, every header but those that differ each time, and body.
    pub(crate) async fn transcript(
        &self,
        method: &Method,
        path: &str,
        authorization: &[String],
        extra: &[(HeaderName, &str)],
    ) -> Result<String> {
        let mut request = self.request(method, path, authorization, Vec::new());
        for (name, value) in extra {
            request = request.header(name, *value);
        }
        let answer = request.send().await?;
        let mut lines: Vec<String> = answer
            .headers()
            .iter()
            .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        lines.sort();
        let status = answer.status().as_u16();
        let body = answer.text().await?;
        Ok(format!("{status}\n{}\n\n{body}", lines.join("\n")))
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        authorization: &[String],
        body: Vec<u8>,
    ) -> RequestBuilder {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        for value in authorization {
            request = request.header(AUTHORIZATION, value.as_bytes());
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE_NAME, CONTENT_TYPE).body(body);
        }
        request
    }

    pub(crate) async fn get(&self, path: &str, authorization: &str) -> Result<Outcome> {
        self.ask(&Method::GET, path, &[authorization.to_owned()], Vec::new()).await
    }

    /// A collection for a GUN, which is not published yet; the server holds its snapshot key.
    pub(crate) async fn collection(&self, gun: &str, authorization: &str) -> Result<Repository> {
        let timestamp = self.server_key(gun, "timestamp", authorization).await?;
        let snapshot = Some(self.server_key(gun, "snapshot", authorization).await?);
        Ok(Repository::new(gun, 7, now(), &ServerKeys { timestamp, snapshot }))
    }

    async fn server_key(&self, gun: &str, role: &str, authorization: &str) -> Result<Value> {
        let path = format!("/v2/{gun}/_trust/tuf/{role}.key");
        let answer = self.get(&path, authorization).await?;
        ensure!(answer.status == Some(200), "no key: {answer:?}");
        serde_json::from_slice(&answer.body).context("a key that is no JSON")
    }

    pub(crate) async fn publish(
        &self,
        gun: &str,
        parts: &[(String, Vec<u8>)],
        authorization: &str,
    ) -> Result<Outcome> {
        let authorization = [authorization.to_owned()];
        self.ask(&Method::POST, &publish_path(gun), &authorization, form(parts)).await
    }
}

impl Outcome {
    fn dropped() -> Self {
        Self {
            status: None,
            challenge: String::new(),
            content_type: String::new(),
            cache_control: String::new(),
            location: String::new(),
            body: Vec::new(),
        }
    }

    /// The same with two actions in the one order in which we name them (Go's is random), and one
    /// spelling of what is no character.
    pub(crate) fn in_order(mut self) -> Self {
        self.challenge = self.challenge.replace(":pull,push\"", ":push,pull\"");
        let text = String::from_utf8_lossy(&self.body).replace("\\ufffd", "\u{fffd}");
        self.body = text.clone().into_bytes();
        if let Some((before, list)) = text.split_once("\"detail\":[")
            && self.status == Some(401)
            && let Some((list, after)) = list.rsplit_once("]}]}")
            && let Some((first, second)) = list.split_once("},{")
            && first.ends_with("\"pull\"")
        {
            let (first, second) = (format!("{first}}}"), format!("{{{second}"));
            self.body = format!("{before}\"detail\":[{second},{first}]}}]}}{after}").into_bytes();
        }
        self
    }
}
