//! Where our signer answers otherwise than Go's, on purpose. `docs/compatibility.md` and
//! `docs/signer.md` say why.

use tonic::Code;

/// What a signer answered, as far as it does not depend on chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Whether its bytes are those that our messages are written as, and what they say.
    Key(bool, String),
    /// A code and its text.
    Refused(Code, String),
}

/// One decided difference.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The call.
    pub(crate) name: &'static str,
    /// What Go answers; `None`: that it is done.
    go: Option<Code>,
    /// What ours answers.
    ours: Code,
}

const fn refused(name: &'static str, go: Option<Code>, ours: Code) -> Decided {
    Decided { name, go, ours }
}

/// All of them.
pub(crate) const DECIDED: [Decided; 9] = [
    refused("a look at an ID in capitals", Some(Code::NotFound), Code::InvalidArgument),
    refused("a look at half an ID", Some(Code::NotFound), Code::InvalidArgument),
    // The code is the same, the text is ours.
    refused("a signature over 4.3 MB", Some(Code::ResourceExhausted), Code::ResourceExhausted),
    refused("a key for the root", None, Code::InvalidArgument),
    refused("a key for no role", None, Code::InvalidArgument),
    refused("a key for no GUN", None, Code::InvalidArgument),
    refused("a key for a long GUN", Some(Code::Internal), Code::InvalidArgument),
    refused("a message that is none", Some(Code::Internal), Code::Internal),
    refused("an unknown method", Some(Code::Unimplemented), Code::Unimplemented),
];

impl Decided {
    /// Whether it is this one that shows in two answers to one call.
    pub(crate) fn explains(&self, name: &str, go: &Told, ours: &Told) -> bool {
        let code = |told: &Told| match told {
            Told::Key(..) => None,
            Told::Refused(code, _) => Some(*code),
        };
        self.name == name && code(go) == self.go && code(ours) == Some(self.ours)
    }
}
