//! Capture in memory: this recorder beside bare hyper that does the same, under the same load.
//!
//! `cargo bench -p ringback-recorder --bench capture [-- ROUNDS [SECONDS]]` runs the two in turn, each in
//! a process of its own on one core, loaded from the other core with distinct bodies of 5 KiB over 64
//! connections. It prints requests a second and processor time per request, which is the steadier of the
//! two, and their ratios; then what a full recording takes of memory beyond its room, and an idle
//! connection. Figures compare within one run only.
//!
//! The built program with `serve hyper|memory|nothing` is one of the servers alone, for a load of one's own.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "it prints what it has measured")]

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use ringback_recorder::{Answer, Clock, Config, Keep, Limits, Listener, Recording, Room};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 64;
const BODY_BYTES: usize = 5 << 10;
const IDLE: usize = 2_000;

/// Enough for any run here: what is measured is keeping, not refusing.
const ENDLESS: Room = Room { exchanges: usize::MAX, bytes: usize::MAX };

/// A room that is soon full.
const SMALL: Room = Room { exchanges: usize::MAX, bytes: 64 << 20 };

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", server] => serve(server),
        // `cargo bench` puts a word of its own at the end; without it these are tests, and there is none.
        [ref numbers @ .., "--bench"] => {
            let number = |at: usize, or: u64| numbers.get(at).map_or(or, |it| it.parse().unwrap());
            compare(usize::try_from(number(0, 5)).unwrap(), Duration::from_secs(number(1, 3)));
        }
        _ => {}
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

// The servers.

fn serve(server: &str) {
    runtime().block_on(async {
        match server {
            "hyper" => bare_hyper().await,
            "memory" => ringback(Keep::Memory(Recording::new(ENDLESS))).await,
            "small" => ringback(Keep::Memory(Recording::new(SMALL))).await,
            "nothing" => ringback(Keep::Nothing).await,
            _ => panic!("serve hyper, memory, small or nothing"),
        }
    });
}

async fn ringback(keep: Keep) {
    let hour = Duration::from_secs(3600);
    let listener = Listener::start(Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        answer: Answer::Ok,
        receipt: None,
        keep,
        keep_alive: true,
        strict: false,
        h2c: false,
        tls: None,
        limits: Limits { first_byte: hour, head: hour, ..Limits::STANDARD },
        #[expect(clippy::disallowed_methods, reason = "reading the clock is part of the work")]
        clock: Clock::new(Timestamp::now),
        on_exchange: None,
        feed: None,
    })
    .await
    .unwrap();
    println!("{}", listener.addr());
    std::future::pending::<()>().await;
}

/// What bare hyper keeps of a request. Copied out of the read buffer, which would stay in memory with it.
struct Kept {
    _method: Method,
    _target: String,
    _headers: Vec<(HeaderName, Vec<u8>)>,
    _body: Vec<u8>,
}

/// The same in the fewest lines: head and body are kept.
async fn bare_hyper() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", socket.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::<Kept>::new()));
    loop {
        let (stream, _) = socket.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let kept = Arc::clone(&kept);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let kept = Arc::clone(&kept);
                async move {
                    let (head, mut incoming) = request.into_parts();
                    let mut body = Vec::new();
                    while let Some(frame) = incoming.frame().await {
                        if let Ok(data) = frame.unwrap().into_data() {
                            body.extend_from_slice(&data);
                        }
                    }
                    let headers = head.headers.iter();
                    let headers =
                        headers.map(|(name, value)| (name.clone(), value.as_bytes().to_vec()));
                    let kept_one = Kept {
                        _method: head.method,
                        _target: head.uri.to_string(),
                        _headers: headers.collect(),
                        _body: body,
                    };
                    kept.lock().unwrap().push(kept_one);
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
                }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).half_close(true);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

// The load.

/// A server in a process of its own, on the first core.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(server: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", server])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        pin(child.id(), 0);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, addr: line.trim().parse().unwrap() }
    }

    /// Processor time so far, in user and system, in microseconds.
    fn cpu_us(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The second field may hold anything but ends in the last parenthesis.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
        // Linux has counted these in hundredths of a second for as long as it has had /proc.
        (ticks(11) + ticks(12)) * 10_000
    }

    /// A line of its status, in KiB.
    fn memory_kib(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where there is no taskset the two share the cores, and the figures are noisier.
fn pin(process: u32, core: usize) {
    let mut taskset = Command::new("taskset");
    taskset.args(["-pc", &core.to_string(), &process.to_string()]).stdout(Stdio::null());
    let _ = taskset.stderr(Stdio::null()).status();
}

/// Sends requests over all connections for some time; returns how many were answered 200.
async fn load(addr: SocketAddr, bodies: &Arc<Vec<Vec<u8>>>, time: Duration) -> u64 {
    let end = Instant::now() + time;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CONNECTIONS {
        let bodies = Arc::clone(bodies);
        clients.spawn(async move {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut answered, mut buffer) = (0, [0; 1024]);
            for at in (client..).step_by(CONNECTIONS) {
                if Instant::now() >= end {
                    break;
                }
                stream.write_all(&bodies[at % bodies.len()]).await.unwrap();
                let mut length = 0;
                // The 503 of a full recording has a body, which ends in the first read too.
                while !buffer[..length].windows(4).any(|part| part == b"\r\n\r\n") {
                    length += match stream.read(&mut buffer[length..]).await.unwrap() {
                        0 => panic!("the server has gone"),
                        count => count,
                    };
                }
                answered += u64::from(buffer.starts_with(b"HTTP/1.1 200"));
            }
            answered
        });
    }
    clients.join_all().await.into_iter().sum()
}

