//! What a listener shows to clients that speak TLS.
//!
//! A certificate and its key come in, of the user's own or of a [`DevCa`](crate::DevCa); a configuration
//! of rustls goes out. TLS 1.2 and 1.3; clients choose between HTTP/2 and HTTP/1.1 by ALPN. A key that
//! does not belong to the certificate is refused before anything listens.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, ready to be shown.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

/// Why there is no certificate to be shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text has no certificate in it, or a broken one.
    #[error("there is no certificate in PEM: {0}")]
    Certificate(String),
    /// The text has no private key in it, or a broken one.
    #[error("there is no private key in PEM: {0}")]
    Key(String),
    /// The two do not belong together, or rustls does not know their kind.
    #[error("the certificate and the key cannot be used")]
    Unusable(#[source] rustls::Error),
    /// A certificate of our own cannot be made.
    #[error("no certificate can be made")]
    Make(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Tls {
    /// Takes a certificate, with those between it and its authority behind it, and the key that belongs
    /// to it; both in PEM.
    ///
    /// # Errors
    ///
    /// When one of them is missing or broken, and when they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(TlsError::Certificate("no section of that name".to_owned()));
        }
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
        Self::new(chain, key)
    }

    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::Unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
