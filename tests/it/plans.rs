//! `ringback send` with a plan: printed as it runs, tried again, stopped, killed, and gone on with.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Folder, Output, PATIENCE, raw_receiver, receiver};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const DOWN: &[u8] = b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What a request carries: a header line, and the event.
fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {request}"))
}

fn event(request: &[u8]) -> Value {
    let at = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    serde_json::from_slice(&request[at + 4..]).unwrap()
}

#[test]
fn the_plan_is_printed_exactly_as_it_runs() {
    let folder = Folder::new();
    let (addr, requests) = raw_receiver(|stream| drop(stream.write_all(OK)));
    let url = addr.to_string();
    let plan = [
        "send",
        &url,
        "--json",
        "-c",
        "12",
        "--seed",
        "7",
        "--rate",
        "200/s",
        "--arrival",
        "poisson",
        "--jitter",
        "5ms",
        "--duplicate",
        "30%",
        "--duplicate-within",
        "30ms",
        "--simultaneous",
        "2",
        "--shuffle-window",
        "20ms",
        "--pair-order",
        "analysis-first",
        "--pair-gap",
        "10ms",
        "--fresh-id-on-redelivery",
    ];
    let dry = folder.run(&[&plan[..], &["--dry-run"]].concat()).expect(0);
    assert!(dry.stderr.ends_with("; nothing was sent\n"), "{}", dry.stderr);
    assert!(requests.try_recv().is_err());
    let printed = dry.json_lines();
    let table = folder.run(&[&plan[..2], &plan[3..], &["--dry-run"]].concat()).expect(0).stdout;
    assert_eq!(table.lines().count(), 1 + printed.len());

    let mut run = folder.run(&plan).expect(0).json_lines();
    run.sort_by_key(|attempt| attempt["delivery"].as_u64());
    let keys = ["event", "part", "eventId", "copy", "because"];
    let of_run: Vec<_> = run
        .iter()
        .map(|it| {
            let place = keys.map(|key| it["place"][key].clone());
            (it["delivery"].clone(), it["plannedMs"].clone(), place)
        })
        .collect();
    let of_plan: Vec<_> = printed
        .iter()
        .map(|it| {
            (it["delivery"].clone(), it["plannedMs"].clone(), keys.map(|key| it[key].clone()))
        })
        .collect();
    assert_eq!(of_run, of_plan);

    let mut seen: Vec<_> = requests.try_iter().map(|it| event(&it)["eventId"].clone()).collect();
    let mut planned: Vec<_> = printed.iter().map(|it| it["eventId"].clone()).collect();
    seen.sort_by_key(Value::to_string);
    planned.sort_by_key(Value::to_string);
    assert_eq!(seen, planned);
}

#[test]
fn a_trace_is_kept_at_another_speed_and_from_every_source() {
    let folder = Folder::new();
    folder.write("seconds", "10\n10.5\n\n12\n");
    folder.write(
        "exchanges.jsonl",
        "{\"number\":1,\"receivedAt\":\"2026-01-01T00:00:10.000000Z\"}\n\
         {\"number\":2,\"receivedAt\":\"2026-01-01T00:00:10.500000Z\"}\n\
         {\"number\":3,\"receivedAt\":\"2026-01-01T00:00:12.000000Z\"}\n",
    );
    for file in ["seconds", "exchanges.jsonl"] {
        let args = ["send", "localhost", "--dry-run", "--json", "--trace", file, "--speed", "10x"];
        let rows = folder.run(&args).expect(0).json_lines();
        let planned: Vec<_> = rows.iter().map(|row| row["plannedMs"].as_f64().unwrap()).collect();
        assert_eq!(planned, [0.0, 50.0, 200.0], "{file}");
    }
    folder.write("broken", "10\nsoon\n");
    let said = folder.run(&["send", "localhost", "--trace", "broken"]).expect(2).stderr;
    insta::assert_snapshot!(said, @"error: the trace `broken` cannot be used: line 2 holds no time: write seconds (`1.5`), a time (`1m 30s`), a date (`2026-01-01T00:00:00Z`) or JSON with `receivedAt`");
}

