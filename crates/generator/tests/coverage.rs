//! What a corpus of the realistic mix exercises.

use ringback_event::EXAMPLE;
use ringback_generator::{Coverage, Recipe, apply, bytes, kind, mutations};

#[test]
fn two_thousand_events_exercise_all_that_a_completed_call_can_show() {
    let mut coverage = Coverage::default();
    for index in 0..2_000 {
        let recipe = Recipe::new(42);
        coverage.add_made(&bytes(&recipe, index), &kind(&recipe, index));
    }
    let missing = coverage.missing();
    let these = |what: &str| {
        missing.iter().find(|it| it.what == what).map_or(String::new(), |it| it.these.join("\n"))
    };
    // What only the other event has.
    insta::assert_snapshot!(these("never with a value"), @"
    /payload/customer/sourceFile
    /payload/postCallMetadata
    /payload/wsUrl
    /payload/llmUrl
    /payload/summary
    /payload/postCallNotes
    /payload/postCallCategory1
    /payload/postCallCategory2
    /payload/postCallCategory3
    ");
    // States that no event of a call that is over is in.
    insta::assert_snapshot!(these("values"), @"
    /payload/conversationStatus queued
    /payload/conversationStatus dialing
    /payload/conversationStatus active
    /eventType conversation.analysisCompleted
    ");
    for sort in ["archetypes", "locales", "domains"] {
        assert_eq!(these(sort), "", "{sort}");
    }
    // A profile leaves nothing out unless it is told to, and nothing is mutated here.
    assert!(these("never missing").contains("/payload/customer/email"));
    assert!(these("never null").contains("/payload/transcript\n"));
    assert!(!these("never null").contains("/payload/flowId"));
    assert_eq!(these("mutations").lines().count(), mutations().len());
}

#[test]
fn a_coverage_counts_what_is_empty_null_missing_unlisted_and_mutated() {
    let mut coverage = Coverage::default();
    coverage.add(EXAMPLE);
    for name in ["drop-customer", "null-transcript", "unlisted-end-reason", "truncated"] {
        coverage.add(&apply(EXAMPLE, &name.parse().unwrap()).unwrap());
        coverage.add_mutation(name);
    }
    let said = coverage.to_string();
    let line = |start: &str| {
        let line = said.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or("");
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    insta::assert_snapshot!(line("events"), @"events 5, not JSON 1");
    insta::assert_snapshot!(line("/payload/customer "), @"/payload/customer 4 0 0 1");
    insta::assert_snapshot!(line("/payload/transcript "), @"/payload/transcript 4 0 1 0");
    insta::assert_snapshot!(line("/payload/endReason                             call_screened"), @"/payload/endReason call_screened 1 not listed");
    insta::assert_snapshot!(line("mutations"), @"mutations: 4 of the catalogue's 131");
}
