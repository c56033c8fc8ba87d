//! Defaults from `ringback.toml` and the environment, and targets by type of event.

use std::io::Write as _;

use crate::harness::{Folder, PATIENCE, finish, raw_receiver, receiver};

fn seed_of(folder: &Folder, variables: &[(&str, &str)], args: &[&str]) -> String {
    let mut command = folder.ringback();
    let output = finish(command.envs(variables.iter().copied()).args(args), b"").expect(0);
    let same =
        |seed: &str| folder.run(&["generate", "--seed", seed]).expect(0).stdout == output.stdout;
    ["1", "2", "3", "4"].into_iter().find(|seed| same(seed)).unwrap().to_owned()
}

#[test]
fn a_flag_wins_over_a_variable_that_over_the_project_and_that_over_the_user() {
    let folder = Folder::new();
    let home = folder.path("home").display().to_string();
    let home = [("XDG_CONFIG_HOME", home.as_str())];
    let with_variable = [home[0], ("RINGBACK_SEED", "3")];
    folder.write("home/ringback/config.toml", "seed = 1\n");
    assert_eq!(seed_of(&folder, &home, &["generate"]), "1");
    folder.write("ringback.toml", "# ours\nseed = 4\n\n[generate]\nseed = 2\n");
    assert_eq!(seed_of(&folder, &home, &["generate"]), "2");
    assert_eq!(seed_of(&folder, &with_variable, &["generate"]), "3");
    assert_eq!(seed_of(&folder, &with_variable, &["generate", "--seed", "4"]), "4");
    // Another file instead of both, or none.
    folder.write("other.toml", "seed = 3\n");
    let other = [home[0], ("RINGBACK_CONFIG", "other.toml")];
    assert_eq!(seed_of(&folder, &other, &["generate"]), "3");
    let none = [home[0], ("RINGBACK_CONFIG", "")];
    let output = finish(folder.ringback().envs(none).arg("generate"), b"").expect(0);
    folder.write("ringback.toml", "");
    assert_eq!(output.stdout, folder.run(&["generate"]).expect(0).stdout);
}

