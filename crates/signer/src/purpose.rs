//! What a key is wanted for, where the caller says so in the metadata of its request.
//!
//! Source: `countersign_custody::remote::caller`.

use countersign_custody::remote::caller;
use countersign_tuf::names::{Gun, ServerRole};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

/// A GUN and a role.
pub(crate) struct Purpose {
    gun: Gun,
    role: ServerRole,
}

impl Purpose {
    /// What `metadata` says; `None` when it says nothing.
    pub(crate) fn of(metadata: &MetadataMap) -> Result<Option<Self>, Status> {
        let mut guns = metadata.get_all_bin(caller::GUN).iter();
        let mut roles = metadata.get_all(caller::ROLE).iter();
        let (gun, role) = match (guns.next(), roles.next()) {
            (None, None) => return Ok(None),
            (Some(gun), Some(role)) if guns.next().is_none() && roles.next().is_none() => {
                (gun, role)
            }
            _ => return Err(invalid("GUN and role go together, once each")),
        };
        let gun = gun.to_bytes().map_err(|_| invalid("the GUN is no base64"))?;
        let gun = std::str::from_utf8(&gun).map_err(|_| invalid("the GUN is no UTF-8"))?;
        let role = role.to_str().map_err(|_| invalid("the role is no text"))?;
        Ok(Some(Self { gun: parsed_gun(gun)?, role: parsed_role(role)? }))
    }

    /// As custody has it.
    pub(crate) fn as_ref(&self) -> countersign_custody::Purpose<'_> {
        countersign_custody::Purpose { gun: &self.gun, role: self.role }
    }
}

/// The GUN that a request names.
pub(crate) fn parsed_gun(text: &str) -> Result<Gun, Status> {
    Gun::parse(text).map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))
}

/// The role that a request names.
pub(crate) fn parsed_role(text: &str) -> Result<ServerRole, Status> {
    server_role(text).ok_or_else(|| invalid("keys are for the roles timestamp and snapshot"))
}

/// The role of this name, if there are keys for it.
pub(crate) fn server_role(text: &str) -> Option<ServerRole> {
    let roles = [ServerRole::Timestamp, ServerRole::Snapshot];
    roles.into_iter().find(|role| role.as_str() == text)
}

fn invalid(text: &'static str) -> Status {
    Status::new(Code::InvalidArgument, text)
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataValue;

    use super::*;

    fn metadata(guns: &[&[u8]], roles: &[&str]) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for gun in guns {
            metadata.append_bin(caller::GUN, MetadataValue::from_bytes(gun));
        }
        for role in roles {
            metadata.append(caller::ROLE, role.parse().unwrap());
        }
        metadata
    }

    #[test]
    fn a_gun_of_any_script_comes_through() {
        let gun = "registry.example/团队";
        let purpose = Purpose::of(&metadata(&[gun.as_bytes()], &["snapshot"])).unwrap().unwrap();
        assert_eq!(purpose.gun.as_str(), gun);
        assert_eq!(purpose.role, ServerRole::Snapshot);
    }

    #[test]
    fn who_says_nothing_wants_it_for_anything() {
        assert!(Purpose::of(&MetadataMap::new()).unwrap().is_none());
    }

    #[test]
    fn half_a_purpose_two_and_one_that_is_none_are_refused() {
        let gun: &[u8] = b"registry.example/app";
        for (guns, roles) in [
            (vec![gun], vec![]),
            (vec![], vec!["timestamp"]),
            (vec![gun, gun], vec!["timestamp"]),
            (vec![gun], vec!["timestamp", "snapshot"]),
            (vec![b"".as_slice()], vec!["timestamp"]),
            (vec![b"a\xff".as_slice()], vec!["timestamp"]),
            (vec![gun], vec!["root"]),
            (vec![gun], vec!["Timestamp"]),
            (vec![gun], vec![""]),
        ] {
            let refused = Purpose::of(&metadata(&guns, &roles)).err().unwrap();
            assert_eq!(refused.code(), Code::InvalidArgument, "{guns:?} {roles:?}");
        }
    }
}