/// Requests that differ from each other, heads and all.
fn requests() -> Vec<Vec<u8>> {
    let request = |number: usize| {
        let begin = format!("{{\"number\":{number},\"text\":\"");
        let filler =
            (0..).map(|at| char::from(b'a' + u8::try_from((number * 7 + at * at) % 26).unwrap()));
        let text: String = filler.take(BODY_BYTES - begin.len() - 2).collect();
        let head = format!(
            "POST /hooks HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nX-Number: {number}\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
        );
        format!("{head}{begin}{text}\"}}").into_bytes()
    };
    (0..1_000).map(request).collect()
}

/// What one round of one server has shown.
#[derive(Clone, Copy)]
struct Round {
    per_second: f64,
    cpu_us: f64,
}

fn compare(rounds: usize, time: Duration) {
    pin(std::process::id(), 1);
    let runtime = runtime();
    let bodies = Arc::new(requests());
    let servers = ["hyper", "memory", "nothing"];
    let mut seen: [Vec<Round>; 3] = Default::default();
    for _ in 0..rounds {
        for (server, seen) in servers.iter().zip(&mut seen) {
            let server = Server::start(server);
            runtime.block_on(load(server.addr, &bodies, Duration::from_millis(300)));
            let before = server.cpu_us();
            let answered = runtime.block_on(load(server.addr, &bodies, time));
            let cpu_us = (server.cpu_us() - before) as f64 / answered as f64;
            seen.push(Round { per_second: answered as f64 / time.as_secs_f64(), cpu_us });
        }
    }
    println!(
        "{CONNECTIONS} connections, {BODY_BYTES} bytes, medians of {rounds} rounds of {time:?}"
    );
    let hyper = median(&seen[0]);
    for (server, seen) in servers.iter().zip(&seen) {
        let Round { per_second, cpu_us } = median(seen);
        println!(
            "{server:8} {per_second:7.0}/s ({:.2} of hyper)  {cpu_us:5.1} us of a core each ({:.2} of hyper)",
            per_second / hyper.per_second,
            hyper.cpu_us / cpu_us,
        );
    }

    let small = Server::start("small");
    let answered = runtime.block_on(load(small.addr, &bodies, time));
    let beyond = small.memory_kib("VmHWM") as f64 / 1024.0 - (SMALL.bytes >> 20) as f64;
    println!(
        "a recording of 64 MiB under endless load: {answered} kept, {beyond:.0} MiB beyond its room"
    );
    drop(small);

    for (server, asks) in [("hyper", false), ("nothing", false), ("hyper", true), ("nothing", true)]
    {
        let server_process = Server::start(server);
        runtime.block_on(load(server_process.addr, &bodies, Duration::from_millis(300)));
        let before = server_process.memory_kib("VmRSS");
        let idle = runtime.block_on(idle(server_process.addr, &bodies[0], asks));
        let each =
            server_process.memory_kib("VmRSS").saturating_sub(before) as f64 / idle.len() as f64;
        let after = if asks { "after a request" } else { "that says nothing" };
        println!("{server}: {each:.1} KiB for a connection {after}");
    }
}

async fn idle(addr: SocketAddr, request: &[u8], asks: bool) -> Vec<TcpStream> {
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        if asks {
            stream.write_all(request).await.unwrap();
            stream.read_exact(&mut [0; 12]).await.unwrap();
        }
        idle.push(stream);
    }
    // The last of them has been accepted when one that came after it is answered.
    let mut last = TcpStream::connect(addr).await.unwrap();
    last.write_all(request).await.unwrap();
    last.read_exact(&mut [0; 12]).await.unwrap();
    idle
}

/// The middle of the rounds by processor time.
fn median(rounds: &[Round]) -> Round {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(|a, b| a.cpu_us.total_cmp(&b.cpu_us));
    rounds[rounds.len() / 2]
}
