//! Scenario files as users write them, right and wrong.

use crate::{Action, Invalid, Scenario, Surroundings, parse};

const SURROUNDINGS: Surroundings<'_> = Surroundings {
    archetypes: &["answered-outbound", "unanswered-outbound", "transferred"],
    env: |_| None,
};

fn read(text: &str) -> Result<Scenario, Invalid> {
    parse("scenarios/a.yaml", text, SURROUNDINGS)
}

const EVERY_PART: &str = r#"
version: 1
name: every part of the format
seed: 7
timeout: 5s
sign: { secret: "${env.WEBHOOK_SECRET:-whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}" }
downstream:
  crm:
    listen: 127.0.0.1:4010
    routes:
      - method: POST
        path: /customers/{id}/notes
        reply:
          - { status: 503, times: 2 }
          - { status: 201, delay: 20ms, json: { id: n_1 } }
      - { path: "/*", reply: { status: 404, text: none } }
snapshot:
  headers: [content-type, X-Extra]
  redact: { $.at: "[time]" }
  filter: [{ regex: 'req_[0-9a-z]+', with: '[req]' }]
steps:
  - id: first
    fire:
      archetype: answered-outbound
      index: 3
      set: { $.payload.endReason: voicemail }
      unset: [$.payload.flowId]
      headers: { x-test: "1" }
    expect:
      status: [2xx, 409]
      within: 2s
      headers: { content-type: { starts_with: application/json } }
      body:
        $.ok: true
        $.id: { matches: '^n_', type: string }
        $.meta: { equals: { type: x } }
  - id: again
    redeliver: first
    times: 3
    at_once: true
  - id: note
    calls:
      downstream: crm
      method: POST
      path: /customers/${first.event.payload.customerId}/notes
      body: { $.conversationId: "${first.event.payload.id}" }
      replied: 201
      count: { min: 1, max: 2 }
      within: 3s
      quiet: 500ms
    snapshot: false
  - id: broken
    fire: { body: '{"eventId": ' }
    expect: { status: 4xx }
"#;

