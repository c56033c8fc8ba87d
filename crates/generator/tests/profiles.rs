//! What holds for every profile, shipped or learnt.

use std::collections::HashMap;
use std::sync::Arc;

use ringback_event::{Event, Level, Rule, judge};
use ringback_generator::{Profile, Recipe, bytes, event};

fn recipe(name: &str, seed: u64) -> Recipe {
    let profile = Arc::new(Profile::named(name).unwrap_or_default());
    Recipe { profile, ..Recipe::new(seed) }
}

#[test]
fn every_shipped_profile_makes_events_that_hold() {
    for (name, _) in Profile::shipped() {
        let recipe = recipe(name, 42);
        for index in 0..150 {
            let event = bytes(&recipe, index);
            let mut findings = judge(&event, Level::Semantic);
            if name == "documented-ids" {
                findings.retain(|finding| finding.rule != Rule::EventUuid);
            }
            assert!(findings.is_empty(), "{name}, event {index}: {findings:?}");
            let parsed: Event = serde_json::from_slice(&event).unwrap();
            assert_eq!(serde_json::to_vec(&parsed).unwrap(), event, "{name}, event {index}");
        }
    }
}

#[test]
fn ids_can_have_the_form_of_the_documented_example() {
    let event = event(&recipe("documented-ids", 42), 0);
    assert!(event.event_id.starts_with("evt_") && event.event_id.len() == 20, "{}", event.event_id);
    assert!(event.payload.id.starts_with("conv_"));
    assert!(event.payload.workspace_id.text().is_some_and(|id| id.starts_with("ws_")));
}

#[test]
fn archetypes_occur_as_often_as_their_weights_say() {
    let profile = Profile::parse("[archetypes]\nweb-chat = 3\nbusy = 1\n").unwrap();
    let recipe = Recipe { profile: Arc::new(profile), ..Recipe::new(7) };
    let chats = (0..4_000)
        .filter(|index| event(&recipe, *index).payload.conversation_type.text() == Some("chat"))
        .count();
    assert!((2_900..3_100).contains(&chats), "{chats}");
}

#[test]
fn keys_are_null_or_missing_as_often_as_the_profile_says() {
    let recipe = recipe("sparse", 7);
    let events: Vec<Event> = (0..3_000).map(|index| event(&recipe, index)).collect();
    let costs = events.iter().map(|event| &event.payload.conversation_cost);
    let absent = costs.clone().filter(|cost| cost.is_absent()).count();
    let null = costs.filter(|cost| cost.is_nothing() && !cost.is_absent()).count();
    assert!((500..700).contains(&absent) && (800..1_000).contains(&null), "{absent} {null}");
}

#[test]
fn half_the_calls_are_shorter_than_the_median() {
    let text =
        "[archetypes]\nanswered-outbound = 1\n[lengths]\nmedian_seconds = 180\nsigma = 0.4\n";
    let recipe = Recipe { profile: Arc::new(Profile::parse(text).unwrap()), ..Recipe::new(7) };
    let shorter = (0..2_000)
        .filter(|index| {
            let payload = event(&recipe, *index).payload;
            let at = |time: &ringback_event::Field<ringback_event::Timestamp>| {
                time.value().map_or(0, |time| time.as_millisecond())
            };
            at(&payload.user_leave_time) - at(&payload.user_join_time) < 180_000
        })
        .count();
    assert!((850..1_150).contains(&shorter), "{shorter}");
}

#[test]
fn a_profile_is_learnt_from_events_and_gives_others_like_them() {
    let text = "[archetypes]\nweb-chat = 2\ninbound = 1\nvoicemail = 1\n\
                [locales]\nde = 1\nja = 1\n\
                [lengths]\nmedian_seconds = 240\nsigma = 0.3\n\
                [ids]\nstyle = \"prefixed\"\n\
                [presence]\ncustomer-email = { null = 0.5 }\n";
    let taught = Profile::parse(text).unwrap();
    let recipe = Recipe { profile: Arc::new(taught), ..Recipe::new(7) };
    let events: Vec<Event> = (0..2_000).map(|index| event(&recipe, index)).collect();
    let learnt = Profile::like(&events).unwrap();
    let toml = learnt.to_toml();

    // Nothing of the people in it.
    for event in events.iter().take(200) {
        let customer = event.payload.customer.value().unwrap();
        for datum in [customer.name.text(), customer.email.text(), customer.phone_number.text()] {
            assert!(!datum.is_some_and(|datum| toml.contains(datum)), "{datum:?}");
        }
    }
    let again = Recipe { profile: Arc::new(learnt), ..Recipe::new(8) };
    let mut kinds: HashMap<Option<String>, u32> = HashMap::new();
    let mut null = 0;
    for index in 0..2_000 {
        let event = event(&again, index);
        assert!(event.event_id.starts_with("evt_"));
        let kind = event.payload.conversation_type.text().map(str::to_owned);
        *kinds.entry(kind).or_default() += 1;
        null += u32::from(event.payload.customer.value().unwrap().email.value().is_none());
    }
    let chats = kinds[&Some("chat".to_owned())];
    assert!((900..1_100).contains(&chats), "{kinds:?}");
    assert!((900..1_150).contains(&null), "{null}");
    assert_eq!(Profile::parse(&toml).unwrap().to_toml(), toml);
}

#[test]
fn nothing_can_be_learnt_from_no_events() {
    let error = Profile::like(&[]).unwrap_err();
    assert_eq!(error.to_string(), "there is no event of a call to learn from");
}