#[test]
fn a_store_of_the_recorder_is_a_trace() {
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "captured.db"]);
    let url = server.url.clone();
    folder.run(&["send", &url, "-c", "3", "--rate", "100/s"]).expect(0);
    drop(server.end());
    let args = ["send", "localhost", "--dry-run", "--json", "--trace", "captured.db"];
    let rows = folder.run(&args).expect(0).json_lines();
    assert_eq!((rows.len(), &rows[0]["plannedMs"]), (3, &Value::from(0.0)));
}

#[test]
fn what_contradicts_itself_is_told() {
    let folder = Folder::new();
    let said = |args: &[&str]| {
        let output = folder.run(&[&["send", "localhost"], args].concat()).expect(2);
        output.stderr.lines().next().unwrap().to_owned()
    };
    insta::assert_snapshot!(said(&["--rate", "5/s", "--steps", "1/s:1s"]), @"error: the argument '--rate <RATE>' cannot be used with '--steps <RATE:TIME,…>'");
    insta::assert_snapshot!(said(&["--jitter", "5ms"]), @"error: the plan cannot be run: jitter needs planned times: give a rate, a ramp, steps, bursts or a trace");
    insta::assert_snapshot!(said(&["--arrival", "poisson", "--concurrency", "5"]), @"error: `--arrival` says how events come at a rate: give `--rate`, `--ramp` or `--steps`");
    insta::assert_snapshot!(said(&["--arrival", "burst:5@1s", "--rate", "5/s"]), @"error: `--arrival burst:N@TIME` says itself when events come: leave `--rate` and the like out");
    insta::assert_snapshot!(said(&["--precise"]), @"error: `--precise` keeps planned times, and here the receiver sets the pace");
    insta::assert_snapshot!(said(&["--simultaneous", "3", "--rate", "1/s", "--in-flight-max", "2"]), @"error: 3 deliveries are to begin at once, and `--in-flight-max 2` permits fewer");
    insta::assert_snapshot!(said(&["--concurrency", "3", "--in-flight-max", "2"]), @"error: the argument '--concurrency <N>' cannot be used with '--in-flight-max <N>'");
    insta::assert_snapshot!(said(&["--retry-on", "5xx"]), @"error: the following required arguments were not provided:");
    insta::assert_snapshot!(said(&["--duplicate", "often"]), @"error: invalid value 'often' for '--duplicate <SHARE|Nx>': `often` is no share or number of duplicates: write it as `5%` or `3x`");
    insta::assert_snapshot!(said(&["--dry-run", "--duration", "1s"]), @"error: the plan has no end that could be printed");
    insta::assert_snapshot!(said(&["--run", "a", "--resume", "b"]), @"error: the argument '--run <FILE>' cannot be used with '--resume <FILE>'");
}

#[test]
fn the_summary_is_one_object_alone_on_standard_output() {
    let folder = Folder::new();
    let url = receiver("503 Service Unavailable", "later").to_string();
    let args = ["send", &url, "-c", "4", "--concurrency", "2", "--summary", "json"];
    let output = folder.run(&args).expect(1);
    let lines = output.json_lines();
    assert_eq!(lines.len(), 1);
    let summary = &lines[0];
    assert_eq!((&summary["attempts"], &summary["statuses"]["503"]), (&4.into(), &4.into()));
    assert!(summary["requests_per_second"].as_f64().unwrap() > 0.0);
    for what in ["latency_ms", "response_ms", "late_ms"] {
        assert!(summary[what]["p999"].as_f64().is_some(), "{summary}");
    }
    let both = folder.run(&[&args[..], &["--json"]].concat()).expect(1).json_lines();
    assert_eq!(both.len(), 5);
    assert_eq!(both[4]["attempts"], 4);
}

