//! `ringback generate --output`: corpora as files, whole or not there.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Folder, PATIENCE, exchange, finish, has_peer};

/// The names in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn manifest(folder: &Folder, name: &str) -> Value {
    serde_json::from_str(&folder.read(name)).unwrap()
}

#[test]
fn a_file_holds_what_standard_output_would_and_its_manifest_what_it_takes_to_make_it_again() {
    let folder = Folder::new();
    let args = ["generate", "-c", "12", "--seed", "42", "--event", "pair"];
    let printed = folder.run(&args).expect(0).stdout;
    for name in ["a.jsonl", "a.json", "a.http", "a.sh", "a.jsonl.zst"] {
        let said = folder.run(&[&args[..], &["-o", name]].concat()).expect(0);
        assert_eq!(said.stdout, "");
        let manifest = manifest(&folder, &format!("{name}.manifest.json"));
        assert_eq!(manifest["events"], printed.lines().count());
        assert_eq!(manifest["bytes"], printed.len());
        assert_eq!(manifest["coverage"]["events"], printed.lines().count());
        let verified = folder.run(&["generate", "--verify", &format!("{name}.manifest.json")]);
        assert!(verified.expect(0).stdout.contains("made again, the same"));
    }
    assert_eq!(folder.read("a.jsonl"), printed);
    let list: Vec<Value> = serde_json::from_str(&folder.read("a.json")).unwrap();
    assert_eq!(list.len(), printed.lines().count());
    // The digest of the events is the same in every format.
    let digest = |name: &str| manifest(&folder, &format!("{name}.manifest.json"))["sha256"].clone();
    assert_eq!(digest("a.sh"), digest("a.jsonl.zst"));

    folder.write("a.jsonl", printed.replacen("completed", "comqleted", 1));
    let verified = folder.run(&["generate", "--verify", "a.jsonl.manifest.json"]).expect(1);
    assert!(verified.stdout.contains("a.jsonl: not as it was written"), "{}", verified.stdout);
    let changed = folder.read("a.json.manifest.json").replace("\"seed\": 42", "\"seed\": 43");
    folder.write("a.json.manifest.json", changed);
    let verified = folder.run(&["generate", "--verify", "a.json.manifest.json"]).expect(1);
    assert!(verified.stdout.contains("made again, not the same"), "{}", verified.stdout);
}

