//! `countersign access explain`: which rule decides.

use std::io::{self, Write as _};
use std::path::Path;

use countersign_access::{Action, Caller, Decision, Resource, Rules};
use countersign_config::Overrides;
use countersign_server::read_rules;
use countersign_tuf::names::{Gun, RoleName};
use serde_json::{Value, json};

use super::{Explain, Format};
use crate::exit::Failure;
use crate::flags;

/// What the command line asks.
struct Question {
    caller: Caller,
    action: Action,
    resource: Resource,
    role: Option<RoleName>,
}

impl Explain {
    /// Says what the rules say; ends with 0 when they allow it.
    pub(super) fn run(self) -> Result<(), Failure> {
        let format = self.format;
        let settings =
            flags::load(&Overrides { config: self.config.clone(), ..Overrides::default() })?;
        let question = self.question()?;
        let file = settings.access.rules;
        let rules = file.as_deref().map(read_rules).transpose()?;
        let decision = rules.as_ref().map(|rules| question.decide(rules));
        let text = match format {
            Format::Text => question.text(decision, file.as_deref()),
            Format::Json => question.json(decision, file.as_deref()).to_string(),
        };
        writeln!(io::stdout(), "{text}").map_err(Failure::Output)?;
        match decision {
            Some(decision) if !decision.allowed => Err(Failure::NotAllowed),
            _ => Ok(()),
        }
    }

    fn question(self) -> Result<Question, Failure> {
        let wrong =
            |what: &str, text: &str, why: String| Failure::Usage(format!("{what} {text:?}: {why}"));
        let action = Action::parse(&self.action).ok_or_else(|| {
            let known = Action::ALL.map(Action::as_str).join(", ");
            wrong("ACTION", &self.action, format!("write one of {known}"))
        })?;
        let resource = match (&self.gun, action) {
            (Some(text), _) => Gun::parse(text)
                .map(Resource::Gun)
                .map_err(|error| wrong("GUN", text, error.to_string()))?,
            (None, Action::Changefeed) => Resource::Catalog,
            (None, _) => {
                let why = "write the GUN after it; only changefeed goes without".to_owned();
                return Err(wrong("ACTION", &self.action, why));
            }
        };
        let role = self.role.as_deref().map(|text| {
            RoleName::parse(text).map_err(|error| wrong("--role", text, error.to_string()))
        });
        let role = role.transpose()?;
        if let (Some(role), true) = (&role, action != Action::Push) {
            let why = "roles are for push only".to_owned();
            return Err(wrong("--role", role.as_str(), why));
        }
        let token_user = (self.user != "-").then_some(self.user);
        let caller = Caller { token_user, certificate: self.certificate };
        Ok(Question { caller, action, resource, role })
    }
}

impl Question {
    fn decide<'r>(&self, rules: &'r Rules) -> Decision<'r> {
        match (&self.role, &self.resource) {
            (Some(role), Resource::Gun(gun)) => rules.decide_push(&self.caller, gun, role),
            _ => rules.decide(&self.caller, self.action, &self.resource),
        }
    }

    fn text(&self, decision: Option<Decision<'_>>, file: Option<&Path>) -> String {
        let who = match self.caller.user() {
            Some(user) => format!("{user:?}"),
            None => "an anonymous caller".to_owned(),
        };
        let role = self.role.as_ref().map(|role| format!(" {role} of")).unwrap_or_default();
        let what = match &self.resource {
            Resource::Catalog => "the whole server".to_owned(),
            Resource::Gun(gun) => gun.to_string(),
        };
        let action = self.action.as_str();
        match (decision, file) {
            (Some(decision), Some(file)) => {
                let verb = if decision.allowed { "may" } else { "may not" };
                let path = file.display();
                format!("{who} {verb} {action}{role} {what}: {decision} ({path})")
            }
            _ => format!("{who} may {action}{role} {what}: there are no rules (access.rules)"),
        }
    }

    fn json(&self, decision: Option<Decision<'_>>, file: Option<&Path>) -> Value {
        let rule = decision.and_then(|decision| decision.rule);
        let gun = match &self.resource {
            Resource::Catalog => None,
            Resource::Gun(gun) => Some(gun.as_str()),
        };
        json!({
            "allowed": decision.is_none_or(|decision| decision.allowed),
            "user": self.caller.user(),
            "certificate": self.caller.certificate,
            "action": self.action.as_str(),
            "gun": gun,
            "role": self.role.as_ref().map(RoleName::as_str),
            "rules": file.map(|file| file.display().to_string()),
            "rule": rule.map(|rule| json!({ "line": rule.line, "name": rule.name })),
        })
    }
}
