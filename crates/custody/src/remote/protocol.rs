//! The messages, the client and the server of `notary.proto`.

#![expect(
    missing_docs,
    clippy::too_many_lines,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::missing_errors_doc,
    reason = "made from notary.proto, where everything is explained"
)]

tonic::include_proto!("proto");
