//! Below `/v2/<gun>/_trust/tuf/`: documents and keys.

pub(in crate::routes) mod delete;
pub(in crate::routes) mod get_key;
pub(in crate::routes) mod get_role;
pub(in crate::routes) mod publish;
pub(in crate::routes) mod rotate_key;
