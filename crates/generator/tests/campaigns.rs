//! What recurs over a corpus, and how the calls of a campaign hang together.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ringback_event::{Event, Field, Level, Payload, Timestamp, judge};
use ringback_generator::{Archetype, Generator, Population, Profile, Recipe, bytes, event};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn recipe(profile: &str, seed: u64) -> Recipe {
    Recipe { profile: Arc::new(Profile::named(profile).unwrap()), ..Recipe::new(seed) }
}

fn payloads(recipe: &Recipe, count: u64) -> Vec<Payload> {
    let mut generator = Generator::new(recipe);
    (0..count).map(|index| generator.event(index).payload).collect()
}

fn at(time: &Field<Timestamp>) -> i64 {
    time.value().unwrap().as_millisecond()
}

fn attempt(payload: &Payload) -> Option<i64> {
    let text = payload.dynamic_variables.value().unwrap();
    let variables: serde_json::Value = serde_json::from_str(text.as_text()).unwrap();
    variables.get("attempt").map(|attempt| attempt.as_i64().unwrap())
}

/// Those few are called for what they asked, and not in their turn.
fn asked_not_to_be_called(payload: &Payload) -> bool {
    payload
        .customer
        .value()
        .is_some_and(|customer| customer.is_do_not_disturb_enabled.value() == Some(&true))
}

fn distinct<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> usize {
    texts.collect::<HashSet<_>>().len()
}

#[test]
fn the_same_people_agents_and_campaigns_recur_over_a_corpus() {
    let payloads = payloads(&Recipe::new(42), 4_000);
    assert_eq!(distinct(payloads.iter().map(|payload| payload.workspace_id.text())), 1);
    assert_eq!(distinct(payloads.iter().map(|payload| Some(payload.id.as_str()))), 4_000);
    assert!(distinct(payloads.iter().map(|payload| payload.agent_id.text())) <= 128);
    let customers = distinct(payloads.iter().map(|payload| payload.customer_id.text()));
    assert!((1_500..2_900).contains(&customers), "{customers}");
    let campaigns = distinct(payloads.iter().map(|payload| payload.campaign_id.text()));
    let runs = distinct(payloads.iter().map(|payload| payload.campaign_run_id.text()));
    assert!(campaigns <= 257 && runs > campaigns, "{campaigns} {runs}");

    // Whoever recurs is the same person each time.
    let mut known: HashMap<&str, serde_json::Value> = HashMap::new();
    for customer in payloads.iter().filter_map(|payload| payload.customer.value()) {
        let now = serde_json::to_value(customer).unwrap();
        let before = known.entry(customer.id.text().unwrap()).or_insert_with(|| now.clone());
        assert_eq!(*before, now);
    }
}

#[test]
fn nobody_is_in_two_calls_at_once() {
    let payloads = payloads(&Recipe::new(7), 4_000);
    let mut calls: HashMap<&str, Vec<(i64, i64)>> = HashMap::new();
    for payload in &payloads {
        let is_in_turn = !asked_not_to_be_called(payload);
        if let Some(customer) = payload.customer_id.text().filter(|_| is_in_turn) {
            let call = (at(&payload.created_at), at(&payload.updated_at));
            calls.entry(customer).or_default().push(call);
        }
    }
    let mut again = 0;
    for (customer, mut calls) in calls {
        calls.sort_unstable();
        for pair in calls.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{customer}: {pair:?}");
            again += 1;
        }
    }
    assert!(again > 500, "{again}");
}

#[test]
fn a_campaign_calls_those_again_whom_it_did_not_reach() {
    let payloads = payloads(&recipe("campaign", 42), 3_000);
    let mut tries: HashMap<(&str, &str), Vec<&Payload>> = HashMap::new();
    for payload in payloads.iter().filter(|payload| !asked_not_to_be_called(payload)) {
        if let Some(run) = payload.campaign_run_id.text() {
            tries.entry((run, payload.customer_id.text().unwrap())).or_default().push(payload);
        }
    }
    let mut again = [0; 4];
    for tries in tries.into_values() {
        let mut before: Option<&Payload> = None;
        // In the order in which they were made.
        for now in tries {
            let number = attempt(now).unwrap();
            again[usize::try_from(number).unwrap()] += 1;
            if number > 1 {
                let before = before.expect("a first try comes before");
                assert_eq!(number, attempt(before).unwrap() + 1);
                assert!(before.user_join_time.is_nothing(), "whoever was reached is left alone");
                assert_eq!(now.campaign_id, before.campaign_id);
                assert_eq!(now.agent_id, before.agent_id);
                assert_eq!(now.customer, before.customer);
                let gap = at(&now.created_at) - at(&before.call_end_time);
                assert!((10 * 60_000..6 * HOUR).contains(&gap), "{gap} ms");
                assert_eq!(matter(now), matter(before), "it is about the same matter");
            }
            before = Some(now);
        }
    }
    assert!(again[1] > 1_000 && again[2] > 300 && again[3] > 100, "{again:?}");
}

