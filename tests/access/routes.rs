//! What is asked: every route, and what it demands of a token, written from the specification
//! (server spec 1.2, 2.2 and 2.6).

use reqwest::Method;

/// The prefix that both servers take GUNs of.
pub(crate) const PREFIX: &str = "example.com/";

/// A GUN that was published.
pub(crate) const HERE: &str = "example.com/here";

/// A GUN that nobody has published.
pub(crate) const MISSING: &str = "example.com/missing";

/// GUNs that need care in a header or in JSON, with the way that they are written in a path.
const ODD_GUNS: [(&str, &str); 4] = [
    ("example.com/a%22b", "example.com/a\"b"),
    ("example.com/a%5Cb", "example.com/a\\b"),
    ("example.com/%C3%A9", "example.com/é"),
    ("example.com/a%2Cb%3Dc", "example.com/a,b=c"),
];

/// The same for GUNs that cannot be stored. The last is no text: no token can name it.
const UNUSABLE_GUNS: [(&str, &str); 3] = [
    ("example.com/a%0Ab", "example.com/a\nb"),
    ("example.com/a%00b", "example.com/a\0b"),
    ("example.com/a%FFb", "example.com/a\u{fffd}b"),
];

/// One request, and what a token must hold for it.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) demand: Demand,
    /// The status when nothing is in the way.
    pub(crate) status: u16,
    pub(crate) answer: Answer,
    /// What the rules are asked for, where they are.
    pub(crate) wish: Option<&'static str>,
}

/// What a route demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Nothing: it is answered before anybody looks for a token.
    Nothing,
    /// `*` on the catalog of the registry.
    Catalog,
    /// These actions on a GUN.
    Gun(String, &'static [&'static str]),
}

/// How the answers of two servers may be compared when nothing is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// They are the same, byte for byte.
    Same,
    /// It holds a server's own keys, documents, times or figures.
    Own,
}

const PULL: &[&str] = &["pull"];
const PUSH: &[&str] = &["push", "pull"];
const ALL: &[&str] = &["*"];

/// Every route, in an order in which what changes a GUN comes last.
pub(crate) fn all() -> Vec<Route> {
    let mut routes = without_gun();
    routes.extend(on_foreign_gun());
    for gun in [HERE, MISSING] {
        routes.extend(on(gun));
    }
    for (written, gun) in ODD_GUNS {
        routes.extend(on_odd(written, gun));
    }
    for (written, gun) in UNUSABLE_GUNS {
        routes.extend(on_unusable(written, gun));
    }
    routes
}

impl Route {
    fn new(method: Method, path: impl Into<String>, demand: Demand, status: u16) -> Self {
        Self { method, path: path.into(), demand, status, answer: Answer::Same, wish: None }
    }

    /// The same for those whom the rules let do this.
    fn wish(self, action: &'static str) -> Self {
        Self { wish: Some(action), ..self }
    }

    /// The same, with answers that are each server's own.
    fn own(self) -> Self {
        Self { answer: Answer::Own, ..self }
    }

    /// Whether a document, or the order to make or to remove one, goes to its end here.
    pub(crate) fn is_publish(&self) -> bool {
        self.method == Method::POST && self.path.ends_with("/_trust/tuf/")
    }

    /// Whether what everything else is compared with would be gone afterwards.
    pub(crate) fn destroys(&self) -> bool {
        self.method == Method::DELETE && self.demand == Demand::Gun(HERE.to_owned(), ALL)
    }
}

fn without_gun() -> Vec<Route> {
    use Demand::{Catalog, Nothing};
    let root = format!("/v2/{HERE}/_trust/tuf/root.json");
    vec![
        Route::new(Method::GET, "/v2/", Catalog, 200),
        Route::new(Method::GET, "/v2", Catalog, 404),
        Route::new(Method::POST, "/v2/", Catalog, 404),
        Route::new(Method::GET, "/elsewhere", Catalog, 404),
        Route::new(Method::GET, "/", Catalog, 404),
        Route::new(Method::GET, "/token", Catalog, 404),
        Route::new(Method::GET, "/v2/_catalog", Catalog, 404),
        Route::new(Method::GET, "/v2/_trust/changefeed?records=1", Catalog, 200)
            .own()
            .wish("changefeed"),
        Route::new(Method::GET, "/v2/_trust/changefeed?records=x", Catalog, 400).wish("changefeed"),
        Route::new(Method::HEAD, &root, Catalog, 404),
        Route::new(Method::DELETE, &root, Catalog, 404),
        Route::new(Method::PUT, format!("/v2/{HERE}/_trust/tuf/"), Catalog, 404),
        Route::new(Method::GET, format!("/v2/{HERE}/_trust/tuf/"), Catalog, 404),
        Route::new(Method::GET, format!("/v2/{HERE}/_trust/tuf"), Catalog, 404),
        Route::new(Method::GET, format!("/v2/{HERE}/_trust/tuf/targets.key"), Catalog, 404),
        Route::new(Method::GET, "/v2/example.com/*/_trust/tuf/root.json", Catalog, 404),
        Route::new(Method::PATCH, &root, Nothing, 405),
        Route::new(Method::OPTIONS, "/v2/", Nothing, 405),
        Route::new(Method::GET, root.replace("/here", "//here"), Nothing, 301),
        Route::new(Method::GET, "/_notary_server/health", Nothing, 200),
        Route::new(Method::GET, "/metrics", Nothing, 200).own(),
    ]
}

