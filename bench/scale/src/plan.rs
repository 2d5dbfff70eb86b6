//! What a deployment needs: the simulation's counts times what each thing costs.

use anyhow::Result;
use countersign_growth::Sizes;

use crate::Arguments;
use crate::costs::Costs;
use crate::edge::Rules;
use crate::limits::{Limit, in_order, moved_by};
use crate::popularity::Popularity;
use crate::renewal::{DAY, Signing};
use crate::replica::{Replica, Seen};
use crate::space::{Documents, Space, added_in_a_year, at_first, when_cleared};
use crate::traffic::{Shares, Traffic, at_a_replica, behind_a_cache, share, through_caches};

/// `max-age` of current documents by default, in seconds.
const CURRENT: f64 = 300.0;

/// Room for bodies in memory: the default of `caching.body_bytes`, and more.
const MEBIBYTE: u64 = 1 << 20;
const ROOMS: [u64; 3] = [64 * MEBIBYTE, 1_024 * MEBIBYTE, 8_192 * MEBIBYTE];

/// Connections by default: of clients to a server, of a server to its database (reads and writes
/// together), and that PostgreSQL takes.
pub(crate) const CLIENT_CONNECTIONS: f64 = 20_000.0;
pub(crate) const DATABASE_CONNECTIONS: f64 = 16.0;
const POSTGRES_CONNECTIONS: f64 = 100.0;

/// Requests of a pull.
const REQUESTS: f64 = 4.0;

/// How many versions of each role are kept where old states are cleared.
pub(crate) const KEPT: u32 = 2;

/// Everything that was computed.
pub(crate) struct Plan {
    pub(crate) costs: Costs,
    pub(crate) documents: Documents,
    pub(crate) ways: Vec<Way>,
    pub(crate) rooms: Vec<Room>,
    /// Publishes in a second.
    pub(crate) publishes: f64,
    pub(crate) signing: Signing,
    /// How long one look of a round takes, in seconds.
    pub(crate) look: f64,
    pub(crate) stores: Vec<Store>,
    pub(crate) limits: Vec<Limit>,
}

/// A way for pulls to reach the servers.
pub(crate) struct Way {
    pub(crate) name: String,
    pub(crate) shares: Shares,
    /// New connections for each pull at the servers.
    connections: f64,
    /// Requests that reach the servers, in a second.
    pub(crate) by_name: f64,
    pub(crate) by_digest: f64,
    /// Processors that servers need for them, and how many servers that is.
    pub(crate) processors: f64,
    pub(crate) servers: u32,
}

/// A size of the memory for bodies, and what one of the servers does then.
pub(crate) struct Room {
    pub(crate) behind: &'static str,
    pub(crate) mebibytes: u64,
    /// Of bodies that were wanted, and of requests by name.
    pub(crate) from_memory: f64,
    pub(crate) led: f64,
    /// Queries of all servers in a second: looks as they come, shared by GUN, shared by all GUNs;
    /// and bodies.
    pub(crate) by_name: f64,
    pub(crate) heads: f64,
    pub(crate) batches: f64,
    pub(crate) bodies: f64,
    /// Processors of the servers for the bodies, and of the database for all reads.
    pub(crate) servers: f64,
    pub(crate) database: f64,
}

/// Rows and bytes on one engine.
pub(crate) struct Store {
    pub(crate) sizes: Sizes,
    pub(crate) first: Space,
    pub(crate) published: Space,
    pub(crate) signed: Space,
    pub(crate) cleared: Space,
}

impl Plan {
    pub(crate) fn of(arguments: &Arguments, costs: Costs, sizes: &[Sizes; 2]) -> Result<Self> {
        let guns = f64::from(arguments.guns);
        let publishes = guns * arguments.publishes / (365.0 * DAY);
        let popularity = Popularity::zipf(arguments.guns, arguments.popularity)?;
        let (pulls, seconds, seed) = (arguments.pulls, arguments.seconds, arguments.seed);
        let traffic = Traffic { popularity: &popularity, pulls, seconds, seed };
        let rules = Rules {
            current: CURRENT,
            by_digest: arguments.cache_days * DAY,
            publishes: publishes / guns,
        };
        let ways = ways(arguments, costs, traffic, rules)?;
        let [_, on_postgres] = sizes;
        let documents = Documents::of(on_postgres);
        let rooms = rooms(arguments, costs, traffic, rules, documents, &ways)?;
        let signing = Signing::of(&popularity, guns, pulls, arguments.published);
        // Three queries, one after the other.
        let look = crate::renewal::QUERIES * costs.look_ms / 1e3;
        let stores: Vec<Store> =
            sizes.iter().map(|sizes| Store::of(sizes, guns, publishes, signing)).collect();
        let mut plan = Self {
            costs,
            documents,
            ways,
            rooms,
            publishes,
            signing,
            look,
            stores,
            limits: Vec::new(),
        };
        plan.limits = in_order(plan.limits(arguments));
        Ok(plan)
    }

