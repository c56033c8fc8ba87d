//! The sender beside wrk and oha, in turn, against one sink: requests a second and CPU a request.
//!
//! `cargo bench -p ringback-sender` runs each for two seconds, three times round, and prints medians. The
//! sink is this program again, in a process of its own, on the first core; whoever sends is on the
//! second, where the machine has two. Ratios within one run are what counts: a machine that does other
//! things changes all of them alike. What is not installed is said and left out.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringback_exchange::Outcome;
use ringback_sender::{
    Delivery, Engine, Options, Pace, Plan, Prepared, Run, Settled, Target, Try, run, send_once,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What an event of Oration weighs, about.
const BODY_BYTES: usize = 5 * 1024;
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_secs(2);

fn main() {
    let args: Vec<_> = std::env::args().collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match args[1..] {
        ["sink"] => runtime.block_on(sink()),
        ["send", way, url] => runtime.block_on(send(way, url)),
        _ => compare(),
    }
}

// ---------------------------------------------------------------- what is compared

/// Those that send, with the command for each.
fn contenders(url: &str, folder: &std::path::Path) -> Vec<(&'static str, Vec<String>)> {
    let body = folder.join("body.json");
    std::fs::write(&body, body_of(0)).unwrap();
    let lua = folder.join("post.lua");
    let script = format!(
        "wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nlocal f = io.open('{}')\nwrk.body = f:read('*a')\n",
        body.display()
    );
    std::fs::write(&lua, script).unwrap();
    let seconds = format!("{}s", TIME.as_secs());
    let connections = CONNECTIONS.to_string();
    let command = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let me = std::env::current_exe().unwrap();
    let me = me.to_str().unwrap();
    let lua = lua.to_str().unwrap();
    let body = body.to_str().unwrap();
    vec![
        ("wrk", command(&["wrk", "-t1", "-c", &connections, "-d", &seconds, "-s", lua, url])),
        (
            "oha",
            command(&[
                "oha",
                "-z",
                &seconds,
                "-c",
                &connections,
                "--no-tui",
                "--worker-threads",
                "1",
                "-m",
                "POST",
                "-D",
                body,
                "--output-format",
                "json",
                url,
            ]),
        ),
        ("wire", command(&[me, "send", "wire", url])),
        ("wire, run", command(&[me, "send", "wire-run", url])),
        ("reqwest", command(&[me, "send", "reqwest", url])),
    ]
}

/// What one turn came to.
#[derive(Debug, Clone, Copy)]
struct Turn {
    per_second: f64,
    cpu_us: f64,
}

fn compare() {
    let sink = Sink::start();
    let folder = std::env::temp_dir().join(format!("ringback-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let contenders = contenders(&sink.url, &folder);
    let mut turns = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for ((name, command), turns) in contenders.iter().zip(&mut turns) {
            turns.extend(turn(name, command));
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();

    let median = |turns: &[Turn], of: fn(&Turn) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let per_second: Vec<_> = turns.iter().map(|it| median(it, |turn| turn.per_second)).collect();
    let ratio = |mine: f64, other: Option<f64>| {
        other.map_or_else(|| "-".to_owned(), |other| format!("{:.2}", mine / other))
    };
    println!(
        "{CONNECTIONS} connections, {BODY_BYTES} byte POST, medians of {ROUNDS} turns of {TIME:?}\n"
    );
    println!("{:<10} {:>10} {:>8} {:>8} {:>12}", "", "requests/s", "x wrk", "x oha", "CPU us/req");
    for (n, (name, _)) in contenders.iter().enumerate() {
        match (per_second[n], median(&turns[n], |turn| turn.cpu_us)) {
            (Some(mine), Some(cpu)) => println!(
                "{name:<10} {mine:>10.0} {:>8} {:>8} {cpu:>12.1}",
                ratio(mine, per_second[0]),
                ratio(mine, per_second[1])
            ),
            _ => println!("{name:<10} not found"),
        }
    }
}

/// Runs a command on the second core and reads how much it sent and what that took.
fn turn(name: &str, command: &[String]) -> Option<Turn> {
    // The shell's own clock of what its children took; the standard library has none.
    let quoted: Vec<_> = command.iter().map(|word| format!("'{word}'")).collect();
    let script = format!("TIMEFORMAT=$'\\ncpu %U %S'; time {} 2>&1", quoted.join(" "));
    let mut shell = pinned(1, "bash");
    let output = shell.args(["-c", &script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return None;
    }
    let number = |text: &str| text.trim().trim_end_matches(',').parse::<f64>().ok();
    let after = |mark: &str| {
        let rest = &text[text.find(mark)? + mark.len()..];
        number(rest.split_whitespace().next()?)
    };
    let (count, per_second) = match name {
        "wrk" => {
            let line = text.lines().find(|line| line.contains(" requests in "))?;
            (number(line.split_whitespace().next()?)?, after("Requests/sec:")?)
        }
        "oha" => (after("\"200\":")?, after("\"requestsPerSec\":")?),
        _ => (after("sent ")?, after("rate ")?),
    };
    let cpu = text.lines().rev().find_map(|line| line.strip_prefix("cpu "))?;
    let cpu: f64 = cpu.split_whitespace().filter_map(number).sum();
    Some(Turn { per_second, cpu_us: cpu * 1e6 / count })
}

/// A command on one core, where that can be had.
fn pinned(core: usize, program: &str) -> Command {
    let core = core.to_string();
    let can = Command::new("taskset").args(["-c", &core, "true"]).stderr(Stdio::null()).status();
    if can.is_ok_and(|status| status.success()) {
        let mut command = Command::new("taskset");
        command.args(["-c", &core, program]);
        command
    } else {
        Command::new(program)
    }
}

// ---------------------------------------------------------------- ours

/// A body that no other has: a number in a template.
fn body_of(n: u64) -> Vec<u8> {
    let mut body = Vec::with_capacity(BODY_BYTES);
    body.extend_from_slice(format!("{{\"eventId\":\"evt_{n:016}\",\"text\":\"").as_bytes());
    body.resize(BODY_BYTES - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

async fn send(way: &str, url: &str) {
    let engine = if way == "reqwest" { Engine::Reqwest } else { Engine::Wire };
    let options =
        Options { engine: Some(engine), in_flight_max: CONNECTIONS, ..Options::default() };
    let target = Target::new(url, &options).await.unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let begin = tokio::time::Instant::now();
    if way == "wire-run" {
        let most = NonZeroU32::new(u32::try_from(CONNECTIONS).unwrap()).unwrap();
        let plan = Plan::new(10_000_000, Pace::Concurrent(most));
        let how = Run::new(plan, jiff::Timestamp::UNIX_EPOCH);
        let deliveries = |attempt: &Try| {
            let delivery = Delivery::new(attempt.turn.delivery, body_of(attempt.turn.delivery));
            Some(Prepared { delivery, event_id: None, target: 0 })
        };
        let on_attempt = |Settled { attempt, .. }: Settled| {
            assert!(matches!(attempt.outcome, Outcome::Answered(_)), "{attempt:?}");
            sent.fetch_add(1, Ordering::Relaxed);
        };
        run(std::slice::from_ref(&target), &how, deliveries, on_attempt, tokio::time::sleep(TIME))
            .await
            .unwrap();
    } else {
        let mut loops = JoinSet::new();
        for n in 0..CONNECTIONS as u64 {
            let (target, sent) = (target.clone(), sent.clone());
            loops.spawn(async move {
                let mut index = n << 32;
                while begin.elapsed() < TIME {
                    let attempt = send_once(&target, Delivery::new(index, body_of(index))).await;
                    assert!(matches!(attempt.outcome, Outcome::Answered(_)), "{attempt:?}");
                    sent.fetch_add(1, Ordering::Relaxed);
                    index += 1;
                }
            });
        }
        loops.join_all().await;
    }
    let sent = sent.load(Ordering::Relaxed);
    #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
    let rate = sent as f64 / begin.elapsed().as_secs_f64();
    println!("sent {sent}\nrate {rate}");
}

// ---------------------------------------------------------------- the sink

/// A process that answers everything with 200.
struct Sink {
    child: Child,
    url: String,
}

impl Sink {
    fn start() -> Self {
        let me = std::env::current_exe().unwrap();
        let mut command = pinned(0, me.to_str().unwrap());
        let mut child = command.arg("sink").stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn sink() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/hooks", listener.local_addr().unwrap());
    let mut connections = JoinSet::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        connections.spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            let mut end = 0;
            loop {
                match stream.read(&mut buffer[end..]).await {
                    Ok(0) | Err(_) => return,
                    Ok(n) => end += n,
                }
                // One request at a time: nobody here sends the next before the answer.
                if is_whole(&buffer[..end]) {
                    end = 0;
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let name = b"content-length: ";
    let is_name = |at: &[u8]| at.eq_ignore_ascii_case(name);
    let length = bytes[..head].windows(name.len()).position(is_name).map(|at| {
        let digits = bytes[at + name.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |n, digit| n * 10 + usize::from(digit - b'0'))
    });
    bytes.len() >= head + 4 + length.unwrap_or_default()
}
