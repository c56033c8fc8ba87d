//! What holds for every mutation of the catalogue.

use std::collections::BTreeSet;

use proptest::prelude::*;
use ringback_event::{Level, judge};
use ringback_generator::{
    Archetype, Mutation, Recipe, apply, apply_all, bytes, event, mutations, table,
};

/// An event that has the place of a mutation.
fn suitable(mutation: &Mutation, seed: u64) -> Vec<u8> {
    let archetype = mutation.archetype.unwrap_or(Archetype::AnsweredOutbound);
    let recipe = Recipe { archetype: Some(archetype), ..Recipe::new(seed) };
    // Not everybody has a name, an address and a metadata object.
    let has_all = |index: &u64| {
        let payload = event(&recipe, *index).payload;
        payload.customer.value().is_some_and(|customer| {
            customer.name.value().is_some()
                && customer.email.value().is_some()
                && customer.metadata.value().is_some_and(|metadata| metadata["since"].is_number())
        })
    };
    bytes(&recipe, (0..1_000).find(has_all).unwrap_or_default())
}

fn broken(event: &[u8]) -> Vec<String> {
    let rules: BTreeSet<_> =
        judge(event, Level::Semantic).iter().map(|finding| finding.rule).collect();
    rules.iter().map(ToString::to_string).collect()
}

#[test]
fn each_mutation_breaks_the_rules_that_it_says_and_no_other() {
    let mut wrong = Vec::new();
    for mutation in mutations() {
        for seed in 0..3 {
            let event = suitable(mutation, seed);
            let mutated = apply(&event, mutation).unwrap();
            assert_ne!(mutated, event, "{mutation} changes nothing");
            let found = broken(&mutated);
            if found != mutation.breaks {
                wrong.push(format!("{mutation} (seed {seed}) breaks = {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_documented_table_is_the_catalogue() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/mutations.md");
    if std::env::var_os("RINGBACK_WRITE_DOCS").is_some() {
        std::fs::write(path, table()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, table(), "run the test with RINGBACK_WRITE_DOCS=1 to write the page again");
}

#[test]
fn a_mutation_without_its_place_is_refused_with_an_archetype_that_has_it() {
    let event = bytes(&Recipe { archetype: Some(Archetype::Inbound), ..Recipe::new(1) }, 0);
    let refused = |name: &str| apply(&event, &name.parse().unwrap()).unwrap_err().to_string();
    insta::assert_snapshot!(refused("sip-destination"), @"cannot apply `sip-destination`: `/payload/transfers` has no `0`; the events of archetype `transferred` have one");
    insta::assert_snapshot!(refused("drop:/payload/colour"), @"cannot apply `drop:/payload/colour`: `/payload` has no `colour`; did you mean `flowId`?");
    insta::assert_snapshot!(refused("as-text:/payload/id"), @"cannot apply `as-text:/payload/id`: the value at `/payload/id` is not a number, a boolean or null");
    insta::assert_snapshot!(apply(b"{", &"drop-event-id".parse().unwrap()).unwrap_err(), @"cannot apply `drop-event-id`: the event is not JSON (EOF while parsing an object at line 1 column 1)");
}

#[test]
fn values_are_mutated_before_the_body_whatever_the_order() {
    let event = bytes(&Recipe::new(42), 0);
    let named = |names: [&str; 2]| names.map(|name| name.parse::<Mutation>().unwrap());
    let one = apply_all(&event, &named(["byte-order-mark", "drop-event-id"])).unwrap();
    let other = apply_all(&event, &named(["drop-event-id", "byte-order-mark"])).unwrap();
    assert_eq!(one, other);
    assert!(one.starts_with(b"\xEF\xBB\xBF{\"eventType\""));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes at all: refused or mutated, never a panic.
    #[test]
    fn no_body_makes_a_mutation_panic(body in proptest::collection::vec(any::<u8>(), 0..200), which: prop::sample::Index) {
        let _ = apply(&body, which.get(mutations()));
    }

    /// One mutation on top of another: refused or mutated, never a panic.
    #[test]
    fn any_two_mutations_can_be_combined_or_are_refused(
        seed: u64, first: prop::sample::Index, second: prop::sample::Index,
    ) {
        let event = bytes(&Recipe::new(seed), 0);
        let _ = apply_all(&event, [first.get(mutations()), second.get(mutations())]);
    }

    #[test]
    fn only_the_bytes_at_the_place_change(seed: u64) {
        let event = bytes(&Recipe { archetype: Some(Archetype::Inbound), ..Recipe::new(seed) }, 0);
        let mutated = apply(&event, &"null:/payload/workspaceId".parse().unwrap()).unwrap();
        let same = event.iter().zip(&mutated).take_while(|(here, there)| here == there).count();
        let tail = event.iter().rev().zip(mutated.iter().rev()).take_while(|(here, there)| here == there).count();
        prop_assert_eq!(same + tail + 38, event.len());
    }
}
