//! TLS with a certificate of the development authority; the client trusts that authority and no other.

use std::sync::Arc;

use jiff::Timestamp;
use ringback_recorder::{Config, DevCa, Listener, Recording, Tls, TlsError};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{SHORT, config, connect, exchanges, parts, record, say, status};

/// The listener's certificate is for today: the client looks at the real clock.
#[expect(clippy::disallowed_methods, reason = "rustls judges certificates by the real clock")]
fn today() -> Timestamp {
    Timestamp::now()
}

async fn with_tls(ca: &DevCa, names: &[&str]) -> (Listener, Recording) {
    let tls = ca.issue(names.iter().map(|&name| name.to_owned()).collect(), today()).unwrap();
    record(Config { tls: Some(tls), ..config() }).await
}

async fn shake_hands(
    listener: &Listener,
    ca: &DevCa,
    name: &'static str,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.certificate_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from(name).unwrap(), connect(listener).await).await
}

#[tokio::test]
async fn what_comes_through_tls_is_kept_as_without_it() {
    let ca = DevCa::generate(today()).unwrap();
    let (listener, recording) = with_tls(&ca, &["localhost", "127.0.0.1"]).await;
    assert!(listener.url().starts_with("https://127.0.0.1:"));
    let head =
        "POST /h HTTP/1.1\r\nHOST: h\r\nx-B: 1\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
    for name in ["localhost", "127.0.0.1"] {
        let mut stream = shake_hands(&listener, &ca, name, &[]).await.unwrap();
        stream.write_all(format!("{head}abc").as_bytes()).await.unwrap();
        let mut answer = String::new();
        // Ends with a close_notify, and is otherwise an error.
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(status(&answer), 200);
    }
    let kept = exchanges(&recording, 2).await.remove(0);
    let wire = kept.wire.unwrap();
    assert_eq!(wire.head.to_text(), head);
    assert_eq!(kept.request.body.to_text(), "abc");
    assert!(kept.peer.starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn clients_choose_the_protocol() {
    let ca = DevCa::generate(today()).unwrap();
    let (listener, _) = with_tls(&ca, &["localhost"]).await;
    for (offered, chosen) in [
        (&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = shake_hands(&listener, &ca, "localhost", offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
    }
}

#[tokio::test]
async fn who_does_not_trust_it_is_told_apart_from_silence() {
    let (ca, other) = (DevCa::generate(today()).unwrap(), DevCa::generate(today()).unwrap());
    let (listener, recording) = with_tls(&ca, &["localhost"]).await;
    assert!(shake_hands(&listener, &other, "localhost", &[]).await.is_err(), "another authority");
    assert!(shake_hands(&listener, &ca, "elsewhere.example", &[]).await.is_err(), "another name");
    for exchange in exchanges(&recording, 2).await {
        let why = exchange.fault.unwrap();
        assert!(why.starts_with("the client and this side did not agree on TLS: "), "{why}");
        assert_eq!((exchange.reply, exchange.wire.unwrap().head.0.len()), (None, 0));
    }
}

#[tokio::test]
async fn clear_text_where_tls_is_due_is_answered_and_kept() {
    let ca = DevCa::generate(today()).unwrap();
    let (listener, recording) = with_tls(&ca, &["localhost"]).await;
    let request = "POST /plain HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(parts(&say(&listener, request).await), (400, ""));
    let kept = exchanges(&recording, 1).await.remove(0);
    assert_eq!(kept.fault.as_deref(), Some("the client does not speak TLS, and here it must"));
    assert_eq!((kept.request.target.as_str(), kept.reply.unwrap().status), ("/plain", 400));
    assert_eq!(kept.wire.unwrap().head.to_text(), request);
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut() {
    let ca = DevCa::generate(today()).unwrap();
    let tls = Some(ca.issue(vec!["localhost".to_owned()], today()).unwrap());
    let mut config = Config { tls, ..config() };
    config.limits.head = SHORT;
    let (listener, recording) = record(config).await;
    let mut stream = connect(&listener).await;
    stream.write_all(&[0x16, 3, 1]).await.unwrap();
    assert_eq!(crate::support::read_to_end(&mut stream).await, "");
    let kept = exchanges(&recording, 1).await.remove(0);
    let why = "the client had not agreed on TLS after 200ms";
    assert_eq!(kept.fault.as_deref(), Some(why));
}

#[test]
fn an_authority_is_the_same_after_it_was_kept() {
    let ca = DevCa::generate(today()).unwrap();
    let again = DevCa::from_pem(ca.certificate_pem().to_owned(), &ca.key_pem()).unwrap();
    assert_eq!(again.key_pem(), ca.key_pem());
    assert!(DevCa::from_pem(String::new(), "none").is_err());
}

#[test]
fn what_is_no_certificate_is_refused_before_the_start() {
    let ca = DevCa::generate(today()).unwrap();
    let other = DevCa::generate(today()).unwrap();
    let certificate = ca.certificate_pem().as_bytes();
    assert!(Tls::from_pem(certificate, ca.key_pem().as_bytes()).is_ok());
    let error = Tls::from_pem(b"", ca.key_pem().as_bytes()).unwrap_err();
    assert!(matches!(error, TlsError::Certificate(_)), "{error}");
    let error = Tls::from_pem(certificate, certificate).unwrap_err();
    assert!(matches!(error, TlsError::Key(_)), "{error}");
    let error = Tls::from_pem(certificate, other.key_pem().as_bytes()).unwrap_err();
    assert!(matches!(error, TlsError::Unusable(_)), "{error}");
}

#[tokio::test]
async fn faults_are_played_inside_tls_and_end_it() {
    let ca = DevCa::generate(today()).unwrap();
    let tls = ca.issue(vec!["localhost".to_owned()], today()).unwrap();
    let answer = ringback_recorder::Answer::Script(
        "truncate(2) 200 \"body\", reset-after-head 200 \"x\", reset".parse().unwrap(),
    );
    let (listener, recording) = record(Config { tls: Some(tls), answer, ..config() }).await;
    let expected = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbo", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n", true),
        ("", true),
    ];
    for (text, is_reset) in expected {
        let mut stream = shake_hands(&listener, &ca, "localhost", &[]).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer).await;
        assert_eq!((String::from_utf8_lossy(&answer).as_ref(), ended.is_err()), (text, is_reset));
    }
    let injected: Vec<_> =
        exchanges(&recording, 3).await.into_iter().map(|it| it.injected.unwrap()).collect();
    assert_eq!(injected, ["truncate(2) of 4 bytes", "reset-after-head", "reset"]);
}
