//! Signers as operators have them, Notary's and ours, to be used, killed and started again.

use anyhow::Result;
use countersign_tests::grpc::connect;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::go_notary::GoNotary;
use tonic::transport::Channel;

/// One of them.
pub(crate) trait RealSigner {
    /// A server's section `[signer]` for it.
    fn section(&self) -> String;
    fn port(&self) -> u16;
    fn kill(&mut self) -> Result<()>;
    async fn start_again(&mut self) -> Result<()>;
    /// A connection to it, with the certificate that the server has.
    async fn channel(&self) -> Result<Channel>;
}

impl RealSigner for GoNotary {
    fn section(&self) -> String {
        self.signer_settings()
    }

    fn port(&self) -> u16 {
        self.signer_port()
    }

    fn kill(&mut self) -> Result<()> {
        self.stop_signer()
    }

    async fn start_again(&mut self) -> Result<()> {
        self.start_signer_again().await
    }

    async fn channel(&self) -> Result<Channel> {
        let pair = self.server_pair();
        connect(self.signer_port(), &pair.certificate.with_file_name("ca.crt"), Some(&pair)).await
    }
}

impl RealSigner for CountersignSigner {
    fn section(&self) -> String {
        self.signer_settings()
    }

    fn port(&self) -> u16 {
        Self::port(self)
    }

    fn kill(&mut self) -> Result<()> {
        self.kill9()
    }

    async fn start_again(&mut self) -> Result<()> {
        Self::start_again(self).await
    }

    async fn channel(&self) -> Result<Channel> {
        let ca = self.authority().certificate();
        connect(Self::port(self), &ca, Some(&self.client())).await
    }
}
