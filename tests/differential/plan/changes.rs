//! Changefeed parameters (server spec 6.4), over what the other stories left behind.

use crate::exchange::Call;
use crate::outcome::Content;
use crate::step::{Act, Effect, Scene, Step};

/// Queries with fixed parameters.
const QUERIES: &[&str] = &[
    "",
    "?",
    "?records=",
    "?records=abc",
    "?records=1.5",
    "?records=+2",
    "?records=%2B2",
    "?records=%202",
    "?records=0x10",
    "?records=1_0",
    "?records=2147483647",
    "?records=2147483648",
    "?records=-2147483648",
    "?records=-2147483649",
    "?records=99999999999999999999",
    "?records=0",
    "?records=-0",
    "?records=1",
    "?records=2",
    "?records=100",
    "?records=-1",
    "?records=-2",
    "?records=-100",
    "?records=2&records=1",
    "?Records=2",
    "?records=2;change_id=1",
    "?records=%zz",
    "?change_id=1",
    "?records=2&change_id=",
    "?records=2&change_id=0",
    "?records=2&change_id=-1",
    "?records=-2&change_id=0",
    "?records=-2&change_id=-1",
    "?records=2&change_id=abc",
    "?records=2&change_id=1.5",
    "?records=2&change_id=%2B1",
    "?records=2&change_id=2147483647",
    "?records=2&change_id=2147483648",
    "?records=-2&change_id=2147483647",
    "?records=2&change_id=-2147483648",
    "?records=2&change_id=-2147483649",
    "?records=abc&change_id=abc",
];

/// Queries from a row that was seen: parameters before the row's ID, and which row (or the last
/// one).
const FROM_ROW: &[(&str, usize)] = &[
    ("?records=2&change_id=", 0),
    ("?records=2&change_id=", 1),
    ("?records=-2&change_id=", 0),
    ("?records=-2&change_id=", 3),
    ("?records=100&change_id=", 2),
    ("?records=-100&change_id=", 2),
    ("?records=0&change_id=", 1),
    ("?change_id=", 1),
];

/// The steps.
pub(crate) fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    let feeds = [
        ("", "/v2/_trust/changefeed"),
        ("example.com/publishes-1/app", "/v2/example.com/publishes-1/app/_trust/changefeed"),
        ("example.com/routes/app", "/v2/example.com/routes/app/_trust/changefeed"),
        ("example.com/unknown", "/v2/example.com/unknown/_trust/changefeed"),
    ];
    for (gun, path) in feeds {
        steps.push(step(gun, &format!("{path}?records=100"), Effect::Changes));
        for query in QUERIES {
            steps.push(step(gun, &format!("{path}{query}"), |_| Effect::Nothing));
        }
        if gun == "example.com/unknown" {
            continue;
        }
        for (query, row) in FROM_ROW {
            let (of, start) = (gun.to_owned(), format!("{path}{query}"));
            let name = format!("changes/{start}row {row}");
            steps.push(Step::new(name, scene(), Content::Changes, move |world, _| {
                let ids = &world.change_ids[&of];
                Act::ask(Call::get(format!("{start}{}", ids[*row.min(&(ids.len() - 1))])))
            }));
        }
    }
    steps
}

fn scene() -> Scene {
    Scene::Story("example.com/changes".to_owned())
}

fn step(gun: &str, target: &str, effect: impl Fn(String) -> Effect + 'static) -> Step {
    let name = format!("changes/{target}");
    let (gun, call) = (gun.to_owned(), Call::get(target));
    Step::new(name, scene(), Content::Changes, move |_, _| {
        Act::teaching(call.clone(), effect(gun.clone()))
    })
}