    /// Of one server with its defaults and one PostgreSQL, without a cache, for clients as docker,
    /// which has a new connection for each request.
    fn limits(&self, arguments: &Arguments) -> Vec<Limit> {
        let direct = self.ways.iter().find(|way| way.connections > 1.0);
        let bodies = self.rooms.first().map_or(0.0, |room| room.servers);
        let servers = direct.map_or(0.0, |way| f64::from(way.servers));
        let busy = arguments.busy;
        let database = self.rooms.first().map_or(0.0, |room| room.database)
            + self.rounds_of(servers)
            + self.writes();
        let a_year = self.stores.last().map_or(0.0, Store::bytes_after_a_year);
        vec![
            Limit {
                what: "processors of one server",
                unit: "busy processors",
                needed: direct.map_or(0.0, |way| way.processors) + bodies,
                there: arguments.processors * busy,
                moved_by: moved_by::SERVERS,
            },
            Limit {
                what: "processors of the database",
                unit: "busy processors",
                needed: database,
                there: arguments.database_processors * busy,
                moved_by: moved_by::DATABASE,
            },
            Limit {
                what: "connections of the database",
                unit: "connections",
                needed: servers * DATABASE_CONNECTIONS,
                there: POSTGRES_CONNECTIONS,
                moved_by: moved_by::DATABASE_CONNECTIONS,
            },
            Limit {
                what: "a round of signing ahead",
                unit: "GUNs published to in 60 days",
                needed: self.signing.published,
                there: Signing::most_published(self.look),
                moved_by: moved_by::ROUND,
            },
            Limit {
                what: "commits of publishes and signatures",
                unit: "in a second",
                needed: self.publishes + self.signing.all(),
                there: self.costs.publishes_in_a_second,
                moved_by: moved_by::COMMITS,
            },
            Limit {
                what: "connections of clients to one server",
                unit: "connections at a time",
                needed: arguments.pulls * REQUESTS * arguments.connection,
                there: CLIENT_CONNECTIONS,
                moved_by: moved_by::CLIENT_CONNECTIONS,
            },
            Limit {
                what: "disk, after a year without clearing",
                unit: "terabytes",
                needed: a_year / 1e12,
                there: arguments.disk,
                moved_by: moved_by::DISK,
            },
        ]
    }

    /// Processors of the database for the rounds of so many servers: each makes them by itself.
    pub(crate) fn rounds_of(&self, servers: f64) -> f64 {
        servers * self.signing.queries(self.look) * self.costs.query_database / 1e6
    }

    /// Processors of the database for publishes and signatures; one of these is taken for a
    /// publish, which is more.
    pub(crate) fn writes(&self) -> f64 {
        (self.publishes + self.signing.all()) * self.costs.publish_database / 1e6
    }

    /// The same of the servers.
    pub(crate) fn writes_of_servers(&self) -> f64 {
        (self.publishes + self.signing.all()) * self.costs.publish / 1e6
    }
}

