//! The credentials in an `Authorization` header.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_access::users::Password;
use zeroize::Zeroizing;

/// Name and password; `None` where the header holds no such thing.
pub(super) fn credentials(value: &HeaderValue) -> Option<(String, Password)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), Password::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> Option<String> {
        credentials(&HeaderValue::from_str(value).unwrap()).map(|(name, _)| name)
    }

    #[test]
    fn name_and_password_are_parted_by_the_first_colon() {
        // alice:a:b
        assert_eq!(name("Basic YWxpY2U6YTpi").as_deref(), Some("alice"));
        assert_eq!(name("bAsIc YWxpY2U6YTpi").as_deref(), Some("alice"));
        assert_eq!(name("Basic Og==").as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_basic_authorization_names_nobody() {
        for value in
            ["", "Basic", "Basic ", "Basic YWxpY2U", "Basic YWxpY2U=", "Bearer YWxpY2U6YTpi"]
        {
            assert_eq!(name(value), None, "{value}");
        }
        // Not UTF-8: ff 3a.
        assert_eq!(name("Basic /zo="), None);
    }
}
