//! Tables of this program's own that its user may not make: what is in them counts as nothing, what
//! would go into them is refused with the mend, and they are used as soon as their owner made them.

use anyhow::{Result, ensure};
use countersign_storage::{
    KeyBinding, KeyBindings, KeyProcess, PassphraseCheck, PassphraseMoves, RootWalk, StorageError,
};
use countersign_tuf::names::{Gun, ServerRole};

/// Whoever looks is told that there is nothing, whoever stores what to mend.
pub(crate) async fn are_missing<S: KeyBindings + PassphraseMoves + RootWalk>(
    store: &S,
) -> Result<()> {
    ensure!(store.binding("aa").await?.is_none());
    ensure!(store.bindings(None, None, 10).await?.is_empty());
    ensure!(!store.unbind_key("aa").await?);
    store.note_binding_used("aa", "2026-11-24T11:02:35Z".parse()?).await?;
    is_refused(store.bind_key(&binding()?).await, "countersign_key_bindings")?;
    ensure!(store.binding("aa").await?.is_none());

    store.note_walked("signer:7899", 5).await?;
    ensure!(store.walked_to("signer:7899").await? == 0);

    ensure!(store.current_check().await?.is_none());
    ensure!(store.proposed_check().await?.is_none());
    ensure!(store.processes().await?.is_empty());
    ensure!(!store.adopt_check(&check()).await?);
    store.withdraw_check(&check()).await?;
    store.forget_process("aa").await?;
    is_refused(store.propose_check(&check()).await, "countersign_key_processes")?;
    is_refused(store.note_process(&process()).await, "countersign_key_processes")?;
    ensure!(store.proposed_check().await?.is_none());
    Ok(())
}

/// The same store does all of it.
pub(crate) async fn are_used<S: KeyBindings + PassphraseMoves + RootWalk>(store: &S) -> Result<()> {
    ensure!(store.bind_key(&binding()?).await? == binding()?);
    ensure!(store.binding("aa").await? == Some(binding()?));
    store.note_walked("signer:7899", 5).await?;
    ensure!(store.walked_to("signer:7899").await? == 5);
    ensure!(store.propose_check(&check()).await? == check());
    ensure!(store.adopt_check(&check()).await?);
    ensure!(store.current_check().await? == Some(check()));
    store.note_process(&process()).await?;
    ensure!(store.processes().await? == [process()]);
    Ok(())
}

fn is_refused<T: std::fmt::Debug>(refused: Result<T, StorageError>, table: &str) -> Result<()> {
    let Err(StorageError::Other(said)) = refused else { anyhow::bail!("{refused:?}") };
    ensure!(said.contains(table) && said.contains("start once as the owner"), "{said}");
    Ok(())
}

fn binding() -> Result<KeyBinding> {
    Ok(KeyBinding {
        key_id: "aa".to_owned(),
        algorithm: "ecdsa".to_owned(),
        gun: Gun::parse("a/b")?,
        role: ServerRole::Timestamp,
        bound_at: "2026-11-24T11:02:35Z".parse()?,
        last_used: None,
    })
}

fn check() -> PassphraseCheck {
    PassphraseCheck { alias: Some("next".to_owned()), sealed: b"sealed".to_vec() }
}

fn process() -> KeyProcess {
    KeyProcess {
        id: "aa".to_owned(),
        shown: "a process".to_owned(),
        beat: 1,
        opens: String::new(),
        seals_under: "first".to_owned(),
    }
}
