//! Canonical JSON of arbitrary JSON.

use countersign_forge::canonical as forge;
use serde_json::Value;

use countersign_tuf::canonical;

/// Reads `data` as JSON and canonicalises it.
///
/// The outcome is the forge's, which has a writer of its own. Where it is JSON again (control
/// characters stay raw, so it need not be), canonicalising once more changes nothing.
pub fn canonical_json(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let Ok(once) = canonical::to_bytes(&value) else { return };
    assert_eq!(once, forge::to_bytes(&value), "the forge writes the same");
    if once.iter().any(|byte| *byte < 0x20) {
        return;
    }
    let again: Value = serde_json::from_slice(&once).expect("without controls it is JSON");
    assert_eq!(canonical::to_bytes(&again).as_ref(), Ok(&once), "twice equals once");
}
