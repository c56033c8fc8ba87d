//! Where the program connects to: watched from outside, by the system.

use std::fs;
use std::net::IpAddr;
use std::process::Command;

use proptest::prelude::*;

use crate::harness::{Folder, Output, finish, has_peer, raw_receiver};

/// Runs the program under strace, and returns what it left and the addresses it connected to.
fn traced(folder: &Folder, args: &[&str]) -> (Output, Vec<IpAddr>) {
    let log = folder.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o"]).arg(&log);
    command.arg(env!("CARGO_BIN_EXE_ringback")).args(args).env_clear();
    let output = finish(&mut command, b"");
    let log = fs::read_to_string(log).unwrap();
    let after = |line: &str, mark: &str| {
        let rest = &line[line.find(mark)? + mark.len()..];
        rest.split('"').next()?.parse::<IpAddr>().ok()
    };
    let addresses = log.lines().filter_map(|line| {
        after(line, "inet_addr(\"").or_else(|| after(line, "inet_pton(AF_INET6, \""))
    });
    let addresses = addresses.collect();
    (output, addresses)
}

fn can_trace() -> bool {
    has_peer("strace", &["-qq", "-e", "trace=none", "true"])
}

/// The watch itself can see: what is permitted is seen.
#[test]
fn a_receiver_on_this_machine_is_connected_to() {
    if !can_trace() {
        return;
    }
    let folder = Folder::new();
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for engine in ["reqwest", "wire"] {
        let (addr, _requests) =
            raw_receiver(move |stream| drop(std::io::Write::write_all(stream, answer)));
        let (output, addresses) = traced(&folder, &["send", &addr.to_string(), "--engine", engine]);
        output.expect(0);
        assert_eq!(addresses, [addr.ip()], "{engine}");
    }
}

/// Somewhere beyond this machine, and what is said in its favour that is not enough.
fn elsewhere() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::select(vec![
        vec!["http://10.1.2.3/"],
        vec!["http://10.1.2.3/", "--allow-host", "10.1.2.4"],
        vec!["http://10.1.2.3:8080/", "--allow-host", "10.1.2.3:80"],
        vec!["https://192.168.7.7/hooks", "--i-own", "192.168.7.7"],
        vec!["http://[fd00::1]/"],
        vec!["http://8.8.8.8/", "--allow-host", "8.8.8.8", "--i-own", "8.8.8.8"],
        vec!["https://8.8.8.8/"],
        vec!["https://8.8.8.8/", "--allow-host", "8.8.8.8"],
        vec!["https://8.8.8.8/", "--i-own", "8.8.8.8"],
        vec!["https://[2606:4700::1111]/", "--allow-host", "8.8.8.8"],
        vec!["http://169.254.169.254/", "--allow-host", "169.254.169.254"],
        vec![
            "https://169.254.169.254/",
            "--allow-host",
            "169.254.169.254",
            "--i-own",
            "169.254.169.254",
        ],
        vec!["http://[fe80::1]/", "--allow-host", "[fe80::1]"],
        vec!["http://224.0.0.1/", "--allow-host", "224.0.0.1"],
        vec!["http://0.0.0.0/", "--allow-host", "0.0.0.0"],
        vec!["http://0x0a010203/"],
        vec!["http://a.test/", "--resolve", "a.test:80:10.1.2.3"],
        vec![
            "http://a.test/",
            "--resolve",
            "a.test:80:127.0.0.1,8.8.8.8",
            "--allow-host",
            "a.test",
        ],
        vec!["http://localhost/", "--resolve", "localhost:80:10.1.2.3"],
    ])
}

/// A recording of requests that went elsewhere.
const RECORDING: &str = r#"{"number":1,"receivedAt":"2026-01-02T03:04:05Z","peer":"8.8.8.8:1","version":"HTTP/1.1","request":{"method":"POST","target":"http://8.8.8.8/a","headers":[["host","8.8.8.8"]],"body":"{}"}}
{"number":2,"receivedAt":"2026-01-02T03:04:05Z","peer":"8.8.8.8:1","version":"HTTP/1.1","request":{"method":"POST","target":"//8.8.8.8/","headers":[],"body":"{}"}}
"#;

/// What else can stand on a command line.
fn others() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let all = vec![
        vec!["--engine", "wire"],
        vec!["--http2"],
        vec!["--insecure"],
        vec!["--fault", "reset"],
        vec!["--fault", "hold@50%"],
        vec!["--fault", "absolute-target"],
        vec!["--chunked"],
        vec!["--expect-continue"],
        vec!["--gzip"],
        vec!["--max-rate", "5000"],
        vec!["-H", "Host: localhost"],
        vec!["-X", "PUT"],
        vec!["--count", "2"],
        vec!["--rate", "100/s"],
        vec!["--json"],
        vec!["--seed", "7"],
        vec!["--connect-timeout", "1s"],
        vec!["--first-byte-timeout", "1s"],
    ];
    let most = all.len();
    prop::sample::subsequence(all, 0..=most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever else is on the command line: no socket goes to another machine without leave.
    #[test]
    fn no_argument_list_opens_a_socket_to_another_machine(
        is_replay: bool,
        to in elsewhere(),
        others in others(),
    ) {
        if !can_trace() {
            return Ok(());
        }
        let folder = Folder::new();
        // What was recorded says where it went; nothing goes there.
        let recording = folder.write("recording.jsonl", RECORDING);
        let mut args = vec!["send"];
        if is_replay {
            args = vec!["replay", recording.to_str().unwrap(), "--keep-path"];
        }
        args.extend(&to);
        args.extend(others.iter().flatten());
        let (output, addresses) = traced(&folder, &args);
        prop_assert_eq!(addresses, Vec::<IpAddr>::new(), "{:?}: {:?}", args, output);
        prop_assert!(matches!(output.code, Some(2 | 3)), "{:?}: {:?}", args, output);
    }
}