#[test]
fn the_digests_are_those_of_sha256sum() {
    if !has_peer("sha256sum", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    folder.run(&["generate", "-c", "3", "-o", "a.jsonl", "--quiet"]).expect(0);
    let sum = finish(Command::new("sha256sum").arg(folder.path("a.jsonl")), b"").expect(0).stdout;
    let manifest = manifest(&folder, "a.jsonl.manifest.json");
    assert_eq!(manifest["file"]["sha256"], sum.split(' ').next().unwrap());
    assert_eq!(manifest["sha256"], manifest["file"]["sha256"], "JSON Lines are the events");
}

#[test]
fn what_zstd_packs_its_own_program_unpacks() {
    if !has_peer("zstd", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    folder.run(&["generate", "-c", "50", "-o", "a.jsonl"]).expect(0);
    folder.run(&["generate", "-c", "50", "-o", "b.jsonl.zst"]).expect(0);
    folder.run(&["generate", "-c", "50", "-o", "c", "--zstd"]).expect(0);
    for name in ["b.jsonl.zst", "c"] {
        let packed = fs::read(folder.path(name)).unwrap();
        assert!(packed.len() * 3 < folder.read("a.jsonl").len());
        let unpacked = finish(Command::new("zstd").args(["-dc"]), &packed).expect(0).stdout;
        assert!(unpacked == folder.read("a.jsonl"));
    }
}

#[test]
fn a_folder_holds_a_file_for_each_event_and_the_same_command_goes_on_where_it_was_stopped() {
    let folder = Folder::new();
    let make = |args: &[&str]| {
        folder.run(&[&["generate", "--seed", "42", "-c", "10", "-o", "d/"], args].concat())
    };
    let printed = folder.run(&["generate", "--seed", "42", "-c", "10"]).expect(0).stdout;
    // In parts, in any order, into the same folder.
    make(&["--shard", "2/2"]).expect(0);
    make(&["--shard", "1/2"]).expect(0);
    for (index, line) in printed.lines().enumerate() {
        assert_eq!(folder.read(&format!("d/{index:06}.json")), line);
    }
    assert_eq!(manifest(&folder, "d/manifest-2-of-2.json")["calls"], serde_json::json!([5, 10]));

    fs::remove_file(folder.path("d/000007.json")).unwrap();
    let verified = folder.run(&["generate", "--verify", "d/manifest-2-of-2.json"]).expect(1);
    assert!(verified.stdout.contains("1 of 5 files: missing or not as they were, first `000007"));
    let said = make(&[]).expect(0).stderr;
    assert!(said.contains("10 events in d/, 9 of them there before"), "{said}");
    folder.run(&["generate", "--verify", "d/manifest.json"]).expect(0);

    // What is there and is something else is not written over.
    let said = folder.run(&["generate", "--seed", "43", "-c", "10", "-o", "d/"]).expect(2).stderr;
    assert!(said.contains("`d/000000.json` is there and holds something else"), "{said}");
    folder.write("d/notes.txt", "mine");
    assert!(make(&[]).expect(2).stderr.contains("`notes.txt`, which is not of this corpus"));
    assert_eq!(folder.run(&["generate", "--format", "folder"]).expect(2).stdout, "");
}

#[test]
fn parts_one_after_the_other_are_the_whole() {
    let folder = Folder::new();
    let args =
        ["generate", "-c", "400", "--seed", "42", "--profile", "campaign", "--event", "pair"];
    let whole = folder.run(&args).expect(0).stdout;
    for parts in [3, 7] {
        let part = |number: u64| {
            let shard = format!("{number}/{parts}");
            folder.run(&[&args[..], &["--shard", &shard]].concat()).expect(0).stdout
        };
        assert!((1..=parts).map(part).collect::<String>() == whole);
    }
    // A part is known again by its own manifest.
    let shard = ["--shard", "2/3", "-o", "b.jsonl"];
    folder.run(&[&args[..], &shard].concat()).expect(0);
    let manifest = manifest(&folder, "b.jsonl.manifest.json");
    assert_eq!(manifest["calls"], serde_json::json!([133, 266]));
    assert_eq!(manifest["order"]["count"], 400);
    folder.run(&["generate", "--verify", "b.jsonl.manifest.json"]).expect(0);
}

#[test]
fn a_corpus_like_captured_events_is_made_again_from_its_manifest_alone() {
    let folder = Folder::new();
    let text = "[archetypes]\nweb-chat = 1\ninbound = 2\n[lengths]\nmedian_seconds = 77.7777\n\
                sigma = 0.4321\n[presence]\ncustomer-email = { null = 0.3 }\n";
    folder.write("own.toml", text);
    let profile = ["--profile", "./own.toml"];
    folder.run(&[&["generate", "-c", "60", "-o", "a.jsonl"], &profile[..]].concat()).expect(0);
    fs::remove_file(folder.path("own.toml")).unwrap();
    folder.run(&["generate", "--verify", "a.jsonl.manifest.json"]).expect(0);
    folder.run(&["generate", "-c", "60", "--like", "a.jsonl", "-o", "b.jsonl"]).expect(0);
    folder.run(&["generate", "--verify", "b.jsonl.manifest.json"]).expect(0);
    let changes = ["--override", "$.payload.customer=null", "--add", "/payload/x=1"];
    let changes =
        [&changes[..], &["--remove", "/payload/flowId", "--mutate", "unknown-keys"]].concat();
    folder.run(&[&["generate", "-c", "5", "-o", "c.jsonl"], &changes[..]].concat()).expect(0);
    folder.run(&["generate", "--verify", "c.jsonl.manifest.json"]).expect(0);
    let line = folder.read("c.jsonl").lines().next().unwrap().to_owned();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event.pointer("/payload/customer"), Some(&Value::Null));
    assert_eq!(event.pointer("/payload/x"), Some(&Value::from(1)));
    assert_eq!(event.pointer("/payload/flowId"), None);
    assert!(line.contains("xAddedTomorrow"));
}

#[test]
fn whatever_there_is_to_choose_from_is_listed() {
    let folder = Folder::new();
    for (what, name) in [
        ("archetypes", "inbound-flow "),
        ("mutations", "lone-surrogate "),
        ("profiles", "campaign "),
        ("locales", "ja"),
        ("domains", "healthcare"),
        ("models", "llm      openai/gpt-4o"),
        ("keys", "customer-email           /payload/customer/email"),
    ] {
        let list = folder.run(&["generate", "--list", what]).expect(0).stdout;
        assert!(list.lines().any(|line| line.starts_with(name)), "{what}: {list}");
    }
}

#[test]
fn coverage_says_what_was_exercised_and_what_was_not() {
    let folder = Folder::new();
    let args = ["generate", "-c", "30", "--archetype", "user-hangup", "--coverage"];
    let said = folder.run(&[&args[..], &["--mutate", "null-transcript"]].concat()).expect(0).stdout;
    let has = |line: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.lines().any(|known| words(known) == line), "{line}: {said}");
    };
    has("events 30, not JSON 0");
    has("/payload/transcript 0 0 30 0");
    has("/payload/endReason user_hangup 30");
    has("user-hangup 30");
    has("null-transcript 30");
    let lacking = said.split("not exercised").nth(1).unwrap();
    for thing in ["/payload/endReason agent_hangup", "web-chat", "lone-surrogate"] {
        assert!(lacking.lines().any(|line| line.trim() == thing), "{thing}: {lacking}");
    }
    assert!(!lacking.contains("    null-transcript"), "{lacking}");
}

