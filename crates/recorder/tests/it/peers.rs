//! nginx and HAProxy before and behind the proxy: as many requests come out as went in, with the same
//! bodies, and each gets its own reply.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ringback_exchange::Content;
use ringback_recorder::{Body, Config, ScriptedReply, Template};

use crate::support::{config, exchanges, forward, record, reply, route, script};

/// How many requests go through each chain.
const COUNT: usize = 120;

/// Sends requests of all sizes over four connections that are kept, by length and in chunks, and checks
/// that each reply is the one to its request.
const CLIENT: &str = r"
import http.client, sys, threading
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def body(n): return bytes((n + at) % 256 for at in range(n * 977 % 70000))
def send(numbers):
    connection = http.client.HTTPConnection(host, port, timeout=60)
    for n in numbers:
        sent = body(n)
        headers = {'x-n': str(n), 'x-two': 'a, b', 'accept': '*/*'}
        if n % 3 == 0:
            parts = [sent[at:at + 4000] for at in range(0, len(sent), 4000)]
            connection.request('POST', f'/n/{n}?q=%20{n}', iter(parts), headers, encode_chunked=True)
        else:
            connection.request('POST', f'/n/{n}?q=%20{n}', sent, headers)
        answer = connection.getresponse()
        got = answer.read()
        assert (answer.status, got) == (201, f'{n}'.encode()), (n, answer.status, got)
failed = []
def watched(numbers):
    try: send(numbers)
    except BaseException as error: failed.append(repr(error))
threads = [threading.Thread(target=watched, args=(range(first, count, 4),)) for first in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit('; '.join(failed) or 0)
";

/// A proxy that is not ours, and ends with its test.
struct Peer {
    child: Child,
    addr: SocketAddr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Asked and not killed: nginx would leave its worker behind.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Tells whether a program is there; in CI it must be.
#[expect(clippy::print_stderr, reason = "who runs the tests should know what was passed over")]
fn has(command: &str, arg: &str) -> bool {
    let mut peer = Command::new(command);
    peer.arg(arg).stdout(Stdio::null()).stderr(Stdio::null());
    if peer.status().is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(std::env::var_os("RINGBACK_PEERS").is_none(), "`{command} {arg}` fails");
    eprintln!("passed over: `{command} {arg}` fails here");
    false
}

/// Starts a program that serves on its standard input, which is a socket that listens already: nobody has
/// to wait until it is up.
fn serve(command: &mut Command, socket: TcpListener) -> Peer {
    let addr = socket.local_addr().unwrap();
    let child = command.stdin(OwnedFd::from(socket)).stdout(Stdio::null()).spawn().unwrap();
    Peer { child, addr }
}

fn nginx(folder: &Path, to: SocketAddr) -> Peer {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let at = folder.display();
    let text = format!(
        "daemon off; worker_processes 1; user root; pid {at}/pid; error_log stderr error;
         events {{ worker_connections 256; }}
         http {{
             access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b;
             fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;
             server {{
                 listen {addr};
                 location / {{ proxy_pass http://{to}; proxy_http_version 1.1; }}
             }}
         }}"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(&file);
    // It takes over the sockets whose numbers it finds here, and says so.
    command.env("NGINX", "0;").stderr(Stdio::null());
    serve(&mut command, socket)
}

fn haproxy(folder: &Path, to: SocketAddr) -> Peer {
    let text = format!(
        "defaults
             mode http
             timeout connect 10s
             timeout client 60s
             timeout server 60s
         listen here
             bind fd@0
             server there {to}\n"
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, text).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    serve(Command::new("haproxy").arg("-db").arg("-f").arg(&file), socket)
}

async fn chain(peer: fn(&Path, SocketAddr) -> Peer, is_before: bool) {
    let folder = tempfile::tempdir().unwrap();
    let template = Template::new("{{ headers['x-n'] }}").unwrap();
    let echo = ScriptedReply { body: Body::Template(template), ..reply(201, "") };
    let answer = script(vec![route("POST", "/n/{n}", vec![echo])]);
    let (receiver, received) = record(Config { answer, ..config() }).await;
    // Kept until the end of the test.
    let (first, _kept, recording) = if is_before {
        let answer = forward(&receiver.url());
        let (proxy, recording) = record(Config { answer, ..config() }).await;
        let peer = peer(folder.path(), proxy.addr());
        (peer.addr, (peer, proxy), recording)
    } else {
        let peer = peer(folder.path(), receiver.addr());
        let answer = forward(&format!("http://{}/", peer.addr));
        let (proxy, recording) = record(Config { answer, ..config() }).await;
        (proxy.addr(), (peer, proxy), recording)
    };
    let (host, port) = (first.ip().to_string(), first.port().to_string());
    let client = tokio::task::spawn_blocking(move || {
        let mut python = Command::new("python3");
        python.args(["-c", CLIENT, &host, &port, &COUNT.to_string()]).output().unwrap()
    });
    let output = client.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    for recording in [recording, received] {
        let mut seen = vec![0; COUNT];
        for exchange in exchanges(&recording, COUNT).await {
            let request = exchange.request;
            let n: usize = request.headers.get("x-n").unwrap().parse().unwrap();
            seen[n] += 1;
            let body: Vec<u8> =
                (0..n * 977 % 70_000).map(|at| u8::try_from((n + at) % 256).unwrap()).collect();
            assert_eq!(request.body, Content::from(body), "{n}");
            assert_eq!(request.target, format!("/n/{n}?q=%20{n}"));
            assert_eq!(request.headers.get("x-two"), Some("a, b"));
        }
        assert!(seen.iter().all(|times| *times == 1), "each once: {seen:?}");
    }
}

#[tokio::test]
async fn nginx_before_and_behind() {
    if has("nginx", "-v") && has("python3", "--version") {
        chain(nginx, true).await;
        chain(nginx, false).await;
    }
}

#[tokio::test]
async fn haproxy_before_and_behind() {
    if has("haproxy", "-v") && has("python3", "--version") {
        chain(haproxy, true).await;
        chain(haproxy, false).await;
    }
}
