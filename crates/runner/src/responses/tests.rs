use bytes::Bytes;
use ringback_exchange::{Forwarded, Headers, Request};
use ringback_generator::{Archetype, Recipe, bytes};
use ringback_report::terminal;

use super::*;

fn check(folder: &Path, rules: &str) -> ResponseCheck {
    ResponseCheck::new(ResponseSettings {
        folder: folder.to_owned(),
        rules: toml::from_str(rules).unwrap(),
        write_pending: true,
    })
}

fn event(archetype: Archetype, index: u64) -> Vec<u8> {
    bytes(&Recipe { archetype: Some(archetype), ..Recipe::new(7) }, index)
}

fn exchange(body: impl Into<Bytes>, status: u16, answer: &str) -> Exchange {
    let body: Bytes = body.into();
    Exchange {
        number: 1,
        received_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        peer: "127.0.0.1:1".to_owned(),
        version: "HTTP/1.1".to_owned(),
        request: Request {
            method: "POST".to_owned(),
            target: "/hooks".to_owned(),
            headers: Headers::default(),
            body: body.into(),
        },
        reply: Some(Reply { status, headers: Headers::default(), body: answer.into() }),
        duration_ms: Some(1.0),
        forwarded: Some(Forwarded { url: "http://x".to_owned(), duration_ms: 1.0, error: None }),
        fault: None,
        wire: None,
        signature: None,
        injected: None,
    }
}