#[test]
fn bodies_that_are_no_text_go_through_or_are_refused() {
    let folder = Folder::new();
    let made = |args: &[&str]| folder.run(&[&["generate", "--archetype", "busy"], args].concat());
    // One of several would be torn apart at its line feeds, or would break the array.
    let said = made(&["-c", "2", "--mutate", "pretty", "-o", "a.jsonl"]).expect(2).stderr;
    assert!(said.contains("event 0 holds a line feed, which would end its line\nhint: --format"));
    let said = made(&["-c", "2", "--mutate", "invalid-utf-8", "-o", "a.json"]).expect(2).stderr;
    assert!(said.contains("event 0 is not JSON"), "{said}");
    assert_eq!(names(&folder.path(".")), [] as [&str; 0]);

    for mutation in ["pretty", "invalid-utf-8"] {
        let name = format!("{mutation}/");
        made(&["-c", "2", "--mutate", mutation, "-o", &name]).expect(0);
        made(&["-c", "2", "--mutate", mutation, "-o", "a.sh"]).expect(0);
        made(&["-c", "2", "--mutate", mutation, "-o", "a.http"]).expect(0);
        let body = fs::read(folder.path(&format!("{mutation}/000001.json"))).unwrap();
        let http = fs::read(folder.path("a.http")).unwrap();
        assert!(http.ends_with(&body) && http.windows(4).any(|part| part == b"\r\n\r\n"));
    }
    // A single one is what it is.
    assert!(made(&["--mutate", "pretty"]).expect(0).stdout.starts_with("{\n"));
}

/// The bodies that a listener has been sent, in order.
fn captured(folder: &Folder, store: &str) -> Vec<String> {
    let lines = folder.run(&["export", "--exact", "--store", store]).expect(0).json_lines();
    lines.iter().map(|line| line["request"]["body"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn http_messages_and_curl_scripts_send_the_events() {
    let folder = Folder::new();
    let printed = folder.run(&["generate", "-c", "4", "--seed", "9"]).expect(0).stdout;
    let printed: Vec<&str> = printed.lines().collect();

    let listener = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "http.db"]);
    let url = format!("{}/hooks?a=1", listener.url.trim_end_matches('/'));
    folder.run(&["generate", "-c", "4", "--seed", "9", "-o", "a.http", "--url", &url]).expect(0);
    let mut messages = fs::read(folder.path("a.http")).unwrap();
    messages.extend(b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answers = exchange(listener.addr(), &messages);
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 5, "{answers}");
    listener.end().expect(0);
    assert_eq!(captured(&folder, "http.db")[..4], printed);

    if !has_peer("curl", &["--version"]) {
        return;
    }
    let listener = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "curl.db"]);
    let args = ["generate", "-c", "4", "--seed", "9", "-o", "a.sh", "--url", &listener.url];
    folder.run(&args).expect(0);
    // A word of 1 MiB is more than a command line holds.
    let args = ["generate", "--mutate", "size-1-mib", "-o", "b.sh", "--url", &listener.url];
    folder.run(&args).expect(0);
    for script in ["a.sh", "b.sh"] {
        let ran = finish(Command::new("sh").arg(folder.path(script)), b"").expect(0);
        assert!(ran.stdout.contains("HTTP/1.1 200"), "{}", ran.stderr);
    }
    listener.end().expect(0);
    let captured = captured(&folder, "curl.db");
    assert_eq!(captured[..4], printed);
    assert_eq!(captured[4].len(), 1 << 20);
}