#[test]
fn lists_switches_and_targets_are_taken_from_the_file() {
    let folder = Folder::new();
    let (addr, requests) = raw_receiver(|stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    let elsewhere = receiver("500 Elsewhere", "");
    folder.write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let file = format!(
        "secret = \"file:secret\"\n[send]\njson = true\nheader = [\"x-a: 1\", \"x-b: 2\"]\ntimeout = \"5s\"\n\n[targets]\n\"conversation.completed\" = \"{addr}/completed\"\n\"*\" = \"{elsewhere}\"\n"
    );
    folder.write("ringback.toml", file);
    let output = folder.run(&["send"]).expect(0);
    assert_eq!(output.json_lines()[0]["answered"]["status"], 200);
    let request = String::from_utf8(requests.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert!(request.starts_with("POST /completed HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("x-a: 1\r\nx-b: 2\r\n"), "{request}");
    assert!(request.contains("webhook-signature: v1,"), "{request}");

    // A route of the command line is instead of those of the file.
    let output = folder.run(&["send", "--route", &format!("conversation.completed={elsewhere}")]);
    assert_eq!(output.expect(1).json_lines()[0]["answered"]["status"], 500);
    folder.write("ringback.toml", "");
    let said = folder.run(&["send"]).expect(2).stderr;
    insta::assert_snapshot!(said, @"
    error: there is no target for `conversation.completed`
    hint: name a URL, give `--route TYPE=URL`, or put it under `[targets]` into `ringback.toml`
    ");
}

#[test]
fn what_is_wrong_with_the_file_is_said_with_its_place() {
    let folder = Folder::new();
    let said = |text: &str, args: &[&str]| {
        folder.write("ringback.toml", text);
        folder.run(args).expect(2).stderr.trim_end().to_owned()
    };
    let any = ["generate", "-c", "1"];
    insta::assert_snapshot!(said("sead = 1\n", &any), @"error: ringback.toml:1:1: no command has a flag `sead` (did you mean `seed`?)");
    insta::assert_snapshot!(said("\n[send]\n  reate = \"1/s\"\n", &any), @"error: ringback.toml:3:3: `send` has no flag `reate` (did you mean `rate`?)");
    insta::assert_snapshot!(said("[sned]\nrate = \"1/s\"\n", &any), @"error: ringback.toml:1:2: there is no command `sned` (did you mean `send`?)");
    insta::assert_snapshot!(said("[send]\nrate = \n", &any), @"error: ringback.toml:2:8: string values must be quoted, expected literal string");
    insta::assert_snapshot!(said("seed = { a = 1 }\n[send]\nrate = 1979-05-27\n", &any), @"error: ringback.toml:3:1: the value of `rate` is neither text, a number, true or false, nor a list of them");
    insta::assert_snapshot!(said("[send]\nrate = 1979-05-27\n", &any), @"error: ringback.toml:2:1: the value of `rate` is neither text, a number, true or false, nor a list of them");
    insta::assert_snapshot!(said("secret = \"whsec_s3cret\"\n", &any), @"
    error: ringback.toml:1:1: `secret` holds a secret itself
    hint: say where it is: `env:NAME` or `file:PATH`
    ");
    insta::assert_snapshot!(said("[targets]\na = 1\n", &any), @"error: ringback.toml:2:5: the target of `a` is no text");
    insta::assert_snapshot!(said("[send]\nrate = \"often\"\n", &["send", "localhost"]), @"error: ringback.toml:2:1: invalid value 'often' for '--rate <RATE>': `often` is no rate: write it as `50/s`, `600/m` or `0.5/h`, with at most 6 decimals");
    insta::assert_snapshot!(said("[targets]\na = \"ftp://x\"\n", &["send", "localhost"]), @"error: ringback.toml:1:2: invalid value 'a=ftp://x' for '--route <TYPE=URL>': the scheme is `ftp`: use `http` or `https`");
    insta::assert_snapshot!(said("[sned]\n", &any), @"error: ringback.toml:1:2: there is no command `sned` (did you mean `send`?)");
    insta::assert_snapshot!(said("[send]\nallow-host = \"10.0.0.1\"\n", &any), @"
    error: ringback.toml:2:1: `allow-host` cannot be set by a file
    hint: say it yourself, by `--allow-host` or `RINGBACK_ALLOW_HOST`
    ");
    folder.run(&["send", "--help"]).expect(0);
    // What was typed is not blamed on the file.
    insta::assert_snapshot!(said("[send]\nrate = \"often\"\n", &["send", "localhost", "--rate", "often"]).lines().next().unwrap(), @"error: invalid value 'often' for '--rate <RATE>': `often` is no rate: write it as `50/s`, `600/m` or `0.5/h`, with at most 6 decimals");
    let output = finish(folder.ringback().env("RINGBACK_CONFIG", "gone.toml").args(any), b"");
    insta::assert_snapshot!(output.expect(2).stderr.trim_end(), @"error: cannot read `gone.toml`: No such file or directory (os error 2)");
}

#[test]
fn an_attempt_says_what_it_is_only_when_asked() {
    let folder = Folder::new();
    let addr = receiver("200 OK", "").to_string();
    let headers = |more: &[&str]| {
        let args = ["send", &addr, "--json", "-c", "2", "--seed", "7"];
        let output = folder.run(&[&args[..], more].concat()).expect(0);
        let lines = output.json_lines();
        let values = |name: &str| {
            let of = |line: &serde_json::Value| {
                let lines = line["request"]["headers"].as_array().unwrap();
                lines
                    .iter()
                    .find(|line| line[0] == name)
                    .map(|line| line[1].as_str().unwrap().to_owned())
            };
            lines.iter().map(of).collect::<Vec<_>>()
        };
        (values("traceparent"), values("ringback-run"), values("x-attempt"))
    };
    let nothing = vec![None, None];
    assert_eq!(headers(&[]), (nothing.clone(), nothing.clone(), nothing.clone()));
    let (by_seed, run, attempt) = headers(&["--traceparent", "--attempt-header", "x-attempt"]);
    assert_eq!((run, attempt), (nothing, vec![Some("1".to_owned()); 2]));
    assert_ne!(by_seed[0], by_seed[1]);
    assert_eq!(headers(&["--traceparent"]).0, by_seed, "it is known before anything is sent");
    let (by_run, run, _) = headers(&["--traceparent", "--run-id", "ci-42"]);
    assert_ne!(by_run, by_seed);
    assert_eq!(run, vec![Some("ci-42".to_owned()); 2]);
    insta::assert_snapshot!(by_run[0].as_ref().unwrap(), @"00-71167fbedbefd4dc468ba4107cf93fea-38746f323d954847-01");
    folder.run(&["send", &addr, "--run-id", "a b"]).expect(2);
    folder.run(&["send", &addr, "--attempt-header", "a b"]).expect(2);
}

#[test]
fn init_writes_files_that_work_and_overwrites_none() {
    let folder = Folder::new();
    insta::assert_snapshot!(folder.run(&["init"]).expect(0).stderr, @"
    wrote ./ringback.toml
    wrote ./scenarios/first.yaml
    next: ringback check, and ringback send http://localhost:3000/your/receiver
    ");
    // What is new is accepted, and then it holds.
    folder.run(&["check"]).expect(4);
    folder.run(&["accept"]).expect(0);
    folder.run(&["check"]).expect(0);

    // Every setting that stands there in a comment is one that is taken.
    let file = folder.read("ringback.toml");
    let is_setting = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
    assert!(file.lines().filter(is_setting).count() > 10, "{file}");
    let line = |line| if is_setting(&line) { &line[1..] } else { line };
    let file = file.lines().map(line).collect::<Vec<_>>().join("\n");
    folder.write("ringback.toml", &file);
    let with_seed = folder.run(&["generate"]).expect(0).stdout;
    assert_eq!(with_seed, folder.run(&["generate", "--seed", "42"]).expect(0).stdout);

    let output = folder.run(&["init", "."]).expect(0);
    assert!(output.stderr.contains("left ./ringback.toml as it is"), "{}", output.stderr);
    assert_eq!(folder.read("ringback.toml"), file);
}
