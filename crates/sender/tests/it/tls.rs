//! Receivers behind TLS: who is trusted, and each reason for which a handshake fails.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use ringback_exchange::{Failure, Verdict};
use ringback_sender::{Engine, Options, Target, TargetError, Tls, send_once};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::receiver::{OK, event, failure, options, reply};

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Identity {
    chain: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { chain: certificate.pem(), key: key.serialize_pem() }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&self.pem()).unwrap()).unwrap();
        roots
    }
}

/// How a receiver behind TLS is set up.
#[derive(Default)]
struct Setup {
    /// Who signs the certificates of clients, when they have to show one.
    clients: Option<RootCertStore>,
    protocols: Vec<Vec<u8>>,
}

/// Starts a receiver with a certificate; it answers every request of HTTP/1.1 with 200, and of HTTP/2 with
/// 202. Returns its port.
async fn start(identity: &Identity, setup: Setup) -> u16 {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match setup.clients {
        None => builder.with_no_client_auth(),
        Some(roots) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
        ),
    };
    let chain = vec![CertificateDer::from_pem_slice(identity.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = setup.protocols;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((_, mut respond))) = connection.accept().await {
                        let reply = hyper::Response::builder().status(202).body(()).unwrap();
                        respond.send_response(reply, true).unwrap();
                    }
                    return;
                }
                let mut request = vec![0; 64 * 1024];
                while stream.read(&mut request).await.is_ok_and(|n| n > 0) {
                    stream.write_all(OK).await.unwrap();
                }
            });
        }
    });
    port
}

fn trusting(engine: Engine, authority: &Authority) -> Options {
    let tls = Tls { ca_pem: Some(authority.pem()), ..Tls::default() };
    Options { tls, ..options(engine) }
}

async fn target(port: u16, options: &Options) -> Target {
    let here = |_, _| async { Ok(vec!["127.0.0.1".parse().unwrap()]) };
    Target::with_lookup(&format!("https://a.test:{port}/"), options, here).await.unwrap()
}

async fn a_certificate_of_an_authority_of_your_own(engine: Engine) {
    let authority = Authority::new();
    let port = start(&authority.sign("a.test", |_| {}), Setup::default()).await;
    let target = target(port, &trusting(engine, &authority)).await;
    let first = send_once(&target, event()).await;
    assert_eq!(reply(&first).status, 200);
    assert!(first.connect_ms.unwrap() > 0.0);
    let second = send_once(&target, event()).await;
    assert_eq!((reply(&second).status, second.connect_ms), (200, None), "it is used again");
}

async fn each_reason_has_its_word(engine: Engine) {
    let authority = Authority::new();
    let stranger = Authority::new();
    let ended = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let to_come = |params: &mut CertificateParams| params.not_before = date_time_ymd(3000, 1, 1);
    for (identity, expected) in [
        (authority.sign("a.test", ended), Failure::TlsExpired),
        (authority.sign("a.test", to_come), Failure::TlsExpired),
        (authority.sign("b.test", |_| {}), Failure::TlsWrongName),
        (stranger.sign("a.test", |_| {}), Failure::TlsUntrusted),
    ] {
        let port = start(&identity, Setup::default()).await;
        let attempt = send_once(&target(port, &trusting(engine, &authority)).await, event()).await;
        assert_eq!(failure(&attempt).kind, expected, "{attempt:?}");
        assert_eq!(attempt.verdict(), Verdict::Fail);
        // Who trusts everybody is not bothered by any of it.
        let tls = Tls { insecure: true, ..Tls::default() };
        let trusting = Options { tls, ..options(engine) };
        let attempt = send_once(&target(port, &trusting).await, event()).await;
        assert_eq!(reply(&attempt).status, 200);
    }
}

async fn a_client_certificate(engine: Engine) {
    let authority = Authority::new();
    let clients = Authority::new();
    let wants_one = || Setup { clients: Some(clients.roots()), ..Setup::default() };
    let port = start(&authority.sign("a.test", |_| {}), wants_one()).await;

    let identity = clients.sign("client.test", |_| {});
    let mut with = trusting(engine, &authority);
    with.tls.identity_pem = Some((identity.chain.clone().into_bytes(), identity.key.into_bytes()));
    let attempt = send_once(&target(port, &with).await, event()).await;
    assert_eq!(reply(&attempt).status, 200);

    // Without one the handshake is over on this side before the receiver says no: a refusal that is read
    // before the connection is reset is told as one.
    let attempt = send_once(&target(port, &trusting(engine, &authority)).await, event()).await;
    let kind = failure(&attempt).kind;
    assert!([Failure::TlsRefused, Failure::Reset].contains(&kind), "{attempt:?}");

    let other = authority.sign("client.test", |_| {});
    let mut apart = with.clone();
    apart.tls.identity_pem = Some((identity.chain.into_bytes(), other.key.into_bytes()));
    let refused = Target::new(&format!("https://localhost:{port}/"), &apart).await.unwrap_err();
    assert!(matches!(refused, TargetError::Tls(_)), "{refused}");
}

#[tokio::test]
async fn files_that_are_no_certificates() {
    let error = async |tls: Tls| {
        let options = Options { tls, ..options(Engine::Wire) };
        Target::new("https://localhost:1/", &options).await.unwrap_err().to_string()
    };
    let ca_pem = Some(b"hello".to_vec());
    insta::assert_snapshot!(error(Tls { ca_pem, ..Tls::default() }).await, @"there is no certificate in the certificates to trust: it takes PEM, `-----BEGIN CERTIFICATE-----`");
    let chain = Authority::new().sign("a.test", |_| {}).chain;
    let identity_pem = Some((chain.into_bytes(), b"hello".to_vec()));
    insta::assert_snapshot!(error(Tls { identity_pem, insecure: true, ..Tls::default() }).await, @"there is no private key in the client's key: it takes PEM without a password");
}

by_each_engine! {
    a_certificate_of_an_authority_of_your_own,
    each_reason_has_its_word,
    a_client_certificate,
}

#[tokio::test]
async fn http_2_is_agreed_on() {
    let authority = Authority::new();
    let identity = authority.sign("a.test", |_| {});
    let both = || vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let port = start(&identity, Setup { protocols: both(), clients: None }).await;
    let old =
        start(&identity, Setup { protocols: vec![b"http/1.1".to_vec()], clients: None }).await;
    let wanted = Options { http2: true, ..trusting(Engine::Reqwest, &authority) };
    let status = async |port, options: &Options| {
        reply(&send_once(&target(port, options).await, event()).await).status
    };
    assert_eq!(status(port, &wanted).await, 202, "both speak HTTP/2");
    assert_eq!(status(old, &wanted).await, 200, "the receiver speaks HTTP/1.1 alone");
    for engine in [Engine::Reqwest, Engine::Wire] {
        assert_eq!(status(port, &trusting(engine, &authority)).await, 200, "nobody asked for it");
    }
}
