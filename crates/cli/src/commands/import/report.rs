//! What an import has done, for a reader or a script.

use std::collections::BTreeMap;
use std::io::{self, Write};

use countersign_custody::sealed::KeyFlaw;
use countersign_trust::operate::import::{Account, KeyTrouble};
use serde_json::{Value, json};

use super::Run;

/// Under the dry run nothing was moved, so it says what would be.
pub(super) fn text(mut out: impl Write, account: &Account, run: Run) -> io::Result<()> {
    let (done, removed) = match run {
        Run::Dry => ("would move", "would take out"),
        Run::Wet => ("moved", "took out"),
    };
    let Account { guns_new, guns_updated, versions, size_bytes, keys, changes, .. } = account;
    writeln!(
        out,
        "{done}: {} GUNs ({guns_new} new), {versions} versions with {size_bytes} bytes, {keys} keys, \
         {changes} changes",
        guns_new + guns_updated
    )?;
    writeln!(
        out,
        "there already: {} GUNs, {} keys",
        account.guns_unchanged, account.keys_unchanged
    )?;
    if account.guns_removed + account.keys_removed > 0 {
        let (guns, keys) = (account.guns_removed, account.keys_removed);
        writeln!(out, "{removed}: {guns} GUNs and {keys} keys that were deleted in the source")?;
    }
    if account.keys_bound > 0 {
        let bound = account.keys_bound;
        writeln!(out, "keys without GUN or role that a stored root names, bound to it: {bound}")?;
    }
    if account.keys_unnamed > 0 {
        let unnamed = account.keys_unnamed;
        writeln!(out, "keys that no current root names (pending or replaced): {unnamed}")?;
    }
    if account.signer_keys + account.signer_keys_unchanged > 0 {
        let (moved, there) = (account.signer_keys, account.signer_keys_unchanged);
        writeln!(out, "keys of a signer: {done} for whom {moved} are, {there} there already")?;
    }
    section(&mut out, "GUNs that do not verify and were left out", &account.left_out)?;
    section(&mut out, "damaged rows that were left out", &account.damaged)?;
    keys_in_trouble(&mut out, &account.key_troubles)?;
    if !account.changes_left_out.is_empty() {
        writeln!(out, "changes that cannot be read and were left out:")?;
        for change in &account.changes_left_out {
            writeln!(out, "  {}", plain(change))?;
        }
    }
    section(&mut out, "for the owners of GUNs", &account.notes)?;
    if account.interrupted {
        writeln!(out, "interrupted: run it again to go on")?;
    }
    out.flush()
}

fn section(
    out: &mut impl Write,
    title: &str,
    guns: &BTreeMap<String, Vec<String>>,
) -> io::Result<()> {
    if guns.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title}: {}", guns.len())?;
    for (gun, lines) in guns {
        writeln!(out, "  {}", plain(gun))?;
        for line in lines {
            writeln!(out, "    {}", plain(line))?;
        }
    }
    Ok(())
}

/// One line for each alias without passphrase, however many keys it seals.
fn keys_in_trouble(out: &mut impl Write, troubles: &[KeyTrouble]) -> io::Result<()> {
    if troubles.is_empty() {
        return Ok(());
    }
    writeln!(out, "keys that cannot sign as they are: {}", troubles.len())?;
    let mut aliases: BTreeMap<String, u64> = BTreeMap::new();
    for trouble in troubles {
        match &trouble.flaw {
            KeyFlaw::NoPassphrase { .. } => {
                let keys = aliases.entry(trouble.flaw.to_string()).or_default();
                *keys = keys.saturating_add(1);
            }
            KeyFlaw::Unusable(reason) => {
                let KeyTrouble { key_id, gun, role, .. } = trouble;
                let line = format!("{key_id} ({role} of {gun}): {reason}");
                writeln!(out, "  {}", plain(&line))?;
            }
        }
    }
    for (line, keys) in aliases {
        writeln!(out, "  {keys} keys: {}", plain(&line))?;
    }
    Ok(())
}

fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// One object.
pub(super) fn json(mut out: impl Write, account: &Account, run: Run) -> io::Result<()> {
    let troubles: Vec<Value> = account.key_troubles.iter().map(trouble).collect();
    let whole = json!({
        "dry_run": run == Run::Dry,
        "interrupted": account.interrupted,
        "guns": {
            "new": account.guns_new,
            "updated": account.guns_updated,
            "unchanged": account.guns_unchanged,
            "removed": account.guns_removed,
            "left_out": account.left_out,
            "damaged_rows": account.damaged,
            "notes": account.notes,
        },
        "versions": account.versions,
        "size_bytes": account.size_bytes,
        "keys": {
            "moved": account.keys,
            "unchanged": account.keys_unchanged,
            "removed": account.keys_removed,
            "bound": account.keys_bound,
            "not_in_a_current_root": account.keys_unnamed,
            "unusable": troubles,
        },
        "signer_keys": {
            "moved": account.signer_keys,
            "unchanged": account.signer_keys_unchanged,
        },
        "changes": account.changes,
        "changes_left_out": account.changes_left_out,
    });
    writeln!(out, "{whole}")?;
    out.flush()
}

fn trouble(trouble: &KeyTrouble) -> Value {
    json!({
        "key_id": trouble.key_id,
        "gun": trouble.gun,
        "role": trouble.role,
        "reason": trouble.flaw.to_string(),
    })
}