#[test]
fn many_deliveries_do_not_flood_a_terminal() {
    let folder = Folder::new();
    let url = receiver("200 OK", "fine").to_string();
    let many = ["send", &url, "-c", "101", "--concurrency", "8"];
    assert_eq!(folder.run(&many).expect(0).stdout, "");
    let all = folder.run(&[&many[..], &["--print", "all"]].concat()).expect(0);
    assert_eq!(all.stdout.matches("HTTP 200").count(), 101);
    let url = receiver("503 Service Unavailable", "").to_string();
    let failing = folder.run(&["send", &url, "-c", "103", "--concurrency", "8"]).expect(1);
    assert_eq!(failing.stdout.lines().count(), 100);
    assert!(failing.stderr.contains("3 more failures are not shown"), "{}", failing.stderr);
}

/// The receiver is down for the first tries of each event. The signed times are those of the plan.
#[test]
fn a_day_of_retries_is_signed_with_the_times_of_the_day() {
    let folder = Folder::new();
    let signed = |extra: &[&str]| {
        let (addr, requests) = failing_at_first(2);
        let url = addr.to_string();
        let args = [
            "send",
            &url,
            "--retry",
            "5m,10h",
            "--time-scale",
            "36000",
            "--secret",
            "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=",
        ];
        let output = folder.run(&[&args[..], extra].concat()).expect(0);
        assert!(output.stdout.contains("#0 (try 3) HTTP 200"), "{}", output.stdout);
        let times: Vec<i64> = requests
            .try_iter()
            .map(|it| header(&String::from_utf8(it).unwrap(), "webhook-timestamp").parse().unwrap())
            .collect();
        [times[1] - times[0], times[2] - times[1]]
    };
    let [first, second] = signed(&[]);
    assert!(first >= 300 && second >= 36_000, "{first} {second}");
    assert_eq!(signed(&["--retry-timestamp", "frozen"]), [0, 0]);
}

/// A receiver that answers 503 so often to each event, and then 200.
fn failing_at_first(times: u32) -> (SocketAddr, mpsc::Receiver<Vec<u8>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (seen, requests) = mpsc::channel();
    thread::spawn(move || {
        let mut n_of = BTreeMap::<String, u32>::new();
        while let Ok((mut stream, _)) = listener.accept() {
            let request = crate::harness::read_request(&mut stream);
            if request.is_empty() {
                continue;
            }
            let n = n_of.entry(event(&request)["eventId"].to_string()).or_default();
            *n += 1;
            let answer = if *n > times { OK } else { DOWN };
            // Told before it is answered: whatever the sender knows of, the test knows of.
            if seen.send(request).is_err() {
                break;
            }
            let _ = stream.write_all(answer);
        }
    });
    (addr, requests)
}

