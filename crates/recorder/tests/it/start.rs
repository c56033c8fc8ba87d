//! What is told before anything runs.

use std::error::Error;
use std::net::SocketAddr;

use ringback_recorder::{Config, Listener, StartError};

use crate::support::{config, forward, reply, route, say, script, start, status};

#[tokio::test]
async fn a_port_in_use_is_told_with_a_hint() {
    let first = start(config()).await;
    let addr = first.addr();
    let error = Listener::start(Config { addr, ..config() }).await.unwrap_err();
    assert!(matches!(error, StartError::AddrInUse { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("address `{addr}` is in use"));
    assert!(error.source().is_some());
    assert!(error.hint().unwrap().contains("port 0"));

    // The one that was there first has not been disturbed, and leaves the port when it goes.
    assert_eq!(status(&say(&first, "GET / HTTP/1.1\r\n\r\n").await), 200);
    assert_eq!(first.finish().await.cut, 0);
    let second = start(Config { addr, ..config() }).await;
    assert_eq!(second.addr(), addr);
}

#[tokio::test]
async fn an_address_of_another_machine_is_told() {
    let addr = SocketAddr::from(([192, 0, 2, 1], 0));
    let error = Listener::start(Config { addr, ..config() }).await.unwrap_err();
    assert_eq!(error.to_string(), "address `192.0.2.1:0` cannot be listened on");
}

#[tokio::test]
async fn the_url_can_be_called_even_when_every_address_is_listened_on() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let listener = start(Config { addr: everywhere, ..config() }).await;
    let port = listener.addr().port();
    assert_ne!(port, 0);
    assert_eq!(listener.url(), format!("http://127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_script_or_target_that_cannot_work_stops_the_start() {
    let answer = script(vec![route("POST", "/a", vec![reply(42, "")])]);
    let error = Listener::start(Config { answer, ..config() }).await.unwrap_err();
    assert!(matches!(error, StartError::Route { .. }), "{error:?}");

    let answer = forward("ws://127.0.0.1/");
    let error = Listener::start(Config { answer, ..config() }).await.unwrap_err();
    assert!(matches!(error, StartError::Target { .. }), "{error:?}");
}
