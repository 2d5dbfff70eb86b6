//! Verdicts that are remembered.

use super::*;

#[tokio::test]
async fn a_remembered_token_ends_when_it_would_have_ended() {
    let signer = TokenService::new();
    for cache_bytes in [0, 1 << 20] {
        let (bundle, clock) = (Bundle::of(&[&signer]), Moved::new());
        let settings = TokenSettings { cache_bytes, ..settings(bundle.issuer()) };
        let tokens = Tokens::load(settings, clock.clone()).unwrap();
        let token = token(&signer, &pull());
        assert_eq!(verdict(&tokens, &token).await, Ok(()));
        // It expires after 100 seconds; clocks may differ by 60.
        clock.by(160);
        assert_eq!(verdict(&tokens, &token).await, Ok(()));
        clock.by(1);
        let fault = verdict(&tokens, &token).await.unwrap_err();
        assert!(fault.contains("expired"), "{fault}");
    }
}

#[tokio::test]
async fn a_token_that_differs_in_one_letter_is_another_token() {
    let signer = TokenService::new();
    let tokens = Tokens::load(settings(Bundle::of(&[&signer]).issuer()), Moved::new()).unwrap();
    let token = token(&signer, &pull());
    assert_eq!(verdict(&tokens, &token).await, Ok(()));
    let mut other = token.clone();
    let last = other.pop();
    other.push(if last == Some('A') { 'Q' } else { 'A' });
    assert!(verdict(&tokens, &other).await.is_err());
}

#[tokio::test]
async fn a_full_memory_forgets_and_judges_anew() {
    let signer = TokenService::new();
    let bundle = Bundle::of(&[&signer]);
    let settings = TokenSettings { cache_bytes: 4096, ..settings(bundle.issuer()) };
    let tokens = Tokens::load(settings, Moved::new()).unwrap();
    let named = |name: usize| {
        let name = format!("e/{name}");
        token(&signer, &json!([{ "type": "repository", "name": name, "actions": ["pull"] }]))
    };
    for name in 0..100 {
        assert_eq!(verdict(&tokens, &named(name)).await, Ok(()));
    }
    assert!(tokens.judge.load().remembered_bytes() <= 4096);
    let huge: Vec<Json> = (0..200).map(|_| pull()[0].clone()).collect();
    assert_eq!(verdict(&tokens, &token(&signer, &Json::from(huge))).await, Ok(()));
    assert!(tokens.judge.load().remembered_bytes() <= 4096);
}