/// Starts the program, and lets the test read it line by line.
fn start(folder: &Folder, args: &[&str]) -> Child {
    let mut command = folder.ringback();
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// A day of deliveries, each of which fails at first, within seconds; killed in the middle, and gone on
/// with. What was printed as answered is not sent again, and nothing is left out.
#[test]
fn a_day_that_is_killed_in_the_middle_goes_on() {
    let folder = Folder::new();
    let (addr, requests) = failing_at_first(1);
    let url = addr.to_string();
    let args = [
        "send",
        &url,
        "--rate",
        "20/h",
        "--duration",
        "24h",
        "--retry",
        "1h,1h",
        "--time-scale",
        "21600",
        "--json",
        "--seed",
        "3",
    ];
    let mut child = start(&folder, &[&args[..], &["--run", "day.jsonl"]].concat());
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut lines = stdout.lines().map_while(Result::ok);
    let mut answered = BTreeSet::new();
    let take = |line: &str, answered: &mut BTreeSet<String>| {
        let attempt: Value = serde_json::from_str(line).unwrap();
        if attempt["answered"]["status"] == 200 {
            answered.insert(attempt["place"]["eventId"].as_str().unwrap().to_owned());
        }
    };
    while answered.len() < 150 {
        take(&lines.next().unwrap(), &mut answered);
    }
    child.kill().unwrap();
    // What is still in the pipe was printed too; its last line may have been cut off.
    for line in lines.filter(|line| line.ends_with('}')) {
        take(&line, &mut answered);
    }
    child.wait().unwrap();
    assert!(answered.len() < 470, "killed in the middle: {}", answered.len());
    let n_before = requests.try_iter().count();
    assert!(n_before < 960, "{n_before}");

    // A line that was half written when the machine stopped.
    let mut state =
        std::fs::OpenOptions::new().append(true).open(folder.path("day.jsonl")).unwrap();
    state.write_all(b"{\"delivery\":4").unwrap();
    drop(state);

    let resumed = folder.run(&[&args[..], &["--resume", "day.jsonl"]].concat()).expect(0);
    assert!(resumed.stderr.contains(" over before, "), "{}", resumed.stderr);
    let after: Vec<String> =
        requests.try_iter().map(|it| event(&it)["eventId"].as_str().unwrap().to_owned()).collect();
    assert!(!after.is_empty());
    for id in &after {
        assert!(!answered.contains(id), "{id} was answered, and sent again");
    }
    for line in resumed.stdout.lines() {
        take(line, &mut answered);
    }
    // Those whose outcome was kept and not yet printed when it was killed are few.
    let kept = folder.read("day.jsonl");
    let over = kept.lines().filter(|line| line.contains("\"status\":200")).count();
    assert_eq!(over, 480);
    assert!(answered.len() >= 470, "{}", answered.len());

    let again = folder.run(&[&args[..], &["--resume", "day.jsonl"]].concat()).expect(0);
    assert_eq!(again.stdout, "");
    assert!(again.stderr.contains("480 over before"), "{}", again.stderr);
}

#[test]
fn a_run_goes_on_only_as_what_it_was() {
    let folder = Folder::new();
    let url = receiver("200 OK", "").to_string();
    folder.run(&["send", &url, "-c", "2", "--run", "run"]).expect(0);
    let said = |args: &[&str]| {
        let stderr = folder.run(&[&["send", &url], args].concat()).expect(2).stderr;
        stderr.replace(&url, "[receiver]")
    };
    insta::assert_snapshot!(said(&["-c", "3", "--resume", "run"]), @r"
    error: the run `run` cannot be used: its plan is another: `2 deliveries, one by one` there, `3 deliveries, one by one` now
    hint: a run goes on with the flags that it was begun with
    ");
    insta::assert_snapshot!(said(&["-c", "2", "--run", "run"]), @r"
    error: the run `run` cannot be used: it is there already
    hint: `--resume` goes on with the run in it; another name begins another
    ");
    assert!(
        said(&["-c", "2", "--seed", "2", "--resume", "run"]).contains("its first event is another")
    );
    folder.write("other", "{\"a\":1}\n");
    assert!(said(&["--resume", "other"]).contains("it is no file that `send --run` has written"));
    folder.write("empty", "");
    assert!(said(&["--resume", "empty"]).contains("it has no whole line"));
    let kept = folder.read("run");
    folder.write("broken", kept.replacen("{\"delivery\":0", "{\"delivery\":x", 1));
    assert!(said(&["-c", "2", "--resume", "broken"]).contains("line 2 is no outcome"));
}

/// Nobody answers; the run is to end all the same, and to say what it came to.
#[test]
fn an_interrupt_ends_a_run_that_hangs_and_it_still_reports() {
    let folder = Folder::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = listener.local_addr().unwrap().to_string();
    let args =
        ["send", &url, "--rate", "100/s", "-c", "100000", "--timeout", "60s", "--summary", "json"];
    let mut child = start(&folder, &args);
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_exact(&mut [0; 16]).unwrap();
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = child.wait().unwrap().code();
        let _ = done.send(Output { code, stdout, stderr });
    });
    // Far less than the answers would take.
    let output = is_done.recv_timeout(Duration::from_secs(20)).unwrap().expect(130);
    let summary = &output.json_lines()[0];
    assert_eq!(summary["stopped"], true);
    assert!(summary["given_up"].as_u64().unwrap() >= 1, "{summary}");
    assert_eq!(summary["given_up"], summary["sent"]);
    assert_eq!(summary["planned"], 100_000);
    assert!(output.stderr.contains("stopped: "), "{}", output.stderr);
}
