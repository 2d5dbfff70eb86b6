//! What is met first when GUNs, pulls and publishes grow together, and what moves it.

/// One limit of a deployment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    /// What runs out.
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    /// What the whole load needs, and what is there at first.
    pub(crate) needed: f64,
    pub(crate) there: f64,
    /// What to do then.
    pub(crate) moved_by: &'static str,
}

impl Limit {
    /// At which part of the load it is met; more than 1: not at all.
    pub(crate) fn met_at(&self) -> f64 {
        self.there / self.needed
    }
}

/// What moves each.
pub(crate) mod moved_by {
    pub(crate) const SERVERS: &str = "more servers on the database; a cache or a balancer that \
        ends TLS and keeps its own connections; clients that keep theirs";
    pub(crate) const DATABASE: &str = "more `caching.body_bytes`, so that bodies come from \
        memory; a cache; a larger machine: all looks at the newest timestamp go to the primary";
    pub(crate) const DATABASE_CONNECTIONS: &str =
        "`max_connections` of PostgreSQL, or fewer `database.connections`";
    pub(crate) const ROUND: &str = "nothing has to: a round then takes longer than the hour \
        between two, and all is signed in time while it takes less than a quarter of a life, 3.5 \
        days";
    pub(crate) const COMMITS: &str =
        "a faster disk or machine for the database; longer lives of timestamps";
    pub(crate) const CLIENT_CONNECTIONS: &str =
        "more servers; `limits.connections`, and memory for them";
    pub(crate) const DISK: &str = "`countersign gc`, or `retention.interval_seconds`";
}

/// The first one met comes first.
pub(crate) fn in_order(mut limits: Vec<Limit>) -> Vec<Limit> {
    limits.sort_by(|one, other| one.met_at().total_cmp(&other.met_at()));
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_is_exceeded_most_is_met_first() {
        let limit = |what, needed, there| Limit { what, unit: "", needed, there, moved_by: "" };
        let order =
            in_order(vec![limit("a", 1.0, 2.0), limit("b", 10.0, 1.0), limit("c", 4.0, 3.0)]);
        let names: Vec<&str> = order.iter().map(|limit| limit.what).collect();
        assert_eq!(names, ["b", "c", "a"]);
        assert!((order[0].met_at() - 0.1).abs() < 1e-12);
    }
}
