//! `ringback validate`: clear findings for whatever is handed to it.

use crate::harness::Folder;

const EXAMPLE: &str = include_str!("../../crates/event/src/example.json");

#[test]
fn the_documented_example_has_the_shape_and_contradicts_itself() {
    let folder = Folder::new();
    folder.write("example.json", EXAMPLE);
    let output = folder.run(&["validate", "--level", "shape", "example.json"]).expect(0);
    assert_eq!(output.stdout, "");
    assert_eq!(output.stderr, "1 event: no findings\n");

    let output = folder.run(&["validate", "example.json"]).expect(1);
    assert_eq!(output.stdout.lines().count(), 11, "{}", output.stdout);
    assert_eq!(output.stderr, "1 event: 1 with 11 findings\n");
    insta::assert_snapshot!(output.stdout.lines().next().unwrap(), @"example.json:2:14: event 1: id.event-uuid (documented): /eventId: found evt_01234567890abcdef, expected a UUID");

    let output = folder.run(&["validate", "--json", "example.json"]).expect(1);
    insta::assert_snapshot!(output.json_lines()[2], @r#"{"file":"example.json","event":1,"line":1,"rule":"time.message","strength":"inferred","pointer":"/payload/transcripts/0/messages","innerPointer":"/0/timestamp","found":"2026-01-26T12:45:37.578Z","expected":"a time from 2023-01-01T12:00:00.000Z to 2023-01-01T12:00:00.000Z","place":{"line":59,"column":21,"offset":2237}}"#);
}

#[test]
fn bytes_that_are_no_event_are_findings_with_a_place_and_never_a_panic() {
    let folder = Folder::new();
    let mut said = String::new();
    let mut check = |name: &str, bytes: &[u8]| {
        folder.write(name, bytes);
        let output = folder.run(&["validate", "--level", "shape", name]).expect(1);
        said.push_str(&output.stdout);
    };
    check("truncated.json", &EXAMPLE.as_bytes()[..2000]);
    check("not-utf8.json", b"{\"eventId\": \"\xFF\"}");
    check("bom.json", format!("\u{feff}{EXAMPLE}").as_bytes());
    check("deep.json", "[".repeat(100_000).as_bytes());
    check(
        "twice.json",
        EXAMPLE.replacen("\"eventId\"", "\"eventId\": 1, \"eventId\"", 1).as_bytes(),
    );
    check("digits.json", EXAMPLE.replace("0.1395", "123456789012345678901234567890").as_bytes());
    check("huge.json", EXAMPLE.replace("0.1395", "1e400").as_bytes());
    check("text.json", b"hello");
    check(
        "escape.json",
        b"{\"eventId\":\"\x1b[2J\",\"eventType\":\"a\\u001b[2J\",\"payload\":{\"id\":\"1\"}}",
    );
    insta::assert_snapshot!(said, @r"
    truncated.json:54:11: event 1: json.syntax (documented): the whole event: found the end of the text (EOF while parsing a string), expected the rest of the JSON text
    not-utf8.json:1:14: event 1: json.encoding (documented): the whole event: found the byte 0xFF, expected UTF-8
    bom.json:1:1: event 1: json.bom (documented): the whole event: found a byte order mark, expected `{`
    deep.json:1:128: event 1: json.depth (inferred): the whole event: found a 128th level of nesting, expected at most 127
    twice.json:2:17: event 1: json.duplicate-key (inferred): /eventId: found the key a second time; most parsers keep the last, some the first, expected one value for the key
    digits.json:121:20: event 1: json.number (inferred): /payload/conversationCost/totalCost: found 123456789012345678901234567890, which most parsers read as 1.2345678901234568e29, expected a number that a double-precision float holds
    digits.json:121:20: event 1: shape.range (evidenced): /payload/conversationCost/totalCost: found 1.2345678901234568e+29, expected a number from -1000000000000000 to 1000000000000000
    huge.json:121:24: event 1: json.number (inferred): the whole event: found a number beyond ±1.8e308, expected a number that a double-precision float holds
    text.json:1:1: event 1: json.syntax (documented): the whole event: found a syntax error (expected value), expected one complete JSON text
    escape.json:1:13: event 1: json.syntax (documented): the whole event: found a syntax error (control character (\u0000-\u001F) found while parsing a string), expected one complete JSON text
    ");
    assert!(!said.contains('\x1b'), "captured text is escaped");
}

#[test]
fn files_that_hold_no_event_are_errors() {
    let folder = Folder::new();
    folder.write("empty.json", "");
    folder.write("list.json", "[]");
    let said = |args: &[&str]| folder.run(args).expect(2).stderr;
    insta::assert_snapshot!(said(&["validate", "empty.json"]), @"error: `empty.json` holds no event");
    insta::assert_snapshot!(said(&["validate", "list.json"]), @"error: `list.json` holds no event");
    insta::assert_snapshot!(said(&["validate", "missing.json"]), @"error: cannot read `missing.json`: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&["validate", "."]), @"
    error: `.` is a folder
    hint: name its files: ./*.json
    ");
    insta::assert_snapshot!(said(&["validate", "--level", "deep", "empty.json"]).lines().next().unwrap(), @"error: invalid value 'deep' for '--level <LEVEL>'");
}

#[test]
fn json_lines_and_arrays_are_judged_event_by_event() {
    let folder = Folder::new();
    let good = folder.run(&["generate", "-c", "3", "--seed", "9"]).expect(0).stdout;
    folder.run_with(&["validate"], good.as_bytes()).expect(0);
    let array = folder.run(&["generate", "-c", "3", "--format", "json"]).expect(0).stdout;
    let output = folder.run_with(&["validate", "-"], array.as_bytes()).expect(0);
    assert_eq!(output.stderr, "3 events: no findings\n");

    let mut lines: Vec<&str> = good.lines().collect();
    let cut = &lines[1][..100];
    lines[1] = cut;
    folder.write("events.jsonl", lines.join("\n"));
    let output = folder.run(&["validate", "events.jsonl"]).expect(1);
    insta::assert_snapshot!(output.stdout, @"events.jsonl:2:101: event 2: json.syntax (documented): the whole event: found the end of the text (EOF while parsing a string), expected the rest of the JSON text");
    assert_eq!(output.stderr, "3 events: 1 with 1 finding\n");
}
