//! Heads of many GUNs, asked for at once: an engine may ask its database for them together.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::must::Must as _;
use super::samples::{document, gun, head, heads, role, store, update};
use crate::contract::metadata::{Heads, MetadataStore};

/// How many GUNs have something published.
const PUBLISHED: i64 = 30;

/// Each answer is about the GUN and the roles that were asked for, in whatever company.
pub async fn heads_that_are_asked_for_at_once_are_each_those_of_their_gun(
    one: Arc<dyn MetadataStore>,
    two: Arc<dyn MetadataStore>,
) {
    let name = |number: i64| gun(&format!("a/{number}"));
    for number in 1..=PUBLISHED {
        let roles = [("root", number + 1), ("targets/a", 1)];
        let roles = if number % 2 == 0 { &roles[..] } else { &roles[..1] };
        store(&*one, &name(number), &update("x", roles, number)).await;
    }
    let mut asked = JoinSet::new();
    for number in 0..4 * PUBLISHED {
        let from = if number % 3 == 0 { Arc::clone(&one) } else { Arc::clone(&two) };
        asked.spawn(async move {
            let names: &[&str] = match number % 5 {
                0 => &[],
                1 => &["timestamp"],
                _ => &["targets/a", "timestamp", "root"],
            };
            let found = match names {
                [one] => {
                    let found = from.head(&name(number), &role(one)).await.must();
                    Heads::from([(role(one), found)])
                }
                names => heads(&*from, &name(number), names).await,
            };
            (number, found, names)
        });
    }
    for (number, found, names) in asked.join_all().await {
        let is_published = (1..=PUBLISHED).contains(&number);
        let expected: Heads = names
            .iter()
            .map(|name| {
                let stored = match *name {
                    "timestamp" if is_published => head(&document("x", name, number)),
                    "root" if is_published => head(&document("x", name, number + 1)),
                    "targets/a" if is_published && number % 2 == 0 => head(&document("x", name, 1)),
                    _ => None,
                };
                (role(name), stored)
            })
            .collect();
        assert_eq!(found, expected, "a/{number}");
    }
}