/// A network of its own in which 10.1.2.3 and 8.8.8.8 are this machine, with a server for each, and the
/// program in it. The server on 8.8.8.8 consents when its file says so.
const NETWORK: &str = r#"
set -e
ip link set lo up
ip addr add 10.1.2.3/32 dev lo
ip addr add 8.8.8.8/32 dev lo
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=a.test -days 2 -keyout key.pem -out cert.pem 2>/dev/null
python3 server.py 2>server.log &
server=$!
trap 'kill $server' EXIT
while [ ! -e ready ]; do kill -0 $server; sleep 0.05; done
ringback=$1
try() {
    code=0
    "$ringback" send "$@" >out 2>err </dev/null || code=$?
    echo "$code $(grep -c '^#' out || true) $(grep -v '^warning' err | head -1 | cut -c1-100)"
}
"#;

const SERVER: &str = r#"
import http.server, os, ssl, threading, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def reply(self, body):
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/broken": self.send_error(500)
        else: self.reply(b"")
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        assert url.path == "/.well-known/ringback-consent", self.path
        nonce = urllib.parse.parse_qs(url.query)["nonce"][0]
        assert "run=" + nonce in self.headers["user-agent"], self.headers
        self.reply(nonce.encode() if os.path.exists("consents") else b"hello")
plain = http.server.ThreadingHTTPServer(("10.1.2.3", 80), Handler)
tls = http.server.ThreadingHTTPServer(("8.8.8.8", 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain("cert.pem", "key.pem")
tls.socket = context.wrap_socket(tls.socket, server_side=True)
threading.Thread(target=plain.serve_forever).start()
open("ready", "w").close()
tls.serve_forever()
"#;

/// Runs commands in the network, and returns what each said: its code, its attempts, its first line.
fn in_network(commands: &str) -> String {
    let folder = Folder::new();
    folder.write("server.py", SERVER);
    let script = folder.write("network.sh", format!("{NETWORK}{commands}"));
    let mut command = Command::new("unshare");
    command.args(["-rn", "bash"]).arg(script).arg(env!("CARGO_BIN_EXE_ringback"));
    let output = finish(command.current_dir(folder.path(".")), b"");
    let server = fs::read_to_string(folder.path("server.log")).unwrap_or_default();
    assert_eq!(output.code, Some(0), "{output:?} {server}");
    output.stdout
}

fn can_have_a_network() -> bool {
    let script = "ip link set lo up && ip addr add 10.1.2.3/32 dev lo";
    has_peer("unshare", &["-rn", "sh", "-c", script])
        && has_peer("openssl", &["version"])
        && has_peer("python3", &["--version"])
}

#[test]
fn what_was_allowed_is_reached_and_the_internet_gets_little_unless_it_consents() {
    if !can_have_a_network() {
        return;
    }
    let said = in_network(
        r#"
try http://10.1.2.3/
try http://10.1.2.3/ --allow-host 10.1.2.3 -c 3
try http://10.1.2.3/ --allow-host 10.1.2.3 -c 3 --engine wire
try http://10.1.2.3/ --allow-host 10.1.2.3 -c 3 --rate 2000/s
try https://8.8.8.8/ --allow-host 8.8.8.8 --insecure
try https://8.8.8.8/ --allow-host 8.8.8.8 --i-own 8.8.8.8 -c 3 -k
try https://8.8.8.8/ --allow-host 8.8.8.8 --i-own 8.8.8.8 -c 1001 -k
try https://8.8.8.8/ --allow-host 8.8.8.8 --i-own 8.8.8.8 -c 3 -k --max-rate 500
touch consents
try https://8.8.8.8/ --allow-host 8.8.8.8 --i-own 8.8.8.8 -c 1001 -k --max-rate 5000 --print all
try https://8.8.8.8/ --allow-host 8.8.8.8 --i-own 8.8.8.8 -c 30 -k --max-rate 5000 --engine wire
"#,
    );
    // The time that a run took is another each time.
    let said: Vec<_> = said.lines().map(|line| line.split(" in ").next().unwrap()).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    3 0 error: cannot send: `10.1.2.3` is 10.1.2.3, on a private network: if its owner agrees, allow it with
    0 3 3 deliveries
    0 3 3 deliveries
    3 0 error: cannot send: the plan sends at 2000/s, and its target gets at most 1000/s: lower the rate, or
    3 0 error: cannot send: `8.8.8.8` is 8.8.8.8, on the public internet: confirm that you may send to it by
    0 3 3 deliveries
    3 0 error: cannot send: the plan has 1001 deliveries, and a target on the public internet gets at most 1
    3 0 error: cannot send: `8.8.8.8` does not consent to more than 10/s: its answer is another one; leave `
    0 1001 1001 attempts
    0 30 30 deliveries
    ");
}

/// It takes the ten seconds that the target is given.
#[test]
fn a_target_that_fails_for_ten_seconds_is_left_alone() {
    if !can_have_a_network() {
        return;
    }
    let said = in_network(
        r#"
try http://10.1.2.3/broken --allow-host 10.1.2.3 -c 100000 --rate 20/s
grep stopped err
"#,
    );
    let n: u32 = said.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(said.starts_with("3 ") && n < 1_000, "{said}");
    assert!(said.contains("more than half of the attempts failed"), "{said}");
}
