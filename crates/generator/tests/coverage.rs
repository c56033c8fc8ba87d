//! What a corpus of the realistic mix exercises.

use ringback_event::EXAMPLE;
use ringback_generator::{Coverage, Recipe, apply, bytes};

#[test]
fn two_thousand_events_exercise_all_that_a_completed_call_can_show() {
    let mut coverage = Coverage::default();
    for index in 0..2_000 {
        coverage.add(&bytes(&Recipe::new(42), index));
    }
    // What only the other event has, and states that no event of a call that is over is in.
    insta::assert_snapshot!(coverage.missing().join("\n"), @"
    no value at /payload/customer/sourceFile
    no value at /payload/llmUrl
    no value at /payload/postCallCategory1
    no value at /payload/postCallCategory2
    no value at /payload/postCallCategory3
    no value at /payload/postCallMetadata
    no value at /payload/postCallNotes
    no value at /payload/summary
    no value at /payload/wsUrl
    no queued at /payload/conversationStatus
    no dialing at /payload/conversationStatus
    no active at /payload/conversationStatus
    no conversation.analysisCompleted at /eventType
    no call that looks like user-hangup
    no call that looks like agent-hangup
    no call that looks like recording-in-progress
    ");
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
    insta::assert_snapshot!(line("/payload/customer "), @"/payload/customer 3 0 0 1");
    insta::assert_snapshot!(line("/payload/transcript "), @"/payload/transcript 3 0 1 0");
    insta::assert_snapshot!(line("/payload/endReason                             call_screened"), @"/payload/endReason call_screened 1 not listed");
    insta::assert_snapshot!(line("mutations"), @"mutations: 4 of the catalogue's 131");
}