/// The variables without the number of the attempt.
fn matter(payload: &Payload) -> serde_json::Value {
    let text = payload.dynamic_variables.value().unwrap();
    let mut variables: serde_json::Value = serde_json::from_str(text.as_text()).unwrap();
    variables.as_object_mut().unwrap().remove("attempt");
    variables
}

#[test]
fn a_run_is_a_day_of_one_campaign_between_nine_and_eight() {
    let recipe = recipe("campaign", 42);
    let epoch = at(&event(&recipe, 0).payload.created_at).div_euclid(DAY) * DAY;
    let payloads = payloads(&recipe, 4_000);
    let mut runs: HashMap<&str, (&str, i64)> = HashMap::new();
    let mut last = i64::MIN;
    for (index, payload) in payloads.iter().enumerate() {
        let Some(run) = payload.campaign_run_id.text() else { continue };
        let created = at(&payload.created_at) - epoch;
        let day = created.div_euclid(DAY);
        assert_eq!(day, i64::try_from(index / 1_500).unwrap());
        let hour = created.rem_euclid(DAY) / HOUR;
        assert!((9..20).contains(&hour), "{hour}");
        assert!(created > last, "calls of campaigns are made in their order");
        last = created;
        let campaign = payload.campaign_id.text().unwrap();
        assert_eq!(*runs.entry(run).or_insert((campaign, day)), (campaign, day));
    }
    assert!(runs.len() > 20);
}

#[test]
fn an_attempt_is_the_same_made_alone() {
    let recipe = recipe("campaign", 42);
    let all: Vec<Vec<u8>> = {
        let mut generator = Generator::new(&recipe);
        let mut make = |index| {
            let mut out = Vec::new();
            generator.write(index, &mut out);
            out
        };
        (0..300).map(&mut make).collect()
    };
    for index in [299, 61, 121, 180, 0, 60] {
        assert_eq!(bytes(&recipe, index), all[usize::try_from(index).unwrap()], "{index}");
    }
}

const PEOPLE: &str = r#"
{"identifier":"CUST-1","id":"00000000-0000-4000-8000-000000000001","name":"Ada Byron","phoneNumber":"+12025550101","email":"ada@example.com","priority":1,"metadata":{"plan":"gold"}}
{"identifier":"CUST-2","name":"田中 さくら","locale":"ja","isDoNotDisturbEnabled":true}
{"identifier":"CUST-3","locale":"ja"}
"#;

#[test]
fn a_population_is_who_is_called() {
    let population = Some(Arc::new(Population::parse(PEOPLE).unwrap()));
    let recipe = Recipe { population, ..Recipe::new(7) };
    let mut seen: HashMap<String, u32> = HashMap::new();
    for index in 0..400 {
        let event = bytes(&recipe, index);
        assert_eq!(judge(&event, Level::Semantic), [], "{index}");
        let event: Event = serde_json::from_slice(&event).unwrap();
        let Some(customer) = event.payload.customer.value() else { continue };
        let identifier = customer.identifier.clone();
        match identifier.as_str() {
            "CUST-1" => {
                let printed = serde_json::to_string(customer).unwrap();
                for datum in ["00000000-0000-4000-8000-000000000001", "Ada Byron", "+12025550101"] {
                    assert!(printed.contains(datum), "{printed}");
                }
                assert!(
                    printed.contains(r#""priority":1"#) && printed.contains(r#"{"plan":"gold"}"#)
                );
            }
            "CUST-2" => {
                assert_eq!(customer.is_do_not_disturb_enabled.value(), Some(&true));
                let phone = customer.phone_number.text().unwrap();
                assert!(phone.starts_with("+81900"), "{phone}");
            }
            _ => assert!(customer.name.is_nothing()),
        }
        *seen.entry(identifier).or_default() += 1;
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen.values().all(|calls| *calls > 3), "{seen:?}");
}

#[test]
fn a_campaign_calls_somebody_who_asked_not_to_be_called() {
    let archetype = Some(Archetype::DoNotDisturb);
    let population = Some(Arc::new(Population::parse(PEOPLE).unwrap()));
    for recipe in
        [Recipe { archetype, ..Recipe::new(7) }, Recipe { archetype, population, ..Recipe::new(7) }]
    {
        for payload in payloads(&recipe, 50) {
            let customer = payload.customer.value().unwrap();
            assert_eq!(customer.is_do_not_disturb_enabled.value(), Some(&true));
        }
    }
}