impl Way {
    fn new(
        name: String,
        shares: Shares,
        connections: f64,
        arguments: &Arguments,
        costs: Costs,
    ) -> Self {
        let (by_name, by_digest) =
            (arguments.pulls * shares.by_name, 3.0 * arguments.pulls * shares.by_digest);
        let processors = (by_name * costs.by_name
            + by_digest * costs.by_digest
            + arguments.pulls * connections * costs.connection)
            / 1e6;
        let servers = whole(processors / (arguments.processors * arguments.busy));
        Self { name, shares, connections, by_name, by_digest, processors, servers }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few servers")]
fn whole(servers: f64) -> u32 {
    servers.ceil().max(1.0) as u32
}

fn ways(
    arguments: &Arguments,
    costs: Costs,
    traffic: Traffic<'_>,
    rules: Rules,
) -> Result<Vec<Way>> {
    let guns = arguments.guns;
    let far = through_caches(traffic, rules, arguments.caches, guns)?;
    let one = through_caches(traffic, rules, 1, guns)?;
    let way = |name: &str, shares, connections| {
        Way::new(name.to_owned(), shares, connections, arguments, costs)
    };
    Ok(vec![
        way("no cache, a new connection for each request", Shares::ALL, REQUESTS),
        way("no cache, connections that are kept", Shares::ALL, 0.0),
        way(&format!("{} caches apart", arguments.caches), far, 0.0),
        way("one cache, or one in front of the servers for all others", one, 0.0),
    ])
}

fn rooms(
    arguments: &Arguments,
    costs: Costs,
    traffic: Traffic<'_>,
    rules: Rules,
    documents: Documents,
    ways: &[Way],
) -> Result<Vec<Room>> {
    let servers = |number: usize| ways.get(number).map_or(1, |way| way.servers);
    let mut rooms = Vec::new();
    for bytes in ROOMS {
        let replica =
            || Replica::new(documents, bytes, costs.look_ms / 1e3).that_has_run(arguments.guns);
        let direct = at_a_replica(traffic, replica(), servers(0));
        rooms.push(Room::of("no cache", bytes, direct, servers(0), arguments.seconds, costs));
        let cached = behind_a_cache(traffic, rules, replica(), servers(3), arguments.guns)?;
        rooms.push(Room::of("one cache", bytes, cached, servers(3), arguments.seconds, costs));
    }
    rooms.sort_by_key(|room| room.behind != "no cache");
    Ok(rooms)
}

impl Room {
    /// `seen` is of one server of several, in half of the time.
    fn of(
        behind: &'static str,
        bytes: u64,
        seen: Seen,
        servers: u32,
        seconds: f64,
        costs: Costs,
    ) -> Self {
        let in_a_second = |count: u64| share(count, 1) * f64::from(servers) / (seconds / 2.0);
        let (by_name, bodies) = (in_a_second(seen.by_name), in_a_second(seen.misses));
        Self {
            behind,
            mebibytes: bytes / MEBIBYTE,
            from_memory: share(seen.hits, seen.hits + seen.misses),
            led: share(seen.led, seen.by_name),
            by_name,
            heads: in_a_second(seen.heads),
            batches: in_a_second(seen.batches),
            bodies,
            servers: bodies * costs.query / 1e6,
            database: (by_name * costs.by_name_database + bodies * costs.query_database) / 1e6,
        }
    }
}

impl Store {
    fn of(sizes: &Sizes, guns: f64, publishes: f64, signing: Signing) -> Self {
        Self {
            sizes: sizes.clone(),
            first: at_first(sizes, guns),
            published: added_in_a_year(sizes, publishes, 0.0),
            signed: added_in_a_year(sizes, 0.0, signing.all()),
            cleared: when_cleared(sizes, guns, KEPT),
        }
    }

    /// Without clearing.
    fn bytes_after_a_year(&self) -> f64 {
        self.first.bytes + self.published.bytes + self.signed.bytes
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::costs::costs_for_tests;
    use crate::space::sizes_for_tests;

    fn plan(words: &[&str]) -> (Plan, Arguments) {
        let small = ["scale", "--guns", "2000", "--pulls", "100", "--seconds", "400"];
        let arguments = Arguments::parse_from([&small[..], words].concat());
        let sizes = [sizes_for_tests(), sizes_for_tests()];
        (Plan::of(&arguments, costs_for_tests(), &sizes).unwrap(), arguments)
    }

    #[test]
    fn processors_are_requests_and_connections_times_their_costs() {
        let (plan, _) = plan(&[]);
        let [new, kept, far, one] = &plan.ways[..] else { panic!("four ways") };
        // 100 by name at 50 µs, 300 by digest at 20 µs, 400 connections at 250 µs.
        assert!((kept.processors - 0.011).abs() < 1e-9 && kept.servers == 1);
        assert!((new.processors - 0.111).abs() < 1e-9);
        assert!(one.processors < far.processors && far.processors < kept.processors);
    }

    #[test]
    fn servers_are_enough_not_to_be_busier_than_they_may() {
        let (plan, arguments) = plan(&["--processors", "0.1", "--busy", "0.5"]);
        for way in &plan.ways {
            let all = f64::from(way.servers) * arguments.processors * arguments.busy;
            assert!(all >= way.processors, "{}", way.name);
        }
        assert_eq!(plan.ways[0].servers, 3);
    }

    #[test]
    fn shared_looks_are_fewer_and_more_room_finds_more_in_memory() {
        let (plan, _) = plan(&[]);
        for room in &plan.rooms {
            assert!(room.batches <= room.heads && room.heads <= room.by_name, "{}", room.behind);
        }
        let of = |behind| plan.rooms.iter().filter(move |room| room.behind == behind);
        assert_eq!((of("no cache").count(), of("one cache").count()), (3, 3));
        let direct = of("no cache").next().unwrap();
        assert!((direct.by_name / 100.0 - 1.0).abs() < 0.1, "{}", direct.by_name);
    }

    #[test]
    fn the_same_load_needs_the_same_and_the_first_limit_is_the_one_that_is_exceeded_most() {
        let (first, _) = plan(&["--processors", "0.01"]);
        let (second, _) = plan(&["--processors", "0.01"]);
        assert_eq!(first.limits, second.limits);
        assert_eq!(first.limits[0].what, "processors of one server");
        assert!(first.limits[0].met_at() < 1.0);
    }

    #[test]
    fn a_database_grows_by_what_is_published_and_signed() {
        let (plan, _) = plan(&["--publishes", "10", "--published", "1"]);
        let store = &plan.stores[1];
        assert!((store.published.bytes / (2_000.0 * 10.0 * 4_000.0) - 1.0).abs() < 1e-9);
        let signatures = 2_000.0 * 365.0 / 8.75;
        assert!((store.signed.bytes / (signatures * 1_000.0) - 1.0).abs() < 1e-9);
    }
}
