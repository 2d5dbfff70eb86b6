//! The tables of a plan, in Markdown.

use crate::Arguments;
use crate::costs::Costs;
use crate::limits::Limit;
use crate::plan::{CLIENT_CONNECTIONS, KEPT, Plan, Room, Store, Way};
use crate::space::Space;

/// All of them.
pub(crate) fn tables(plan: &Plan, arguments: &Arguments, machine: &str) -> String {
    let parts = [
        inputs(plan, arguments, machine),
        ways(&plan.ways, plan.writes_of_servers()),
        rooms(&plan.rooms),
        signing(plan),
        stores(&plan.stores),
        limits(&plan.limits),
    ];
    parts.join("\n")
}

fn inputs(plan: &Plan, arguments: &Arguments, machine: &str) -> String {
    let Costs {
        by_digest,
        by_name,
        by_name_database,
        query,
        query_database,
        connection,
        publish,
        publish_database,
        look_ms,
        publishes_in_a_second,
        idle_connection_kb,
    } = plan.costs;
    let (documents, caches) = (plan.documents, arguments.caches);
    let mut text = format!(
        "{} GUNs and {} pulls in a second by Zipf's law with the exponent {}; {} publishes to each \
         GUN in a year, {} in a second of all; {} % of all GUNs published to in 60 days; {caches} \
         caches that keep a document by digest for {} days; connections of one request that last \
         {} seconds; servers of {} processors and a database \
         of {}, each {} % busy.\n\n",
        number(f64::from(arguments.guns)),
        number(arguments.pulls),
        arguments.popularity,
        arguments.publishes,
        number(plan.publishes),
        number(100.0 * arguments.published),
        arguments.cache_days,
        arguments.connection,
        arguments.processors,
        arguments.database_processors,
        number(100.0 * arguments.busy),
    );
    text.push_str(&format!(
        "Costs, {machine}, and documents of {} (root), {} (targets), {} (snapshot) and \
         {} bytes (timestamp):\n\n| cost | of a server | of PostgreSQL |\n|---|---|---|\n",
        documents.root, documents.targets, documents.snapshot, documents.timestamp
    ));
    let microseconds = |cost: f64| format!("{} µs", number(cost));
    for (what, server, database) in [
        ("GET by digest, from memory", microseconds(by_digest), "none".to_owned()),
        ("GET by name", microseconds(by_name), microseconds(by_name_database)),
        ("a query that nobody shares", microseconds(query), microseconds(query_database)),
        ("new connection", microseconds(connection), "none".to_owned()),
        ("publish", microseconds(publish), microseconds(publish_database)),
    ] {
        text.push_str(&format!("| {what} | {server} | {database} |\n"));
    }
    text.push_str(&format!(
        "\nA look at the newest timestamp takes {} ms; one server commits {} publishes in a second; \
         an idle connection takes {} KB more than one of a bare server, so {} take {} MB.\n",
        number(look_ms),
        number(publishes_in_a_second),
        number(idle_connection_kb),
        number(CLIENT_CONNECTIONS),
        number(idle_connection_kb * CLIENT_CONNECTIONS / 1e3),
    ));
    text
}

fn ways(ways: &[Way], writes: f64) -> String {
    let mut text = "| way | GETs by name | by digest | of all requests | processors of servers | \
                    servers |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for Way { name, shares, by_name, by_digest, processors, servers, .. } in ways {
        text.push_str(&format!(
            "| {name} | {} a second | {} a second | {} % | {} | {servers} |\n",
            number(*by_name),
            number(*by_digest),
            number(100.0 * shares.of_all()),
            number(*processors),
        ));
    }
    text.push_str(&format!(
        "\nPublishes and signatures take {} processors of servers more.\n",
        number(writes)
    ));
    text
}

