//! The laws of the property strategies.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use ringback_event::{EXAMPLE, Event, Level, judge};
use ringback_generator::strategy::{Case, invalid, sequences, tomorrow, valid, wide};

fn said(body: &[u8]) -> String {
    let line = |finding: &ringback_event::Finding| {
        format!(
            "{} {}: found {}, expected {}",
            finding.rule, finding.pointer, finding.found, finding.expected
        )
    };
    judge(body, Level::Semantic).iter().map(line).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_valid_case_passes_both_validators(case in valid()) {
        prop_assert_eq!(said(&case.bytes(1)), "");
    }

    #[test]
    fn every_wide_case_passes_both_validators(case in wide()) {
        prop_assert_eq!(said(&case.bytes(1)), "");
    }

    #[test]
    fn every_case_of_tomorrow_passes_both_validators(case in tomorrow()) {
        prop_assert_eq!(said(&case.bytes(1)), "");
    }

    #[test]
    fn every_invalid_case_fails_for_the_reason_that_its_mutation_names(case in invalid()) {
        prop_assert_eq!(case.mutations.len(), 1);
        prop_assert!(case.is_as_broken_as_said());
        let findings = judge(&case.bytes(1), Level::Semantic);
        prop_assert!(findings.iter().any(|it| it.rule.id() == case.mutations[0].breaks[0]));
    }

    #[test]
    fn a_case_is_read_and_printed_the_same(case in wide()) {
        let printed = case.bytes(1);
        let parsed: Event = serde_json::from_slice(&printed).unwrap();
        prop_assert_eq!(serde_json::to_vec(&parsed).unwrap(), printed);
    }

    #[test]
    fn the_bytes_of_a_case_are_those_of_its_typed_event(case in wide()) {
        let typed = serde_json::to_string(&case.event(1)).unwrap();
        prop_assert_eq!(String::from_utf8(case.bytes(1)).unwrap(), typed);
    }

    #[test]
    fn ids_come_from_the_identity_alone(case in valid()) {
        let (one, other) = (case.event(1), case.event(2));
        prop_assert_ne!(&one.event_id, &other.event_id);
        prop_assert_ne!(&one.payload.id, &other.payload.id);
        prop_assert_eq!(case.bytes(1), case.bytes(1));
    }

    #[test]
    fn a_retry_keeps_its_id_and_a_reissue_does_not(sequence in sequences()) {
        for delivery in &sequence.deliveries {
            let id = |reissue| {
                let delivery = ringback_generator::strategy::Delivery { reissue, ..delivery.clone() };
                let event: Event = serde_json::from_slice(&sequence.bytes(&delivery, 3)).unwrap();
                (event.event_id, event.payload.id)
            };
            prop_assert_eq!(said(&sequence.bytes(delivery, 3)), "");
            prop_assert_ne!(id(0).0, id(1).0);
            prop_assert_eq!(id(0).1, id(1).1);
        }
    }
}

/// Shrinks the first case that fails a test as far as it goes.
fn smallest(strategy: impl Strategy<Value = Case>, fails: impl Fn(&Case) -> bool) -> Case {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    loop {
        let Ok(mut tree) = strategy.new_tree(&mut runner) else { continue };
        if !fails(&tree.current()) {
            continue;
        }
        let mut best = tree.current();
        let mut goes_on = tree.simplify();
        while goes_on {
            goes_on = if fails(&tree.current()) {
                best = tree.current();
                tree.simplify()
            } else {
                tree.complicate()
            };
        }
        return best;
    }
}

#[test]
fn shrinking_walks_to_the_documented_example() {
    let smallest = smallest(valid(), |_| true).event(0).payload;
    let documented: Event = serde_json::from_slice(EXAMPLE).unwrap();
    let documented = documented.payload;
    assert_eq!(smallest.transcript, documented.transcript);
    assert_eq!(smallest.dynamic_variables, documented.dynamic_variables);
    assert_eq!(smallest.end_reason, documented.end_reason);
    assert_eq!(smallest.call_start_time, documented.call_start_time);
    assert_eq!(smallest.conversation_cost, documented.conversation_cost);
    let (customer, other) =
        (smallest.customer.value().unwrap(), documented.customer.value().unwrap());
    assert_eq!(customer.name, other.name);
    assert_eq!(customer.metadata, other.metadata);
    assert_eq!(customer.phone_number, other.phone_number);
}

#[test]
fn shrinking_never_changes_which_mutation_is_to_blame() {
    let is_about_time = |case: &Case| case.mutations[0].name.starts_with("call-reversed");
    let found = smallest(invalid(), is_about_time);
    assert_eq!(found.mutations[0].name, "call-reversed");
    assert!(found.is_as_broken_as_said());
    assert_eq!(found.event(0).payload.end_reason.text(), Some("user_hangup"));
}
