//! Real clients, a trust server with Notary's own `auth` section, and an independent token service
//! between them.

mod docker;
mod notary;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use countersign_tests::peers::token_service::{Refresh, TokenService, Tokens};
use countersign_tests::wire::Endpoint;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::forge::{Certificate, Key, Kind, Standing};
use crate::server::{Auth, SERVICE, Server, Whose, write_tls_config};

/// The claim `iss` of the service.
const ISSUER: &str = "tokens.example";

/// Everybody's passwords.
const PASSWORD: &str = "a password";

/// What a client says whose token is not enough.
const NOT_AUTHORIZED: &str = "you are not authorized to perform this operation";

/// Alice may do everything, Bob may read, Carol is known and may nothing, nobody else is anybody.
fn users() -> Value {
    json!({
        "": { "may": {} },
        "alice": { "password": PASSWORD, "may": { "*": ["*"] } },
        "bob": { "password": PASSWORD, "may": { "*": ["pull"] } },
        "carol": { "password": PASSWORD, "may": {} },
    })
}

/// How tokens are signed and name their key.
#[derive(Clone, Copy, Debug)]
struct Make {
    kind: Kind,
    standing: Standing,
    form: &'static str,
}

/// As docker_auth, Harbor and GitLab do.
const RS256_BY_KID: Make = Make { kind: Kind::Rsa, standing: Standing::Authority, form: "kid" };

/// A key of the kind that newer services use, in the other two forms and with an old certificate.
const ES256_BY_KID: Make = Make { kind: Kind::P256, standing: Standing::Old, form: "kid" };
const ES256_BY_JWK: Make = Make { kind: Kind::P256, standing: Standing::Leaf, form: "jwk" };
const RS256_BY_X5C: Make = Make { kind: Kind::Rsa, standing: Standing::Authority, form: "x5c" };
const ES256_BY_X5C: Make = Make { kind: Kind::P256, standing: Standing::Authority, form: "x5c" };
const ES512_BY_X5C: Make = Make { kind: Kind::P521, standing: Standing::Authority, form: "x5c" };

/// A token service, and a trust server that believes it.
struct Trust {
    // Dropped in this order: what runs ends before its directory goes.
    _server: Server,
    whose: Whose,
    service: TokenService,
    endpoint: Endpoint,
    folder: TempDir,
}

impl Trust {
    async fn start(whose: Whose, make: Make, refresh: Refresh) -> Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path();
        let key = Key::make(path, "token", make.kind)?;
        let certificate = Certificate::own(path, "token", &key, make.standing)?;
        fs::write(bundle(path), certificate.pem())?;
        let tokens = Tokens {
            key: key.file,
            certificates: vec![bundle(path)],
            algorithm: make.kind.algorithm(),
            form: make.form,
            issuer: ISSUER,
        };
        let service = TokenService::start(&tokens, &users(), refresh).await?;
        let auth = Auth { realm: &service.realm(), issuer: ISSUER, bundle: certificate.pem() };
        let server = Server::start(whose, &write_tls_config(path, &auth)?).await?;
        let endpoint = Endpoint::new(server.port, path.join("ca.crt"));
        Ok(Self { _server: server, whose, service, endpoint, folder })
    }

    /// A line of the service's log: what it gave to whom for the trust server.
    fn gave(&self, how: &str, user: &str, scope: &str) -> Result<()> {
        self.service.was_asked(&format!("gave {how} '{user}' {SERVICE} {scope}"))
    }
}

/// The certificate of the service's key.
fn bundle(folder: &Path) -> PathBuf {
    folder.join("token.pem")
}
