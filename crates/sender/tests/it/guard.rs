//! Where no socket is opened.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringback_exchange::Headers;
use ringback_sender::{
    Engine, GuardError, HeaderError, Options, Pace, Plan, Run, Target, TargetError, run, send_once,
};

use crate::receiver::{OK, Receiver, event, options, reply};

fn addresses(list: &[&str]) -> io::Result<Vec<IpAddr>> {
    Ok(list.iter().map(|text| text.parse().unwrap()).collect())
}

#[tokio::test]
async fn a_name_is_resolved_once_and_stays_where_it_was() {
    let receiver = Receiver::answering(OK).await;
    let n_lookups = AtomicUsize::new(0);
    let url = format!("http://receiver.test:{}/", receiver.port);
    let lookup = |host: String, port| {
        assert_eq!((host.as_str(), port), ("receiver.test", receiver.port));
        n_lookups.fetch_add(1, Ordering::Relaxed);
        async { addresses(&["127.0.0.1"]) }
    };
    let target = Target::with_lookup(&url, &options(Engine::Reqwest), lookup).await.unwrap();
    for _ in 0..3 {
        assert_eq!(reply(&send_once(&target, event()).await).status, 200);
    }
    assert_eq!(n_lookups.into_inner(), 1);
    let request = String::from_utf8(receiver.requests().pop().unwrap()).unwrap();
    assert!(request.contains(&format!("\r\nhost: receiver.test:{}\r\n", receiver.port)));
}

/// The first address is that of a receiver that waits, and gets no connection for all that.
#[tokio::test]
async fn one_forbidden_address_of_several_is_enough() {
    let receiver = Receiver::answering(OK).await;
    let url = format!("http://receiver.test:{}/", receiver.port);
    let lookup = |_, _| async { addresses(&["127.0.0.1", "169.254.169.254"]) };
    let refused = Target::with_lookup(&url, &options(Engine::Reqwest), lookup).await.unwrap_err();
    assert!(matches!(refused, TargetError::Guard(GuardError::Never { .. })), "{refused}");
    let lookup = |_, _| async { addresses(&["127.0.0.1", "10.0.0.1"]) };
    let refused = Target::with_lookup(&url, &options(Engine::Reqwest), lookup).await.unwrap_err();
    assert!(matches!(refused, TargetError::Guard(GuardError::Private { .. })), "{refused}");
    assert_eq!(receiver.n_connections(), 0);
}

/// No target, no socket: there is nothing that could be sent with.
#[tokio::test]
async fn what_cannot_be_a_target_is_refused_without_a_lookup() {
    let error = async |url: &str| {
        let lookup = |_, _| async { panic!("nothing may be looked up") };
        Target::with_lookup(url, &options(Engine::Reqwest), lookup).await.unwrap_err().to_string()
    };
    insta::assert_snapshot!(error("ftp://localhost/").await, @"the target's scheme is `ftp`: use `http` or `https`");
    insta::assert_snapshot!(error("file:///etc/passwd").await, @"the target's scheme is `file`: use `http` or `https`");
    insta::assert_snapshot!(error("http://user:pw@localhost/").await, @"the target has credentials in its URL: send them as an `authorization` header instead");
    insta::assert_snapshot!(error("http://user@localhost/").await, @"the target has credentials in its URL: send them as an `authorization` header instead");
    insta::assert_snapshot!(error("http://:pw@localhost/").await, @"the target has credentials in its URL: send them as an `authorization` header instead");
    insta::assert_snapshot!(error("localhost").await, @"the target is no URL: relative URL without a base; write it as `http://localhost:3000/hooks`");
    insta::assert_snapshot!(error("http://").await, @"the target is no URL: empty host; write it as `http://localhost:3000/hooks`");
    insta::assert_snapshot!(error("http://192.168.1.1/").await, @"`192.168.1.1` is 192.168.1.1, on a private network: if its owner agrees, allow it with `--allow-host 192.168.1.1`");
    // Every spelling of an address is the address.
    insta::assert_snapshot!(error("http://0xa9fea9fe/").await, @"`169.254.169.254` is 169.254.169.254, a cloud's metadata service: deliveries never go there, so send to another address");
    insta::assert_snapshot!(error("http://[::ffff:169.254.169.254]/").await, @"`[::ffff:a9fe:a9fe]` is ::ffff:169.254.169.254, a cloud's metadata service: deliveries never go there, so send to another address");
    insta::assert_snapshot!(error("http://0/").await, @"`0.0.0.0` is 0.0.0.0, an unspecified address: deliveries never go there, so send to another address");
}

#[tokio::test]
async fn a_line_that_cannot_be_sent_is_refused_before_anything_is() {
    let headers = Headers::from_iter([("x", "a\nb")]);
    let refused =
        Target::new("http://127.0.0.1/", &Options { headers, ..options(Engine::Reqwest) }).await;
    let name = "x".to_owned();
    assert!(
        matches!(refused, Err(TargetError::Header(HeaderError::Value { name: n })) if n == name)
    );
    let headers = Headers::from_iter([("transfer-encoding", "chunked")]);
    assert!(event().with_headers(&headers).is_err());
}

#[tokio::test]
async fn a_plan_that_the_internet_does_not_get_sends_nothing() {
    let named = || vec!["a.test".parse().unwrap()];
    let options =
        Options { allow_hosts: named(), owned_hosts: named(), ..options(Engine::Reqwest) };
    let lookup = |_, _| async { addresses(&["8.8.8.8"]) };
    let target = Target::with_lookup("https://a.test/", &options, lookup).await.unwrap();
    for (count, pace) in [(1_001, Pace::OneByOne), (2, Pace::Rate("11/s".parse().unwrap()))] {
        let refused = run(
            std::slice::from_ref(&target),
            &Run::new(Plan::new(count, pace), jiff::Timestamp::UNIX_EPOCH),
            |_| panic!("nothing may be made"),
            |_| panic!("nothing may be sent"),
            std::future::pending(),
        )
        .await;
        assert!(refused.is_err());
    }
}