fn key(check: &mut ResponseCheck, exchange: &Exchange) -> Option<String> {
    check.judge(exchange).map(|event| match event {
        RunEvent::ResponseChecked { key, .. } => key,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_response_is_new_then_accepted_then_changed() {
    let folder = tempfile::tempdir().unwrap();
    let inbound = event(Archetype::Inbound, 0);
    let answered = |status, answer: &str| {
        let mut check = check(folder.path(), "");
        let event = check.judge(&exchange(inbound.clone(), status, answer)).unwrap();
        let (tally, _) = check.finish();
        let shown = terminal::text(&event).replace(&folder.path().display().to_string(), "DIR");
        (anstream::adapter::strip_str(&shown).to_string(), tally)
    };
    let (shown, tally) = answered(200, "ok");
    insta::assert_snapshot!(shown, @"
    pending #1 conversation.completed/inbound
      snapshot DIR/conversation.completed/inbound.snap is new
      HTTP 200

      ok
      read it, then `ringback accept DIR/conversation.completed/inbound.snap.new` or `ringback reject DIR/conversation.completed/inbound.snap.new`
    ");
    assert_eq!((tally.passed, tally.pending), (0, 1));

    let accepted = folder.path().join("conversation.completed/inbound.snap");
    ringback_snapshot::accept(&accepted.with_extension("snap.new")).unwrap();
    assert_eq!(answered(200, "ok").1.passed, 1);

    let (shown, tally) = answered(500, "oops");
    insta::assert_snapshot!(shown, @"
    pending #1 conversation.completed/inbound
      snapshot DIR/conversation.completed/inbound.snap has changed
      @@ -1,3 +1,3 @@
      -HTTP 200
      +HTTP 500
       
      -ok
      +oops
      read it, then `ringback accept DIR/conversation.completed/inbound.snap.new` or `ringback reject DIR/conversation.completed/inbound.snap.new`
    ");
    assert_eq!((tally.passed, tally.pending), (0, 1));

    assert_eq!(answered(200, "ok").1.passed, 1);
    assert!(!accepted.with_extension("snap.new").exists(), "the accepted one holds again");
}

#[test]
fn ids_of_the_event_do_not_change_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut check = check(folder.path(), "redact = { \"$.at\" = \"[time]\" }");
    for index in 0..3 {
        let body = event(Archetype::WebChat, index);
        let id = serde_json::from_slice::<Value>(&body).unwrap()["payload"]["id"].clone();
        let answer = format!("{{\"conversation\":{id},\"at\":{index}}}");
        check.judge(&exchange(body, 201, &answer)).unwrap();
    }
    let (_, events) = check.finish();
    let RunEvent::ResponsesFinished { snapshots, .. } = &events[0] else { panic!() };
    assert_eq!((snapshots[0].pending, snapshots[0].varying), (3, 0), "{snapshots:?}");
}

#[test]
fn what_is_another_one_each_time_is_told_apart_from_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut check = check(folder.path(), "");
    for answer in ["1", "2", "1"] {
        check.judge(&exchange(event(Archetype::Busy, answer.len() as u64), 200, answer)).unwrap();
    }
    let (tally, events) = check.finish();
    let RunEvent::ResponsesFinished { snapshots, .. } = &events[0] else { panic!() };
    // The second and third are the same event again, and have a snapshot of their own.
    let all: Vec<_> =
        snapshots.iter().map(|it| (it.key.as_str(), it.same, it.pending, it.varying)).collect();
    assert_eq!(
        all,
        [("conversation.completed/busy", 0, 1, 0), ("conversation.completed/busy.again", 0, 1, 1)]
    );
    assert_eq!(tally.pending, 3);
}

#[test]
fn the_key_is_made_of_names_that_are_known_here() {
    let folder = tempfile::tempdir().unwrap();
    let mut check = check(folder.path(), "[[rule]]\nname = \"health\"\nmethod = \"GET\"\n");
    let mut key = |exchange: &Exchange| key(&mut check, exchange);
    let evil = r#"{"eventId":"1","eventType":"../../etc","payload":{}}"#;
    assert_eq!(key(&exchange(evil, 200, "")).as_deref(), Some("other"));
    assert_eq!(key(&exchange(evil, 200, "")).as_deref(), Some("other.again"));
    assert_eq!(key(&exchange("{\"cut", 400, "")).as_deref(), Some("malformed"));
    let swapped = r#"{"eventType":"conversation.completed","payload":7}"#;
    assert_eq!(
        key(&exchange(swapped, 422, "")).as_deref(),
        Some("conversation.completed/malformed")
    );
    let mut get = exchange("", 200, "");
    get.request.method = "GET".to_owned();
    assert_eq!(key(&get).as_deref(), Some("health"));
    get.request.method = "HEAD".to_owned();
    assert_eq!(key(&get), None, "no event, and no rule names it");
}

#[test]
fn only_answers_of_the_receiver_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let mut check = check(folder.path(), "");
    let own = Exchange { forwarded: None, ..exchange(event(Archetype::Flow, 1), 413, "") };
    assert_eq!(check.judge(&own), None);

    let mut down = exchange(event(Archetype::Flow, 1), 502, "nobody there");
    down.forwarded.as_mut().unwrap().error = Some("connection refused".to_owned());
    let Some(RunEvent::ResponseChecked { verdict, snapshot, error, .. }) = check.judge(&down)
    else {
        panic!()
    };
    assert_eq!((verdict, snapshot), (Verdict::Unknown, SnapshotOutcome::Skipped));
    assert_eq!(error.as_deref(), Some("connection refused"));
    check.missed(2);
    assert_eq!(check.finish().0.environment, 3);
}

#[test]
fn snapshots_that_no_response_belonged_to_are_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("vip")).unwrap();
    fs::write(folder.path().join("vip/gold.snap"), "---\n---\nHTTP 200\n").unwrap();
    let (_, events) = check(folder.path(), "").finish();
    let RunEvent::ResponsesFinished { unmet, .. } = &events[0] else { panic!() };
    assert_eq!(unmet, &["vip/gold"]);
}

#[test]
fn a_redelivery_is_told_until_it_is_forgotten() {
    let mut remembered = Remembered::default();
    assert!(!remembered.came_before("a") && remembered.came_before("a"));
    for n in 0..EVENTS_REMEMBERED {
        remembered.came_before(&n.to_string());
    }
    assert!(!remembered.came_before("a"));
    assert_eq!(remembered.ids.len(), EVENTS_REMEMBERED);
}