#[test]
fn every_part_of_the_format_is_read() {
    let scenario = read(EVERY_PART).unwrap_or_else(|invalid| panic!("{invalid}"));
    assert_eq!(scenario.steps.len(), 4);
    assert_eq!(scenario.steps[2].line, 41);
    let Action::Calls(calls) = &scenario.steps[2].action else { panic!("no calls") };
    assert_eq!((calls.count.min, calls.count.max), (1, 2));
    assert_eq!(scenario.downstream[0].routes[0].replies[0].times, 2);
    assert!(!scenario.steps[2].in_snapshot);
    insta::assert_debug_snapshot!(scenario.snapshot.headers, @r#"
    [
        "content-type",
        "x-extra",
    ]
    "#);
}

#[test]
fn json_is_read_by_the_same_parser() {
    let text = r#"{"version":1,"name":"n","steps":[{"id":"a","fire":"transferred"}]}"#;
    assert_eq!(read(text).unwrap().name, "n");
}

/// Every problem of a file, as the user sees it.
fn problems(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn all_problems_of_a_file_are_told_at_once_with_their_places() {
    insta::assert_snapshot!(problems(r#"version: 2
name: 7
tiemout: 5s
downstream:
  crm: { routes: [{ path: notes, reply: [] }] }
steps:
  - id: one
    fire: answered-outbond
    expect: { status: 2x, within: 5 }
  - id: one
    redeliver: two
  - id: three
    calls: { downstream: crmm, count: 1, body: { id: 1 } }
    fire: transferred
  - id: four
    fire: { set: { $.payload.id: "${fist.event.eventId}" }, body: "x" }
    expect: { body: { $.a: { matches: "(" }, $.b: { gt: 1, like: 2 } } }
"#), @r#"
    error: this version is not known
     --> scenarios/a.yaml:1:10
      |
    1 | version: 2
      |          ^
      |
    help: this ringback reads version 1

    error: name is a text, not `7`
     --> scenarios/a.yaml:2:7
      |
    2 | name: 7
      |       ^

    error: a scenario has no key `tiemout`
     --> scenarios/a.yaml:3:1
      |
    3 | tiemout: 5s
      | ^^^^^^^
      |
    help: did you mean `timeout`?

    error: `notes` does not start with `/`
     --> scenarios/a.yaml:5:27
      |
    5 |   crm: { routes: [{ path: notes, reply: [] }] }
      |                           ^^^^^
      |
    help: `*` and `{name}` stand for one segment: `/customers/{id}/notes`

    error: a route has at least one reply
     --> scenarios/a.yaml:5:41
      |
    5 |   crm: { routes: [{ path: notes, reply: [] }] }
      |                                         ^

    error: there is no archetype `answered-outbond`
     --> scenarios/a.yaml:8:11
      |
    8 |     fire: answered-outbond
      |           ^^^^^^^^^^^^^^^^
      |
    help: did you mean `answered-outbound`?

    error: a status is a number from 100 to 599, not `2x`
     --> scenarios/a.yaml:9:23
      |
    9 |     expect: { status: 2x, within: 5 }
      |                       ^^

    error: within is a time with its unit, such as `250ms` or `2s`, not `5`
     --> scenarios/a.yaml:9:35
      |
    9 |     expect: { status: 2x, within: 5 }
      |                                   ^

    error: there is a step `one` already
      --> scenarios/a.yaml:10:9
       |
    10 |   - id: one
       |         ^^^

    error: no step `two` before this one sends an event
      --> scenarios/a.yaml:11:16
       |
    11 |     redeliver: two
       |                ^^^

    error: a step does exactly one thing
      --> scenarios/a.yaml:12:9
       |
    12 |   - id: three
       |         ^^^^^
       |
    help: give it one of `fire`, `redeliver` and `calls`

    error: `${fist.event.eventId}` refers to no earlier step
      --> scenarios/a.yaml:16:34
       |
    16 |     fire: { set: { $.payload.id: "${fist.event.eventId}" }, body: "x" }
       |                                  ^^^^^^^^^^^^^^^^^^^^^^^
       |
    help: it may refer to `env` or to the id of a step before

    error: `body` takes the place of an event
      --> scenarios/a.yaml:16:67
       |
    16 |     fire: { set: { $.payload.id: "${fist.event.eventId}" }, body: "x" }
       |                                                                   ^^^
       |
    help: leave out `archetype`, `set` and `unset`

    error: the pattern is wrong: unclosed group
      --> scenarios/a.yaml:17:39
       |
    17 |     expect: { body: { $.a: { matches: "(" }, $.b: { gt: 1, like: 2 } } }
       |                                       ^^^

    error: there is no check `like`
      --> scenarios/a.yaml:17:60
       |
    17 |     expect: { body: { $.a: { matches: "(" }, $.b: { gt: 1, like: 2 } } }
       |                                                            ^^^^
       |
    help: a map that holds a check holds nothing else; to compare with the map itself, write `equals: {…}`
    "#);
}

#[test]
fn a_file_that_is_no_yaml_says_where() {
    insta::assert_snapshot!(problems("version: 1\nname: [a\nsteps: []\n"), @"
    error: illegal placement of ':' indicator
     --> scenarios/a.yaml:3:6
      |
    3 | steps: []
      |      ^
    ");
    insta::assert_snapshot!(problems("version: 1\nsteps:\n  - id: a\n    calls: { path: /a/${first.event.id}, count: 1 }\n"), @"
    error: while parsing a flow mapping, did not find expected ',' or '}'
     --> scenarios/a.yaml:4:24
      |
    4 |     calls: { path: /a/${first.event.id}, count: 1 }
      |                        ^
      |
    help: a text with `{`, `}`, `[`, `]`, `,` or `: ` in it needs quotes
    ");
    insta::assert_snapshot!(problems("version: 1\nname: a: b\n"), @"
    error: mapping values are not allowed in this context
     --> scenarios/a.yaml:2:8
      |
    2 | name: a: b
      |        ^
      |
    help: a text with `{`, `}`, `[`, `]`, `,` or `: ` in it needs quotes
    ");
    insta::assert_snapshot!(problems("version: 1\n\tname: a\n"), @"
    error: while scanning a plain scalar, found a tab
     --> scenarios/a.yaml:1:10
      |
    1 | version: 1
      |          ^
    ");
    insta::assert_snapshot!(problems("version: 1\nsteps:\n- id: a\n   fire: inbound\n"), @"
    error: mapping values are not allowed in this context
     --> scenarios/a.yaml:4:8
      |
    4 |    fire: inbound
      |        ^
    ");
    insta::assert_snapshot!(problems("version: 1\nversion: 1\n"), @"
    error: duplicate mapping key: version
     --> scenarios/a.yaml:2:1
      |
    2 | version: 1
      | ^^^^^^^
    ");
    insta::assert_snapshot!(problems(""), @"
    error: the file holds no scenario
     --> scenarios/a.yaml:1:1
      |
    1 |
      | ^
    ");
    insta::assert_snapshot!(problems("- a\n"), @"
    error: a scenario is a map, not a list
     --> scenarios/a.yaml:1:1
      |
    1 | - a
      | ^
    ");
    insta::assert_snapshot!(problems("version: 1\nname: a\nsteps: []\n"), @"
    error: a scenario has at least one step
     --> scenarios/a.yaml:3:8
      |
    3 | steps: []
      |        ^
    ");
}

proptest::proptest! {
    #[test]
    fn no_text_panics(cut in 0..EVERY_PART.len(), junk in "\\PC{0,8}") {
        if let (Some(head), Some(tail)) = (EVERY_PART.get(..cut), EVERY_PART.get(cut..)) {
            let text = format!("{head}{junk}{tail}");
            let shown = read(&text).map_err(|invalid| invalid.to_string());
            proptest::prop_assert!(shown.is_ok() || !shown.unwrap_err().is_empty());
        }
    }
}