#[test]
fn a_kill_leaves_no_half_file_and_a_signal_nothing_at_all() {
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(130)), ("KILL", None)] {
        let folder = Folder::new();
        folder.write("a.jsonl", "of yesterday");
        let mut command = folder.ringback();
        command.args(["generate", "-c", "100000000", "-o", "a.jsonl"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        // It has begun when its unfinished file is there.
        let begun = Instant::now();
        while names(&folder.path(".")).len() < 2 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was told to");
            assert!(begun.elapsed() < PATIENCE, "it has not begun");
            std::thread::yield_now();
        }
        let kill = ["-s", signal, &child.id().to_string()].map(str::to_owned);
        assert!(Command::new("kill").args(kill).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code, "{signal}");
        assert_eq!(folder.read("a.jsonl"), "of yesterday");
        if signal != "KILL" {
            assert_eq!(names(&folder.path(".")), ["a.jsonl"], "{signal}");
        }
    }
}

#[test]
fn a_full_disk_loses_no_finished_file_and_says_how_to_go_on() {
    let folder = Folder::new();
    folder.run(&["generate", "-c", "3", "-o", "done.jsonl"]).expect(0);
    let done = folder.read("done.jsonl");
    // A limit on the size of files, which a process can set for itself, fails as a full disk does.
    let limited = |blocks: &str, args: &str| {
        let program = env!("CARGO_BIN_EXE_ringback");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{program}' generate {args}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(folder.path("."));
        finish(&mut shell, b"")
    };
    let output = limited("100", "-c 300 -o done.jsonl").expect(3);
    assert!(output.stderr.contains("cannot write"), "{}", output.stderr);
    assert!(output.stderr.contains("make the corpus in parts with --shard"), "{}", output.stderr);
    assert_eq!(folder.read("done.jsonl"), done);
    assert_eq!(names(&folder.path(".")), ["done.jsonl", "done.jsonl.manifest.json"]);

    // The first file that does not fit ends it.
    let output = limited("16", "-c 40 --seed 2 -o d/").expect(3);
    assert!(output.stderr.contains("whole and none half; the same command goes on"));
    let whole = names(&folder.path("d"));
    assert!(!whole.is_empty(), "some fit");
    assert!(!whole.iter().any(|name| name.contains("part") || name.contains("manifest")));
    for name in &whole {
        serde_json::from_str::<Value>(&folder.read(&format!("d/{name}"))).unwrap();
    }
    let said = folder.run(&["generate", "-c", "40", "--seed", "2", "-o", "d"]).expect(0).stderr;
    assert!(said.contains(&format!("{} of them there before", whole.len())), "{said}");

    if Path::new("/dev/full").exists() {
        let said = folder.run(&["generate", "-o", "/dev/full"]).expect(3).stderr;
        assert!(said.contains("cannot write `/dev/full`"), "{said}");
    }
    let said = folder.run(&["generate", "-o", "no/such/folder.jsonl"]).expect(2).stderr;
    assert!(said.contains("cannot write `no/such/folder.jsonl`"), "{said}");
}

#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    if !has_peer("python3", &["-c", "import pty"]) {
        return;
    }
    let folder = Folder::new();
    let program = env!("CARGO_BIN_EXE_ringback");
    let on_a_terminal = |more: &str| {
        let script = format!(
            "import pty; pty.spawn(['{program}', 'generate', '-c', '5000', '-o', 'a.jsonl'{more}])"
        );
        let mut python = Command::new("python3");
        python.args(["-c", &script]).current_dir(folder.path("."));
        finish(&mut python, b"").expect(0).stdout
    };
    let shown = on_a_terminal("");
    assert!(shown.contains(" of 5000 calls (") && shown.contains("/s, "), "{shown}");
    assert!(shown.contains("5000 events in "), "{shown}");
    assert_eq!(on_a_terminal(", '--quiet'"), "");
    let output = folder.run(&["generate", "-c", "5000", "-o", "a.jsonl"]).expect(0);
    assert!(!output.stderr.contains("of 5000 calls"), "{}", output.stderr);
}

