//! Reads a file of rules. What it says must be understood whole, or none of it is used.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::pattern::{Pattern, Patterns};
use super::place::{Text, advice, shown};
use super::rule::{Anonymous, Effect, Group, Named, Rule, RulePlace, Who};
use super::values::{Section, Word, name};
use super::{RULES_MAX, RULES_MAX_BYTES, Rules, RulesError};
use crate::Action;

const FILE_KEYS: [&str; 2] = ["groups", "rules"];
const GROUP_KEYS: [&str; 2] = ["users", "certificates"];
const RULE_KEYS: [&str; 10] = [
    "allow",
    "deny",
    "anyone",
    "anonymous",
    "users",
    "groups",
    "certificates",
    "guns",
    "roles",
    "name",
];

type Groups = BTreeMap<String, Arc<Group>>;

impl Rules {
    /// Reads the text of a file of rules.
    ///
    /// # Errors
    /// [`RulesError`] for the first thing in it that is not understood.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let source = Text(text);
        if text.len() > RULES_MAX_BYTES {
            let problem = format!("the file has more than {RULES_MAX_BYTES} bytes");
            return Err(source.fault(&(0..0), problem, "write fewer rules, with patterns"));
        }
        let table = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let problem = error.message().replace('\n', " ");
            source.fault(&span, problem, "mend the line; the file must be TOML")
        })?;
        let file = Section::of_table(source, table.get_ref(), 0..0, &FILE_KEYS)?;
        let groups = groups(source, &file)?;
        let rules = rules(source, &file, &groups)?;
        Ok(Self { rules, groups: groups.into_values().collect() })
    }
}

fn groups(text: Text<'_>, file: &Section<'_>) -> Result<Groups, RulesError> {
    let Some(value) = file.get("groups") else { return Ok(Groups::new()) };
    let DeValue::Table(table) = value.get_ref() else {
        let mend = "write [groups.NAME], and below it users = [\"NAME\", …]";
        return Err(text.fault(&value.span(), "`groups` is no table", mend));
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut groups = Groups::new();
    for (key, value) in entries {
        let name = name(text, (key.get_ref().as_ref(), key.span()))?;
        let what = format!("the group {}", shown(&name));
        let section = Section::new(text, value, &what, &GROUP_KEYS)?;
        let (users, certificates) = (section.names("users")?, section.names("certificates")?);
        if users.is_empty() && certificates.is_empty() {
            let mend = "write users = [\"NAME\", …] or certificates = [\"NAME\", …]";
            return Err(text.fault(&key.span(), format!("{what} has nobody in it"), mend));
        }
        let (line, _) = text.place(key.span().start);
        groups.insert(name.clone(), Arc::new(Group { name, line, users, certificates }));
    }
    Ok(groups)
}

fn rules(text: Text<'_>, file: &Section<'_>, groups: &Groups) -> Result<Vec<Rule>, RulesError> {
    let Some(value) = file.get("rules") else { return Ok(Vec::new()) };
    let DeValue::Array(array) = value.get_ref() else {
        let mend = "write [[rules]], and below it one rule";
        return Err(text.fault(&value.span(), "`rules` is no list", mend));
    };
    if array.len() > RULES_MAX {
        let problem = format!("there are more than {RULES_MAX} rules");
        return Err(text.fault(&value.span(), problem, "write fewer rules, with patterns"));
    }
    array.iter().map(|value| rule(text, value, groups)).collect()
}

fn rule(text: Text<'_>, value: &Spanned<DeValue<'_>>, groups: &Groups) -> Result<Rule, RulesError> {
    let section = Section::new(text, value, "a rule", &RULE_KEYS)?;
    let (effect, actions) = effect(text, &section)?;
    let (line, _) = text.place(section.span.start);
    let guns = patterns(text, section.list("guns", "\"example.com/team/**\", …")?, gun_pattern)?;
    let guns = guns.ok_or_else(|| {
        text.fault(&section.span, "the rule is about no GUN", "write guns = [\"**\"] for all")
    })?;
    let roles = roles(text, &section, &actions)?;
    let place = RulePlace { line, name: section.name("name")? };
    Ok(Rule { place, effect, actions, who: who(text, &section, groups)?, guns, roles })
}

fn effect(text: Text<'_>, rule: &Section<'_>) -> Result<(Effect, Vec<Action>), RulesError> {
    let (allow, deny) = (rule.list("allow", "\"pull\", …")?, rule.list("deny", "\"pull\", …")?);
    let (effect, words) = match (allow, deny) {
        (Some(words), None) => (Effect::Allow, words),
        (None, Some(words)) => (Effect::Deny, words),
        (Some(_), Some(_)) => {
            let mend = "write two rules; the first that matches decides";
            return Err(text.fault(&rule.span, "the rule both allows and denies", mend));
        }
        (None, None) => {
            let mend = "write allow = [\"pull\", …] or deny = [\"pull\", …]";
            return Err(text.fault(&rule.span, "the rule neither allows nor denies", mend));
        }
    };
    let action = |(word, span): Word<'_>| {
        Action::parse(word).ok_or_else(|| {
            let mend = advice(word, "the actions are", Action::ALL.into_iter().map(Action::as_str));
            text.fault(&span, format!("unknown action {}", shown(word)), mend)
        })
    };
    let actions = words.into_iter().map(action).collect::<Result<_, _>>()?;
    Ok((effect, actions))
}

