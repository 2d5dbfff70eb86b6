//! The start-up lines of the token service: what to paste into a registry's configuration, and how
//! clients log in.

use std::fmt;
use std::path::Path;

use countersign_access::issue::Names;
use countersign_server::TokenService;

/// The lines.
pub(crate) struct TokenGreeting<'a> {
    pub(crate) service: &'a TokenService,
    /// The certificate that registries must trust.
    pub(crate) cert: &'a Path,
    /// Where clients ask for tokens.
    pub(crate) realm: &'a str,
}

impl fmt::Display for TokenGreeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, cert, realm } = self;
        let settings = service.settings();
        let users = service.users_file().map_or(Path::new(""), |file| file.path());
        let count = service.users();
        writeln!(f, "\nTokens are given out at {realm} to {count} users in {}", users.display())?;
        let registries = settings.audiences.iter().filter(|one| one.names != Names::Guns);
        let mut none = true;
        for registry in registries {
            none = false;
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            writeln!(f, "To have a docker-registry take them (in its config.yml):")?;
            writeln!(f, "  auth:\n    token:")?;
            writeln!(f, "      realm: {}", quoted(realm))?;
            writeln!(f, "      service: {}", quoted(&registry.name))?;
            writeln!(f, "      issuer: {}", quoted(&settings.issuer))?;
            writeln!(f, "      rootcertbundle: {}", quoted(&cert.display().to_string()))?;
        }
        if none {
            writeln!(f, "To have a docker-registry take them, name it in [[tokens.services]]")?;
        }
        writeln!(f, "To log in:")?;
        writeln!(f, "  docker login YOUR-REGISTRY")?;
        writeln!(f, "  export NOTARY_AUTH=$(printf %s 'NAME:PASSWORD' | base64 -w0)")
    }
}
