//! What an operator is told when the token of the settings cannot be used: by `serve` at its start,
//! and by `config check` before.

use std::fs;

use countersign_tests::peers::softhsm::{LABEL, SoftHsm};
use tempfile::TempDir;

use crate::binary::{Ended, run, settings};

/// What a start with these settings says; it must not start.
async fn refusal(hsm: &SoftHsm, text: &str, code: i32) -> String {
    let dir = TempDir::new().unwrap();
    let (config, data) = (dir.path().join("c.toml"), dir.path().join("data"));
    fs::write(&config, text).unwrap();
    let (config, data) = (config.display().to_string(), data.display().to_string());
    let start = ["serve", "--listen", "127.0.0.1:0", "--config", &config, "--data-dir", &data];
    let Ended { code: ended, stderr, .. } = run(hsm, &start).await.unwrap();
    assert_eq!(ended, Some(code), "{stderr}");
    let last = stderr.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("countersign: "), "{stderr}");
    last
}

#[tokio::test]
async fn a_start_with_a_token_that_cannot_be_used_ends_with_the_cause_and_the_mend() {
    let hsm = SoftHsm::start().unwrap();
    hsm.add_token("another").unwrap();
    let whole = settings(&hsm, hsm.module(), "").unwrap();
    let module = hsm.module().display().to_string();
    let label = format!("token = {LABEL:?}");
    for (text, code, parts) in [
        (whole.replace(&module, "/nowhere.so"), 22, ["/nowhere.so", "pkcs11.module"]),
        (whole.replace(&module, "/bin/sh"), 22, ["/bin/sh", "cannot be loaded"]),
        (whole.replace(&label, "token = \"none\""), 22, ["\"another\"", "pkcs11.token"]),
        (whole.replace(&label, ""), 2, ["pkcs11.module", "pkcs11.token"]),
        ("[keys]\ncustody = \"token\"\n".to_owned(), 2, ["keys.custody", "[pkcs11]"]),
    ] {
        let said = refusal(&hsm, &text, code).await;
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
    let without: String = whole
        .lines()
        .filter(|line| !line.starts_with("pin_file"))
        .map(|l| format!("{l}\n"))
        .collect();
    let said = refusal(&hsm, &without, 22).await;
    assert!(said.contains("COUNTERSIGN_PKCS11_PIN_FILE"), "{said}");
    fs::write(hsm.pin_file().unwrap(), "planted-wrong-pin").unwrap();
    let said = refusal(&hsm, &whole, 22).await;
    assert!(said.contains("refuses the PIN") && !said.contains("planted"), "{said}");
}

#[tokio::test]
async fn config_check_finds_module_and_token_and_leaves_the_pin_alone() {
    let hsm = SoftHsm::start().unwrap();
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("c.toml");
    let module = hsm.faulty_module().unwrap();
    let data = dir.path().join("data").display().to_string();
    let path = config.display().to_string();
    let check = ["config", "check", "--config", &path, "--data-dir", &data];
    let text = settings(&hsm, &module, "[keys]\ncustody = \"token\"\n").unwrap();
    fs::write(hsm.pin_file().unwrap(), "planted-wrong-pin").unwrap();
    fs::write(&config, &text).unwrap();
    let well = run(&hsm, &check).await.unwrap();
    assert_eq!(well.code, Some(0), "{}", well.stderr);
    assert_eq!(hsm.calls("C_Login"), 0);
    fs::write(&config, text.replace(LABEL, "none")).unwrap();
    let ill = run(&hsm, &check).await.unwrap();
    assert_eq!(ill.code, Some(22), "{}", ill.stderr);
    assert!(ill.stderr.contains("no token has the label \"none\""), "{}", ill.stderr);
}