#[test]
fn a_pipe_is_written_to_as_it_is() {
    if !has_peer("mkfifo", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    assert!(Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    let mut reader = Command::new("cat");
    let reader = reader.arg(folder.path("pipe")).stdout(Stdio::piped()).spawn().unwrap();
    folder.run(&["generate", "-c", "3", "-o", "pipe"]).expect(0);
    let read = String::from_utf8(reader.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(read, folder.run(&["generate", "-c", "3"]).expect(0).stdout);
    assert_eq!(names(&folder.path(".")), ["pipe"]);
}

/// Runs `generate` with an editor that is a shell script over the file `$1`.
fn edited(folder: &Folder, editor: &str, args: &[&str], stdin: &str) -> crate::harness::Output {
    let mut script = fs::File::create(folder.path("editor.sh")).unwrap();
    script.write_all(editor.as_bytes()).unwrap();
    drop(script);
    let mut command = folder.ringback();
    command.env("VISUAL", format!("sh '{}'", folder.path("editor.sh").display()));
    finish(command.arg("generate").args(args), stdin.as_bytes())
}

#[test]
fn events_are_edited_before_they_go_on() {
    let folder = Folder::new();
    let editor = "sed -i 's/\"endReason\": \"[a-z_]*\"/\"endReason\": \"edited_by_hand\"/' \"$1\"";
    let args = ["--archetype", "busy", "-c", "2", "--edit"];
    let output = edited(&folder, editor, &args, "").expect(0);
    let untouched = folder.run(&["generate", "--archetype", "busy", "-c", "2"]).expect(0).stdout;
    assert_eq!(output.stdout, untouched.replace("user_busy", "edited_by_hand"));
    let output = edited(&folder, editor, &[&args[..], &["-o", "a.jsonl"]].concat(), "").expect(0);
    assert_eq!(output.stdout, "");
    let verified = folder.run(&["generate", "--verify", "a.jsonl.manifest.json"]).expect(0).stdout;
    assert!(verified.contains("edited by hand, so that they cannot be made again"), "{verified}");

    // A mistake is told with its place, and can be mended.
    let breaks_once = "if test -e again; then echo '{\"a\": 1}' > \"$1\"; \
                       else touch again; printf '{\\n  \"a\": 1,\\n}' > \"$1\"; fi";
    let output = edited(&folder, breaks_once, &["--edit"], "y\n").expect(0);
    assert!(output.stderr.contains("line 3, column 1: key must be a string\nedit again? [Y/n]"));
    assert_eq!(output.stdout, "{\"a\":1}\n");
    let gives_up = edited(&folder, "echo oops > \"$1\"", &["--edit"], "n\n").expect(2);
    assert!(gives_up.stderr.contains("the events were not edited: line 1"), "{}", gives_up.stderr);
    assert_eq!(gives_up.stdout, "");
    let failed = edited(&folder, "exit 7", &["--edit"], "").expect(2);
    assert!(failed.stderr.contains("ended with exit status: 7"), "{}", failed.stderr);
    let many = edited(&folder, "true", &["--edit", "-c", "101"], "").expect(2);
    assert!(many.stderr.contains("--edit opens up to 100 events"), "{}", many.stderr);
}

#[test]
fn the_documented_example_is_had_byte_for_byte() {
    let folder = Folder::new();
    let example = fs::read(crate::harness::root().join("crates/event/src/example.json")).unwrap();
    let args = ["generate", "--archetype", "example"];
    assert_eq!(folder.run(&args).expect(0).stdout.as_bytes(), example);
    folder.run(&[&args[..], &["--seed", "7", "-o", "d/"]].concat()).expect(0);
    assert_eq!(fs::read(folder.path("d/000000.json")).unwrap(), example);
    let list = folder.run(&["generate", "--list", "archetypes"]).expect(0).stdout;
    assert!(list.contains("\nexample "), "{list}");

    let (addr, requests) = crate::harness::raw_receiver(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    folder.run(&["send", &format!("http://{addr}/"), "--archetype", "example"]).expect(0);
    assert!(requests.recv().unwrap().ends_with(&example));
}

#[test]
fn a_population_is_called_and_belongs_to_what_is_verified() {
    let folder = Folder::new();
    let people =
        "{\"identifier\":\"A-1\",\"name\":\"Ada Byron\",\"phoneNumber\":\"+12025550101\"}\n";
    folder.write("people.jsonl", people);
    let args = ["generate", "-c", "5", "--population", "people.jsonl"];
    let output = folder.run(&[&args[..], &["--archetype", "answered-outbound"]].concat()).expect(0);
    for event in output.json_lines() {
        assert_eq!(event["payload"]["customer"]["name"], "Ada Byron");
        assert_eq!(event["payload"]["toPhoneNumber"], "+12025550101");
    }
    folder.run(&[&args[..], &["-o", "a.jsonl"]].concat()).expect(0);
    let verify = ["generate", "--verify", "a.jsonl.manifest.json"];
    assert!(folder.run(&verify).expect(2).stderr.contains("give its file with --population"));
    let verify = [&verify[..], &["--population", "people.jsonl"]].concat();
    folder.run(&verify).expect(0);
    folder.write("people.jsonl", people.replace("Ada", "Eva"));
    assert!(folder.run(&verify).expect(2).stderr.contains("made with another population"));
    folder.write("people.jsonl", "{\"identifer\":\"A-1\"}");
    let said = folder.run(&args).expect(2).stderr;
    assert!(
        said.contains("`people.jsonl`, line 1, column 12: unknown field `identifer`"),
        "{said}"
    );
}
