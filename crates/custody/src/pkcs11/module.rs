//! A PKCS#11 module: a library that is loaded at run time and shows slots with tokens.

use std::fmt;
use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::Slot;

use super::error::{TokenError, said};

/// A module that has started.
pub(super) struct Module {
    path: PathBuf,
    library: Pkcs11,
}

impl Module {
    /// Loads the module at `path` and starts it.
    pub(super) fn load(path: &Path) -> Result<Self, TokenError> {
        let broken = |reason| TokenError::Module { path: path.to_owned(), reason };
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(broken("there is no such file".to_owned())),
            Err(error) => return Err(broken(error.to_string())),
        }
        let library = Pkcs11::new(path).map_err(|error| match error {
            Error::LibraryLoading(error) => broken(error.to_string()),
            Error::MissingSymbol(symbol) => {
                broken(format!("it is no PKCS#11 module: it has no {symbol}"))
            }
            other => broken(said(&other)),
        })?;
        let module = Self { path: path.to_owned(), library };
        module.start()?;
        Ok(module)
    }

    /// The library.
    pub(super) fn library(&self) -> &Pkcs11 {
        &self.library
    }

    /// Stops the module and starts it again: some see a token that came back only then. Every
    /// session ends.
    pub(super) fn restart(&self) -> Result<(), TokenError> {
        match self.library.clone().finalize() {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _)) => self.start(),
            Err(error) => Err(self.fails(&error)),
        }
    }

    /// The slot of the token with this label.
    pub(super) fn slot_of(&self, label: &str) -> Result<Slot, TokenError> {
        let of = |error: Error| TokenError::of(&error, label);
        let (mut found, mut seen) = (Vec::new(), Vec::new());
        for slot in self.library.get_slots_with_token().map_err(of)? {
            // One slot that is out of order does not speak for the others.
            let Ok(info) = self.library.get_token_info(slot) else { continue };
            if !info.token_initialized() {
                continue;
            }
            if info.label() == label {
                found.push(slot);
            }
            seen.push(info.label().to_owned());
        }
        match found.as_slice() {
            [slot] => Ok(*slot),
            [] => Err(TokenError::NoSuchToken { label: label.to_owned(), seen }),
            several => {
                Err(TokenError::TokensAlike { label: label.to_owned(), count: several.len() })
            }
        }
    }

    fn start(&self) -> Result<(), TokenError> {
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match self.library.initialize(arguments) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            Err(error) => Err(self.fails(&error)),
        }
    }

    fn fails(&self, error: &Error) -> TokenError {
        TokenError::ModuleFails { path: self.path.clone(), reason: said(error) }
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        Module::load(path).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_module_that_is_not_there_is_named_with_its_setting() {
        let said = refusal(Path::new("/nowhere/module.so"));
        assert!(said.contains("/nowhere/module.so") && said.contains("pkcs11.module"), "{said}");
        assert!(said.contains("no such file"), "{said}");
    }

    #[test]
    fn a_file_that_is_no_library_and_a_library_that_is_no_module_are_refused() {
        let said = refusal(Path::new("/dev/null"));
        assert!(said.contains("cannot be loaded"), "{said}");
        let libm = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6"];
        for path in libm.map(Path::new).into_iter().filter(|path| path.exists()) {
            let said = refusal(path);
            assert!(said.contains("no PKCS#11 module"), "{said}");
        }
    }
}
