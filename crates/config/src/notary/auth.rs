//! Notary's `auth`: whose tokens are taken.
//!
//! In Go every type but `token` leaves the server open to everybody; here it ends the start, as
//! does anything else in the section that could be meant to close it. Source: server spec 2.1, 2.4.

use std::path::PathBuf;

use super::Reading;
use crate::ConfigError;
use crate::sections::access::Issuer;

impl Reading<'_> {
    pub(super) fn auth(&mut self) -> Result<(), ConfigError> {
        let Some(kind) = self.source.text("auth.type")? else {
            return match self.source.first_below("auth.") {
                None => Ok(()),
                Some(value) => Err(value.refused(
                    "without auth.type it would close nothing, and the server would be open",
                    "write \"token\" as auth.type, or take the section out",
                )),
            };
        };
        if kind.content != "token" {
            let cause = format!(
                "{:?} is no type of access rules, and without them the server would be open",
                kind.content
            );
            return Err(kind.refused(&cause, "write \"token\", or take the section out"));
        }
        let source = self.source;
        let needed = |key| source.needed_text(key, "write it: auth.type token needs it");
        let (realm, service) = (needed("auth.options.realm")?, needed("auth.options.service")?);
        let (issuer, bundle) =
            (needed("auth.options.issuer")?, needed("auth.options.rootcertbundle")?);
        if let Some(value) = source.text("auth.options.autoredirect")? {
            self.settings.access.autoredirect = match value.content.as_str() {
                "true" => true,
                "false" => false,
                _ => return Err(value.refused("it is neither true nor false", "write one of them")),
            };
            self.came_from("access.autoredirect", value.origin);
        }
        self.settings.access.realm = Some(realm.content);
        self.settings.access.service = Some(service.content);
        self.settings.access.issuers = vec![Issuer {
            issuer: issuer.content,
            // Unlike other files of Notary's, this one is not beside its configuration.
            root_cert_bundle: Some(PathBuf::from(bundle.content)),
            like_notary: true,
            ..Issuer::default()
        }];
        self.came_from("access.realm", realm.origin);
        self.came_from("access.service", service.origin);
        self.came_from("access.issuers", issuer.origin);
        Ok(())
    }
}
