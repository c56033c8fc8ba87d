//! TLS for both engines: one configuration, made once for a target.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// How a target is trusted over TLS, and as whom the sender shows itself. The default trusts whom the
/// system trusts.
#[derive(Clone, Default)]
pub struct Tls {
    /// Certificates in PEM; whom they have signed is trusted, and nobody else.
    pub ca_pem: Option<Vec<u8>>,
    /// A client certificate with its chain, and its key, both in PEM.
    pub identity_pem: Option<(Vec<u8>, Vec<u8>)>,
    /// Trusts everybody. What is sent can then be read by whoever is in between.
    pub insecure: bool,
}

/// Does not show the key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("has_ca", &self.ca_pem.is_some())
            .field("has_identity", &self.identity_pem.is_some())
            .field("insecure", &self.insecure)
            .finish()
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate in the text.
    #[error("there is no certificate in the {what}: it takes PEM, `-----BEGIN CERTIFICATE-----`")]
    NoCertificate {
        /// What it was to be.
        what: &'static str,
    },
    /// A certificate cannot be used.
    #[error("a certificate of the {what} cannot be used: {why}")]
    Certificate {
        /// What it was to be.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// There is no key in the text.
    #[error("there is no private key in the client's key: it takes PEM without a password")]
    NoKey,
    /// Certificate and key do not go together, or the key is of an unknown kind.
    #[error("the client certificate and its key cannot be used: {0}")]
    Identity(rustls::Error),
    /// The system's certificates could not be had.
    #[error(
        "the system's certificates cannot be used ({0}); has it any? `--cacert` takes your own"
    )]
    System(rustls::Error),
}

const CA: &str = "certificates to trust";
const CLIENT: &str = "client certificate";

/// Makes the configuration. `protocols` are offered by ALPN (RFC 7301), the most wanted first.
pub(crate) fn config(tls: &Tls, protocols: &[&[u8]]) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if tls.insecure {
        Arc::new(Anybody(provider.clone()))
    } else if let Some(pem) = &tls.ca_pem {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem, CA)? {
            roots.add(certificate).map_err(|error| unusable(CA, &error))?;
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| unusable(CA, &error))?
    } else {
        Arc::new(Verifier::new(provider.clone()).map_err(TlsError::System)?)
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::System)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &tls.identity_pem {
        Some((chain, key)) => {
            let chain = certificates(chain, CLIENT)?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey)?;
            builder.with_client_auth_cert(chain, key).map_err(TlsError::Identity)?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn unusable(what: &'static str, why: &impl ToString) -> TlsError {
    TlsError::Certificate { what, why: why.to_string() }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| unusable(what, &error))?;
    if found.is_empty() { Err(TlsError::NoCertificate { what }) } else { Ok(found) }
}

/// Takes every certificate. Signatures are checked all the same, so that the connection is with whoever
/// showed it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