fn rooms(rooms: &[Room]) -> String {
    let mut text = "| behind | bodies in memory | found there | leads found | looks asked for | \
                    when GUNs share | when all share | bodies from the database | processors of \
                    servers for those | of the database, for all |\n\
                    |---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for room in rooms {
        let Room { behind, mebibytes, from_memory, led, .. } = room;
        text.push_str(&format!(
            "| {behind} | {mebibytes} MiB | {} % | {} % | {} a second | {} | {} | {} | {} | {} |\n",
            number(100.0 * from_memory),
            number(100.0 * led),
            number(room.by_name),
            number(room.heads),
            number(room.batches),
            number(room.bodies),
            number(room.servers),
            number(room.database),
        ));
    }
    text
}

fn signing(plan: &Plan) -> String {
    let (signing, look) = (plan.signing, plan.look);
    let mut text = "| signing again | |\n|---|---|\n".to_owned();
    for (what, figure) in [
        ("GUNs published to in the last 60 days", number(signing.published)),
        ("signed in the background, in a second", number(signing.in_background)),
        ("signed by GETs, in a second", number(signing.by_reads)),
        ("GUNs that each server looks at in a round", number(signing.looked_at())),
        ("a round, in seconds", number(signing.round(look))),
        ("queries of the rounds of each server, in a second", number(signing.queries(look))),
        ("processors of the database for them, for each server", number(plan.rounds_of(1.0))),
        ("processors of the database for publishes and signatures", number(plan.writes())),
    ] {
        text.push_str(&format!("| {what} | {figure} |\n"));
    }
    text
}

fn stores(stores: &[Store]) -> String {
    let mut text = format!(
        "| engine | for each: key, first publish, publish, signature | all GUNs published once | \
         publishes of a year | signatures of a year | for good, with {KEPT} versions kept |\n\
         |---|---|---|---|---|---|\n"
    );
    for Store { sizes, first, published, signed, cleared } in stores {
        text.push_str(&format!(
            "| {} | {}, {}, {}, {} bytes | {} | {} | {} | {} |\n",
            sizes.engine,
            number(sizes.key),
            number(sizes.first_publish),
            number(sizes.publish),
            number(sizes.signing),
            space(*first),
            space(*published),
            space(*signed),
            space(*cleared),
        ));
    }
    text
}

fn space(Space { rows, bytes }: Space) -> String {
    format!("{} million rows, {} GB", number(rows / 1e6), number(bytes / 1e9))
}

fn limits(limits: &[Limit]) -> String {
    let mut text = "| | limit | met at | whole load | at first | what moves it |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for (place, limit) in (1..).zip(limits) {
        let Limit { what, unit, needed, there, moved_by } = limit;
        let met_at = if limit.met_at() < 1.0 {
            format!("{} % of the load", number(100.0 * limit.met_at()))
        } else {
            format!("{} times the load", number(limit.met_at()))
        };
        text.push_str(&format!(
            "| {place} | {what} | {met_at} | {} {unit} | {} | {moved_by} |\n",
            number(*needed),
            number(*there),
        ));
    }
    text
}

/// Three digits that mean something, thousands apart.
pub(crate) fn number(number: f64) -> String {
    let digits = match number.abs() {
        0.0 => return "0".to_owned(),
        large if large >= 100.0 => format!("{number:.0}"),
        large if large >= 10.0 => format!("{number:.1}"),
        large if large >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    };
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut apart = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len() - place;
        if place > 0 && left % 3 == 0 && !apart.ends_with('-') {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart + rest.trim_end_matches('0').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_thousands_apart() {
        for (figure, text) in [
            (0.0, "0"),
            (0.000_01, "0"),
            (0.0123, "0.0123"),
            (0.5, "0.5"),
            (1.234, "1.23"),
            (12.0, "12"),
            (12.34, "12.3"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
            (-123.0, "-123"),
        ] {
            assert_eq!(number(figure), text);
        }
    }

    #[test]
    fn limits_are_said_in_order_with_what_moves_them() {
        let limit = |what, there| Limit { what, unit: "of it", needed: 10.0, there, moved_by: "x" };
        let text = limits(&[limit("a", 1.0), limit("b", 25.0)]);
        assert!(text.contains("| 1 | a | 10 % of the load | 10 of it | 1 | x |"), "{text}");
        assert!(text.contains("| 2 | b | 2.5 times the load | 10 of it | 25 | x |"), "{text}");
    }
}