/// Outside the configured prefixes nobody looks at a token (checklist row C-160).
fn on_foreign_gun() -> Vec<Route> {
    let tuf = "/v2/other.example/app/_trust/tuf";
    let route = |method, path: String, status| Route::new(method, path, Demand::Nothing, status);
    vec![
        route(Method::POST, format!("{tuf}/"), 400),
        route(Method::GET, format!("{tuf}/root.json"), 404),
        route(Method::GET, format!("{tuf}/1.root.json"), 404),
        route(Method::GET, format!("{tuf}/timestamp.key"), 404),
        route(Method::POST, format!("{tuf}/timestamp.key"), 404),
        route(Method::DELETE, format!("{tuf}/"), 404),
        route(Method::GET, "/v2/other.example/app/_trust/changefeed".to_owned(), 404),
    ]
}

pub(crate) fn on(gun: &str) -> Vec<Route> {
    let tuf = format!("/v2/{gun}/_trust/tuf");
    let route = |method, path: String, actions, status| {
        Route::new(method, path, Demand::Gun(gun.to_owned(), actions), status)
    };
    let get =
        |file: &str, status| route(Method::GET, format!("{tuf}/{file}"), PULL, status).wish("pull");
    let there = if gun == HERE { 200 } else { 404 };
    let document = |file: &str| match there {
        200 => get(file, there).own(),
        _ => get(file, there),
    };
    let digest = "0".repeat(64);
    let changes = format!("/v2/{gun}/_trust/changefeed?records=1");
    vec![
        document("root.json"),
        document("1.root.json"),
        document("targets.json"),
        document("snapshot.json"),
        document("timestamp.json"),
        get("targets/a.json", 404),
        get("7.targets.json", 404),
        get(&format!("root.{digest}.json"), 404),
        route(Method::GET, changes, PULL, 200).own().wish("changefeed"),
        route(Method::POST, format!("{tuf}/"), PUSH, 400).wish("push"),
        route(Method::GET, format!("{tuf}/timestamp.key"), PUSH, 200).own().wish("push"),
        route(Method::GET, format!("{tuf}/snapshot.key"), PUSH, 200).own().wish("push"),
        route(Method::DELETE, format!("{tuf}/"), ALL, 200).wish("delete"),
        route(Method::POST, format!("{tuf}/timestamp.key"), ALL, 200).own().wish("rotate-keys"),
        route(Method::POST, format!("{tuf}/snapshot.key"), ALL, 200).own().wish("rotate-keys"),
    ]
}

/// A GUN whose name must not end a quoted string or a header.
fn on_odd(written: &str, gun: &str) -> Vec<Route> {
    let tuf = format!("/v2/{written}/_trust/tuf");
    let demand = |actions| Demand::Gun(gun.to_owned(), actions);
    vec![
        Route::new(Method::GET, format!("{tuf}/root.json"), demand(PULL), 404).wish("pull"),
        Route::new(Method::POST, format!("{tuf}/"), demand(PUSH), 400).wish("push"),
        Route::new(Method::DELETE, format!("{tuf}/"), demand(ALL), 200).wish("delete"),
    ]
}

/// What is said of such a GUN when nothing is in the way is each server's own.
fn on_unusable(written: &str, gun: &str) -> Vec<Route> {
    let tuf = format!("/v2/{written}/_trust/tuf");
    let demand = |actions| Demand::Gun(gun.to_owned(), actions);
    vec![
        Route::new(Method::GET, format!("{tuf}/root.json"), demand(PULL), 404),
        Route::new(Method::POST, format!("{tuf}/"), demand(PUSH), 400).own(),
    ]
}
