//! What somebody learns who may not read: nothing of which GUNs there are, and no cache between
//! keeps what only some may see.

use anyhow::{Result, ensure};
use reqwest::Method;
use reqwest::header::{HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE};
use serde_json::json;

use crate::ask::Line;
use crate::routes::{self, Demand};
use crate::server::{Server, Whose, write_config};
use crate::stage::{Stage, entry};

/// Two GUNs of equal length: one was published, one never was.
const THERE: &str = "example.com/team-there";
const ABSENT: &str = "example.com/team-other";

/// Headers that make a server tell whether it has something.
const CONDITIONS: [&[(HeaderName, &str)]; 4] = [
    &[],
    &[(IF_NONE_MATCH, "*")],
    &[(IF_MODIFIED_SINCE, "Mon, 01 Jan 2001 00:00:00 GMT")],
    &[(RANGE, "bytes=0-0")],
];

/// A server with one collection.
async fn published(whose: Whose, stage: &Stage) -> Result<(Server, Line)> {
    let file = write_config(stage.folder(), &stage.bundle())?;
    let server = Server::start(whose, &file).await?;
    let line = Line::to(server.port)?;
    let pass = stage.pass(THERE)?;
    let collection = line.collection(THERE, &pass).await?;
    let answer = line.publish(THERE, &collection.parts(&["root", "targets"]), &pass).await?;
    ensure!(answer.status == Some(200), "{answer:?}");
    Ok((server, line))
}

/// People who may read neither GUN, with what they send.
fn strangers(stage: &Stage) -> Result<Vec<(&'static str, Vec<String>)>> {
    let key = &stage.trusted.key;
    let other = stage.good("example.com/elsewhere");
    let bearer = |token: String| vec![format!("Bearer {token}")];
    let with = |access| stage.good(THERE).claim("access", access).sign(key).map(bearer);
    Ok(vec![
        ("nobody", Vec::new()),
        ("somebody with a password", vec!["Basic YWxpY2U6c2VjcmV0".to_owned()]),
        ("somebody with an expired token", bearer(stage.good(THERE).claim("exp", 1).sign(key)?)),
        ("a stranger", bearer(stage.good(THERE).sign(&stage.stranger.key)?)),
        ("the owner of another GUN", bearer(other.sign(key)?)),
        ("a user without rights", with(json!([]))?),
        (
            "the owner of what is below",
            with(json!([
                entry("repository", &format!("{THERE}/x"), &["*"]),
                entry("repository", &format!("{ABSENT}/x"), &["*"]),
            ]))?,
        ),
        ("the reader of the catalog", with(json!([entry("registry", "catalog", &["*"])]))?),
    ])
}

/// Every request about a GUN, with the method that is for it and with one that is for no route.
fn requests(gun: &str) -> Vec<(Method, String)> {
    let routes = routes::on(gun).into_iter().map(|route| (route.method, route.path));
    let head = routes::on(gun).into_iter().map(|route| (Method::HEAD, route.path));
    routes.chain(head).collect()
}

/// Bug class 17.
#[tokio::test]
async fn who_may_not_read_is_told_the_same_of_a_gun_that_is_there_and_of_one_that_is_not()
-> Result<()> {
    let stage = Stage::set()?;
    for whose in Whose::EACH {
        let (_server, line) = published(*whose, &stage).await?;
        for (who, authorization) in strangers(&stage)? {
            for ((method, there), (_, absent)) in requests(THERE).into_iter().zip(requests(ABSENT))
            {
                // Go names two actions in a random order.
                let nameless = |answer: String| answer.replace(THERE, "GUN").replace(ABSENT, "GUN");
                for condition in CONDITIONS {
                    let ask = |path: String| {
                        let (line, method) = (line.clone(), method.clone());
                        let authorization = authorization.clone();
                        async move { line.transcript(&method, &path, &authorization, condition).await }
                    };
                    let seen = nameless(ask(there.clone()).await?);
                    let unseen = nameless(ask(absent.clone()).await?);
                    let alike =
                        seen == unseen || *whose == Whose::Go && sorted(&seen) == sorted(&unseen);
                    ensure!(alike, "{whose:?} to {who}, {method} {there}\n{seen}\n\n{unseen}");
                }
            }
        }
    }
    Ok(())
}

fn sorted(text: &str) -> Vec<char> {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters
}

/// Contract section 5; Notary lets every cache keep what it has shown to one.
#[tokio::test]
async fn no_shared_cache_may_keep_what_needs_a_token() -> Result<()> {
    let stage = Stage::set()?;
    let (_server, line) = published(Whose::Ours, &stage).await?;
    let pass = [stage.pass(THERE)?];
    for route in routes::on(THERE) {
        let Demand::Gun(_, ["pull"]) = route.demand else { continue };
        let answer = line.transcript(&route.method, &route.path, &pass, &[]).await?;
        let etag = answer.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or("\"x\"");
        let again = [(IF_NONE_MATCH, etag)];
        let unchanged = line.transcript(&route.method, &route.path, &pass, &again).await?;
        for answer in [&answer, &unchanged] {
            let (headers, _) = answer.split_once("\n\n").unwrap_or((answer, ""));
            let kept = ["public", "s-maxage"].iter().any(|word| headers.contains(word));
            ensure!(!kept, "{}: {headers}", route.path);
        }
    }
    let root = format!("/v2/{THERE}/_trust/tuf/root.json");
    let answer = line.transcript(&Method::GET, &root, &pass, &[]).await?;
    ensure!(answer.contains("cache-control: private"), "{answer}");
    Ok(())
}
