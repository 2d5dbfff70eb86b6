//! What a client asks for.

use thiserror::Error;

/// The most scopes that one request may have.
pub const MAX_SCOPES: usize = 100;

/// One resource with the actions that are asked for, as `repository:team/app:pull,push`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `repository`, `registry`, or what else the client writes, its class included.
    pub kind: String,
    /// The name, which may hold colons.
    pub name: String,
    /// The actions, in the client's order.
    pub actions: Vec<String>,
}

/// A request with more than [`MAX_SCOPES`] scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more than {MAX_SCOPES} scopes: ask for them in several requests")]
pub struct TooManyScopes;

impl Scope {
    /// All scopes of `values`, each of which holds any number, with blanks between them. What is no
    /// scope is left out: nothing is granted for it.
    ///
    /// # Errors
    /// [`TooManyScopes`].
    pub fn parse_all<'a>(
        values: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<Self>, TooManyScopes> {
        let mut scopes = Vec::new();
        for text in values.flat_map(|value| value.split(' ')).filter(|text| !text.is_empty()) {
            if scopes.len() == MAX_SCOPES {
                return Err(TooManyScopes);
            }
            scopes.extend(Self::parse(text));
        }
        Ok(scopes)
    }

    /// Kind and actions hold no colon; all between them is the name.
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let actions = actions.split(',').filter(|action| !action.is_empty());
        Some(Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions.map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(values: &[&str]) -> Vec<String> {
        let scopes = Scope::parse_all(values.iter().copied()).unwrap();
        let shown =
            |scope: Scope| format!("{}|{}|{}", scope.kind, scope.name, scope.actions.join("+"));
        scopes.into_iter().map(shown).collect()
    }

    #[test]
    fn several_parameters_and_several_scopes_in_one_are_all_read() {
        assert_eq!(
            shown(&["repository:a/b:pull,push registry:catalog:*", "", "repository:c:pull"]),
            ["repository|a/b|pull+push", "registry|catalog|*", "repository|c|pull"]
        );
    }

    #[test]
    fn a_name_may_hold_the_colon_of_a_port() {
        assert_eq!(
            shown(&["repository:registry.example:5000/team/app:pull"]),
            ["repository|registry.example:5000/team/app|pull"]
        );
        assert_eq!(shown(&["repository(plugin):a:pull"]), ["repository(plugin)|a|pull"]);
    }

    #[test]
    fn what_is_no_scope_is_left_out() {
        assert_eq!(shown(&["repository", "repository:a", ":"]), [""; 0]);
        assert_eq!(shown(&["repository:a:", "::"]), ["repository|a|", "||"]);
    }

    #[test]
    fn a_hundred_scopes_are_read_and_no_more() {
        let scopes = vec!["a:b:c"; MAX_SCOPES].join(" ");
        assert_eq!(shown(&[&scopes]).len(), MAX_SCOPES);
        assert_eq!(Scope::parse_all([scopes.as_str(), "x"].into_iter()), Err(TooManyScopes));
    }
}
