//! A client's connection that stays open from one request to the next.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::process::{DEADLINE, Server};

/// What a client shows in the handshake.
pub(crate) enum Shown<'a> {
    /// Nothing.
    Nothing,
    /// A certificate, with the key beside it: `NAME.crt` and `NAME.key` without their endings.
    Pair(&'a Path),
}

pub(crate) struct Connection(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Connection {
    /// Connects as a client that trusts the first certificate in the file `ca`.
    pub(crate) fn open(server: &Server, ca: &Path, shown: &Shown<'_>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            Shown::Nothing => config.with_no_client_auth(),
            Shown::Pair(stem) => {
                let chain = CertificateDer::from_pem_file(stem.with_extension("crt")).unwrap();
                let key = PrivateKeyDer::from_pem_file(stem.with_extension("key")).unwrap();
                config.with_client_auth_cert(vec![chain], key).unwrap()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(server.address)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        Ok(Self(BufReader::new(StreamOwned::new(client, socket))))
    }

    /// The status line and the body of the answer to a GET.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<(String, String)> {
        self.exchange(path).map(|(status, _, body)| (status, body))
    }

    /// The status line, the headers and the body of the answer to a GET.
    pub(crate) fn exchange(&mut self, path: &str) -> io::Result<(String, String, String)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut status = String::new();
        let (mut headers, mut length) = (String::new(), 0);
        if self.0.read_line(&mut status)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim_end().parse().unwrap();
            }
            if line.trim_end().is_empty() {
                break;
            }
            headers.push_str(&line);
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status.trim_end().to_owned(), headers, String::from_utf8(body).unwrap()))
    }

    /// Whether a GET is answered with 200.
    pub(crate) fn answers(&mut self, path: &str) -> bool {
        self.get(path).is_ok_and(|(status, _)| status == "HTTP/1.1 200 OK")
    }

    /// The server's certificate, once a request has been answered.
    pub(crate) fn server_certificate(&self) -> Vec<u8> {
        self.0.get_ref().conn.peer_certificates().unwrap()[0].to_vec()
    }
}

/// The first certificate of a PEM file.
pub(crate) fn certificate_in(path: &Path) -> Vec<u8> {
    CertificateDer::from_pem_slice(&fs::read(path).unwrap()).unwrap().to_vec()
}
