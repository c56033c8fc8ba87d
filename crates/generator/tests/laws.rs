//! What holds for every event, whatever the seed.

use std::sync::Arc;

use proptest::prelude::*;
use ringback_event::{Event, Level, judge};
use ringback_generator::{Archetype, Generation, Profile, Recipe, analysis, bytes, event};

fn recipes() -> impl Strategy<Value = Recipe> {
    (any::<u64>(), proptest::option::of(proptest::sample::select(Archetype::ALL)))
        .prop_map(|(seed, archetype)| Recipe { archetype, ..Recipe::new(seed) })
}

/// The findings over an event, one a line.
fn said(event: &[u8]) -> String {
    let line = |finding: &ringback_event::Finding| {
        format!(
            "{} {} {:?}: found {}, expected {}",
            finding.rule, finding.pointer, finding.inner_pointer, finding.found, finding.expected
        )
    };
    judge(event, Level::Semantic).iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_archetype_holds_for_a_hundred_seeds() {
    for archetype in Archetype::ALL {
        for seed in 0..100 {
            let recipe = Recipe { archetype: Some(*archetype), ..Recipe::new(seed) };
            let event = bytes(&recipe, seed % 7);
            assert_eq!(said(&event), "", "{archetype}, seed {seed}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_passes_both_validators(recipe in recipes(), index: u64) {
        prop_assert_eq!(said(&bytes(&recipe, index)), "");
    }

    #[test]
    fn parse_and_print_give_the_bytes_back(recipe in recipes(), index in 0_u64..10_000) {
        let printed = bytes(&recipe, index);
        let parsed: Event = serde_json::from_slice(&printed).unwrap();
        prop_assert_eq!(&parsed, &event(&recipe, index));
        prop_assert_eq!(serde_json::to_vec(&parsed).unwrap(), printed);
    }

    #[test]
    fn the_bytes_are_those_of_the_typed_event(
        recipe in recipes(), index in 0_u64..10_000, which in 0..7_usize,
    ) {
        let (name, _) = Profile::shipped().nth(which).unwrap_or(("world", ""));
        let profile = Arc::new(Profile::named(name).unwrap());
        let recipe = Recipe { profile, ..recipe };
        let typed = serde_json::to_string(&event(&recipe, index)).unwrap();
        prop_assert_eq!(String::from_utf8(bytes(&recipe, index)).unwrap(), typed);
    }

    #[test]
    fn an_event_depends_on_its_recipe_and_index_alone(recipe in recipes(), index in 0_u64..10_000) {
        let alone = bytes(&recipe, index);
        let _others = (bytes(&recipe, index + 1), bytes(&Recipe::new(7), index));
        prop_assert_eq!(bytes(&recipe, index), alone);
    }

    #[test]
    fn an_identity_changes_the_ids_of_the_conversation_and_nothing_else(
        recipe in recipes(), identity: u64, index in 0_u64..10_000,
    ) {
        let once = event(&recipe, index);
        let again = event(&Recipe { identity, ..recipe.clone() }, index);
        if identity != recipe.identity {
            prop_assert_ne!(&once.event_id, &again.event_id);
            prop_assert_ne!(&once.payload.id, &again.payload.id);
        }
        prop_assert_eq!(rename(&again, &once).unwrap(), once);
    }

    #[test]
    fn any_epoch_gives_an_event(seed: u64, epoch in -62_000_000_000_000_i64..253_000_000_000_000) {
        let epoch = ringback_event::Timestamp::from_millisecond(epoch).ok();
        prop_assert_eq!(said(&bytes(&Recipe { epoch, ..Recipe::new(seed) }, u64::MAX)), "");
    }
}

/// Returns an event with the ids of another that tells the same story.
fn rename(event: &Event, other: &Event) -> serde_json::Result<Event> {
    let mut printed = serde_json::to_value(event)?;
    let printed_other = serde_json::to_value(other)?;
    let mut ids =
        vec!["/eventId".to_owned(), "/payload/id".to_owned(), "/payload/recordingUrl".to_owned()];
    for (list, keys) in [
        ("transcripts", &["id", "conversationId", "conversationAgentId"][..]),
        ("agents", &["id", "conversationId", "segmentId", "sourceHandoffId"]),
        ("users", &["id", "conversationId"]),
        ("transfers", &["id", "conversationId"]),
    ] {
        for row in 0..2 {
            ids.extend(keys.iter().map(|key| format!("/payload/{list}/{row}/{key}")));
        }
    }
    for id in ids {
        if let (Some(here), Some(there)) = (printed.pointer_mut(&id), printed_other.pointer(&id)) {
            *here = there.clone();
        }
    }
    serde_json::from_value(printed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_analysis_is_a_second_event_of_the_same_call(recipe in recipes(), index in 0_u64..10_000) {
        let call = event(&recipe, index);
        for generation in Generation::ALL {
            let Some(analysis) = analysis(&recipe, index, generation) else {
                prop_assert!(call.payload.user_join_time.is_nothing());
                continue;
            };
            let printed = serde_json::to_vec(&analysis.event).unwrap();
            prop_assert_eq!(said(&printed), "");
            prop_assert_eq!(&analysis.event.payload.id, &call.payload.id);
            prop_assert_ne!(&analysis.event.event_id, &call.event_id);
            prop_assert_eq!(&analysis.event.payload.transcript, &call.payload.transcript);
            prop_assert!(analysis.event.payload.updated_at.value() > call.payload.updated_at.value());
            let is_old = generation == Generation::Old;
            prop_assert_eq!(analysis.event.payload.summary.is_absent(), !is_old);
            prop_assert_eq!(analysis.event.payload.agent_join_time.is_absent(), is_old);
        }
    }
}
