//! Requests with any `Authorization`, and what of the answers is compared.

use std::fmt;

use anyhow::{Context as _, Result, ensure};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tests::upload::{CONTENT_TYPE, form, now, publish_path};
use reqwest::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE as CONTENT_TYPE_NAME, LOCATION, WWW_AUTHENTICATE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde_json::Value;

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Line {
    client: Client,
    port: u16,
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
        Ok(Self { client, port })
    }

    /// Asks with these values of `Authorization`, in this order.
    pub(crate) async fn ask(
        &self,
        method: &Method,
        path: &str,
        authorization: &[String],
        body: Vec<u8>,
    ) -> Result<Outcome> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = self.client.request(method.clone(), url);
        for value in authorization {
            request = request.header(AUTHORIZATION, value);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE_NAME, CONTENT_TYPE).body(body);
        }
        let Ok(answer) = request.send().await else { return Ok(Outcome::dropped()) };
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

    /// The same with two actions in the one order in which we name them; Go's is random.
    pub(crate) fn in_order(mut self) -> Self {
        self.challenge = self.challenge.replace(":pull,push\"", ":push,pull\"");
        let text = String::from_utf8_lossy(&self.body).into_owned();
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
