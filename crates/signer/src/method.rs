//! What calls are called where they are counted.

/// A method of the services, or any other path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    CheckHealth,
    CreateKey,
    DeleteKey,
    GetKeyInfo,
    Other,
    Sign,
    WatchHealth,
}

pub(crate) const METHODS: [Method; 7] = [
    Method::CheckHealth,
    Method::CreateKey,
    Method::DeleteKey,
    Method::GetKeyInfo,
    Method::Other,
    Method::Sign,
    Method::WatchHealth,
];

impl Method {
    /// That of a path.
    pub(crate) fn at(path: &str) -> Self {
        match path {
            "/grpc.health.v1.Health/Check" => Self::CheckHealth,
            "/grpc.health.v1.Health/Watch" => Self::WatchHealth,
            "/proto.KeyManagement/CreateKey" => Self::CreateKey,
            "/proto.KeyManagement/DeleteKey" => Self::DeleteKey,
            "/proto.KeyManagement/GetKeyInfo" => Self::GetKeyInfo,
            "/proto.Signer/Sign" => Self::Sign,
            _ => Self::Other,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CheckHealth => "CheckHealth",
            Self::CreateKey => "CreateKey",
            Self::DeleteKey => "DeleteKey",
            Self::GetKeyInfo => "GetKeyInfo",
            Self::Other => "other",
            Self::Sign => "Sign",
            Self::WatchHealth => "WatchHealth",
        }
    }
}
