//! What the tests of the rules ask the model server: publish, refuse, damage.

use countersign_forge::faults::named;
use countersign_forge::repository::Repository;
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::names::RoleName;
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::{Refusal, Update, UploadedPart};

use crate::server::circumstances;
pub(crate) use crate::server::{Model, role};

/// Parts of an upload: role and bytes.
pub(crate) type Parts = Vec<(String, Vec<u8>)>;

impl Model {
    /// Publishes; on success the documents are stored.
    pub(crate) fn publish(&mut self, parts: &Parts) -> Result<AcceptedUpdate, Refusal> {
        let update = read(parts);
        let accepted = self.judge(&update, &self.stored(&update), circumstances())?;
        self.store(&accepted);
        Ok(accepted)
    }

    /// Asserts that these parts are refused in exactly this way.
    pub(crate) fn refuses(&mut self, parts: &Parts, expected: &Refusal) {
        let before = self.documents.len();
        let refusal = self.publish(parts).expect_err("this update must be refused");
        assert_eq!(refusal, *expected);
        assert_eq!(self.documents.len(), before);
    }
}

/// Reads parts as the server does.
pub(crate) fn read(parts: &Parts) -> Update {
    let parts = parts
        .iter()
        .map(|(name, bytes)| UploadedPart::parse(role(name), bytes.clone().into()).unwrap())
        .collect();
    Update::new(parts)
}

/// Damages a document in the way that the forge calls `fault`.
pub(crate) fn damaged(repository: &Repository, fault: &str, role: &str) -> Parts {
    let mut repository = repository.clone();
    named(fault).unwrap_or_else(|| panic!("no fault {fault}")).apply(&mut repository, role);
    repository.all_parts()
}

/// The text of the reason why `parts` are refused.
pub(crate) fn reason(refusal: &Refusal) -> (&'static str, String) {
    let text = refusal.to_string();
    match refusal {
        Refusal::BadHierarchy { .. } => ("hierarchy", text),
        Refusal::BadRoot(_) => ("root", text),
        Refusal::BadSnapshot(_) => ("snapshot", text),
        Refusal::BadTargets(_) => ("targets", text),
        Refusal::Stored(_) => ("stored", text),
        Refusal::Validation(_) => ("validation", text),
    }
}

pub(crate) fn not_met(role: RoleName) -> Reason {
    Reason::ThresholdNotMet(role)
}
