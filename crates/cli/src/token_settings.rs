//! The settings of tokens in the words of the server.

use countersign_access::token::Audiences;
use countersign_config::sections::access::{Access, Issuer};
use countersign_server::{GivenBy, IssuerSettings, JwksUrl, Realm, TokenSettings};

/// What `[access]` says of tokens; `None` when none is asked for.
pub(crate) fn token_settings(access: &Access) -> Option<TokenSettings> {
    if access.issuers.is_empty() {
        return None;
    }
    let service = access.service.clone().unwrap_or_default();
    let realm = match &access.realm {
        Some(url) if !access.autoredirect => Realm::Url(url.clone()),
        _ => Realm::ThisHost,
    };
    let issuers = access.issuers.iter().map(|issuer| issuer_settings(issuer, &service)).collect();
    let (given_by, cache_bytes) = (GivenBy::Others, access.token_cache_bytes);
    Some(TokenSettings { realm, given_by, service, issuers, cache_bytes })
}

fn issuer_settings(issuer: &Issuer, service: &str) -> IssuerSettings {
    let mut audiences = issuer.audiences.clone();
    if audiences.is_empty() {
        audiences.push(service.to_owned());
    }
    let url = |url: &countersign_config::KeysUrl| JwksUrl {
        url: url.as_str().to_owned(),
        ca: issuer.jwks_ca.clone(),
        refresh: issuer.jwks_refresh,
    };
    IssuerSettings {
        name: issuer.issuer.clone(),
        audiences: match (issuer.like_notary, audiences.first()) {
            (true, Some(only)) => Audiences::Notary(only.clone()),
            _ => Audiences::AnyOf(audiences),
        },
        root_cert_bundle: issuer.root_cert_bundle.clone(),
        jwks_file: issuer.jwks_file.clone(),
        jwks_url: issuer.jwks_url.as_ref().map(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access {
            realm: Some("https://auth.example.com/token".to_owned()),
            service: Some("trust.example.com".to_owned()),
            issuers: vec![Issuer { issuer: "auth".to_owned(), ..Issuer::default() }],
            ..Access::default()
        }
    }

    #[test]
    fn without_issuers_no_token_is_asked_for() {
        assert_eq!(token_settings(&Access::default()), None);
    }

    #[test]
    fn tokens_are_for_the_service_where_no_audience_is_named() {
        let settings = token_settings(&access()).unwrap();
        assert_eq!(settings.realm, Realm::Url("https://auth.example.com/token".to_owned()));
        let only = vec!["trust.example.com".to_owned()];
        assert_eq!(settings.issuers[0].audiences, Audiences::AnyOf(only));
        let mut named = access();
        named.issuers[0].audiences = vec!["a".to_owned(), "b".to_owned()];
        let named_audiences = Audiences::AnyOf(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(token_settings(&named).unwrap().issuers[0].audiences, named_audiences);
    }

    #[test]
    fn every_part_of_an_issuer_reaches_the_server() {
        let mut access = access();
        access.autoredirect = true;
        access.token_cache_bytes = 7;
        access.issuers = vec![
            Issuer {
                issuer: "one".to_owned(),
                root_cert_bundle: Some("bundle".into()),
                like_notary: true,
                ..Issuer::default()
            },
            Issuer {
                issuer: "two".to_owned(),
                jwks_file: Some("file".into()),
                jwks_url: Some("https://h/jwks".parse().unwrap()),
                jwks_ca: Some("ca".into()),
                jwks_refresh: std::time::Duration::from_secs(9),
                ..Issuer::default()
            },
        ];
        let one = IssuerSettings {
            name: "one".to_owned(),
            audiences: Audiences::Notary("trust.example.com".to_owned()),
            root_cert_bundle: Some("bundle".into()),
            jwks_file: None,
            jwks_url: None,
        };
        let url = JwksUrl {
            url: "https://h/jwks".to_owned(),
            ca: Some("ca".into()),
            refresh: std::time::Duration::from_secs(9),
        };
        let two = IssuerSettings {
            name: "two".to_owned(),
            audiences: Audiences::AnyOf(vec!["trust.example.com".to_owned()]),
            root_cert_bundle: None,
            jwks_file: Some("file".into()),
            jwks_url: Some(url),
        };
        let settings = token_settings(&access).unwrap();
        assert_eq!((settings.realm, settings.cache_bytes), (Realm::ThisHost, 7));
        assert_eq!(settings.issuers, [one, two]);
    }
}