fn who(text: Text<'_>, rule: &Section<'_>, groups: &Groups) -> Result<Who, RulesError> {
    let anonymous = if rule.is_on("anonymous")? { Anonymous::Too } else { Anonymous::Not };
    let group = |(word, span): Word<'_>| {
        groups.get(word).cloned().ok_or_else(|| {
            let mend = if groups.is_empty() {
                format!("write [groups.{word}] with its members")
            } else {
                advice(word, "the groups are", groups.keys().map(String::as_str))
            };
            text.fault(&span, format!("unknown group {}", shown(word)), mend)
        })
    };
    let names = rule.list("groups", "\"GROUP\", …")?.unwrap_or_default();
    let named = Named {
        anonymous,
        users: rule.names("users")?,
        certificates: rule.names("certificates")?,
        groups: names.into_iter().map(group).collect::<Result<_, _>>()?,
    };
    let nobody = named.anonymous == Anonymous::Not
        && named.users.is_empty()
        && named.certificates.is_empty()
        && named.groups.is_empty();
    match (rule.is_on("anyone")?, nobody) {
        (true, true) => Ok(Who::Anyone),
        (false, false) => Ok(Who::Some(named)),
        (true, false) => {
            let mend = "leave out `anyone`, or users, groups, certificates and `anonymous`";
            Err(text.fault(&rule.span, "`anyone` already is everybody", mend))
        }
        (false, true) => {
            let mend = "write users, groups, certificates, anonymous = true or anyone = true";
            Err(text.fault(&rule.span, "the rule is about nobody", mend))
        }
    }
}

fn roles(
    text: Text<'_>,
    rule: &Section<'_>,
    actions: &[Action],
) -> Result<Option<Patterns>, RulesError> {
    let words = rule.list("roles", "\"targets/releases\", …")?;
    if let (Some((_, span)), true) =
        (words.as_ref().and_then(|words| words.first()), actions.iter().any(|a| *a != Action::Push))
    {
        let mend = "write a rule of its own with push alone for them";
        return Err(text.fault(span, "`roles` is about push only", mend));
    }
    patterns(text, words, role_pattern)
}

fn patterns(
    text: Text<'_>,
    words: Option<Vec<Word<'_>>>,
    parse: fn(&str) -> Result<Pattern, String>,
) -> Result<Option<Patterns>, RulesError> {
    let Some(words) = words else { return Ok(None) };
    let first: Range<usize> = words.first().map(|(_, span)| span.clone()).unwrap_or_default();
    let one = |(word, span): Word<'_>| {
        parse(word)
            .map_err(|mend| text.fault(&span, format!("{} is no pattern", shown(word)), mend))
    };
    let each: Vec<Pattern> = words.into_iter().map(one).collect::<Result<_, _>>()?;
    let set = Patterns::new(each).map_err(|error| {
        text.fault(&first, format!("the patterns cannot be used ({error})"), "write fewer of them")
    })?;
    Ok(Some(set))
}

fn gun_pattern(word: &str) -> Result<Pattern, String> {
    Pattern::parse(word).map_err(ToOwned::to_owned)
}

/// A pattern that some role can match: one of the four, or a delegation below `targets`.
fn role_pattern(word: &str) -> Result<Pattern, String> {
    const BASE: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];
    let pattern = gun_pattern(word)?;
    let first = gun_pattern(word.split('/').next().unwrap_or_default())?;
    let is_below = word.contains('/');
    let starts_right = BASE.iter().any(|role| {
        let could_start = gun_pattern(role).is_ok_and(|role| first.covers(&role));
        could_start && (!is_below || *role == "targets")
    });
    let letters = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'/' | b'*');
    if starts_right && word.bytes().all(letters) {
        return Ok(pattern);
    }
    Err(advice(word, "write targets/NAME in a-z 0-9 - _, or one of", BASE.into_iter()))
}
