//! What people say, and what they are called and reached by.

use std::collections::HashSet;

use ringback_generator::{Archetype, Profile, Recipe, event};

#[test]
fn no_two_of_ten_thousand_answered_calls_share_a_transcript() {
    let recipe = Recipe::new(42);
    let mut transcripts = HashSet::new();
    let mut answered = 0;
    for index in 0.. {
        let payload = event(&recipe, index).payload;
        if payload.user_join_time.is_nothing() {
            continue;
        }
        let transcript = payload.transcript.value().unwrap().clone();
        assert!(transcript.lines().count() >= 1, "{index}");
        assert!(!transcripts.contains(&transcript), "{index}: {transcript}");
        transcripts.insert(transcript);
        answered += 1;
        if answered == 10_000 {
            break;
        }
    }
}

#[test]
fn every_number_and_address_belongs_to_nobody() {
    // The ranges that are kept for fiction, or that no subscriber can have; data/locales says why.
    let safe = |number: &str| {
        let digits = number.strip_prefix('+').unwrap();
        let is_american = digits.starts_with('1') && digits.len() == 11 && &digits[4..9] == "55501";
        let prefixes = [
            "4930231250",
            "4930231251",
            "493023125",
            "496990009",
            "494066969",
            "492214710",
            "498999998",
            "49176040690",
            "336399800",
            "336399801",
            "331990010",
            "331990020",
            "332619100",
            "333530100",
            "334657100",
            "334657110",
            "335364900",
            "55209",
            "55203",
            "91220",
            "91110",
            "91800",
            "91440",
            "966110",
            "966120",
            "966130",
            "966140",
            "81900",
            "81800",
            "81300",
        ];
        is_american || prefixes.iter().any(|prefix| digits.starts_with(prefix))
    };
    for index in 0..3_000 {
        let payload = event(&Recipe::new(7), index).payload;
        for number in [&payload.to_phone_number, &payload.from_phone_number] {
            if let Some(number) = number.text().filter(|number| !number.is_empty()) {
                assert!(safe(number), "{number}");
            }
        }
        if let Some(email) = payload.customer.value().and_then(|customer| customer.email.text()) {
            let (user, domain) = email.split_once('@').unwrap();
            assert!(user.is_ascii() && !user.is_empty(), "{email}");
            assert!(["example.com", "example.org", "example.net"].contains(&domain), "{email}");
        }
    }
}

#[test]
fn the_same_people_recur_over_a_corpus() {
    let recipe = Recipe { archetype: Some(Archetype::AnsweredOutbound), ..Recipe::new(42) };
    let payloads: Vec<_> = (0..2_000).map(|index| event(&recipe, index).payload).collect();
    let count = |texts: Vec<Option<&str>>| texts.into_iter().collect::<HashSet<_>>().len();
    assert_eq!(count(payloads.iter().map(|payload| payload.workspace_id.text()).collect()), 1);
    assert!(count(payloads.iter().map(|payload| payload.agent_id.text()).collect()) <= 256);
    let customers = count(payloads.iter().map(|payload| payload.customer_id.text()).collect());
    assert!((1_700..2_000).contains(&customers), "{customers}");
    assert_eq!(count(payloads.iter().map(|payload| Some(payload.id.as_str())).collect()), 2_000);
}

#[test]
fn a_campaign_calls_those_again_whom_it_did_not_reach() {
    let recipe = Recipe { profile: campaign(), ..Recipe::new(42) };
    let payloads: Vec<_> = (0..1_000).map(|index| event(&recipe, index).payload).collect();
    let mut again = 0;
    for (index, payload) in payloads.iter().enumerate().skip(60) {
        let before = &payloads[index - 60];
        // Three attempts, and then no more.
        let is_retry = index / 60 % 3 > 0;
        if is_retry
            && before.end_reason.text() == Some("user_did_not_answer")
            && before.campaign_id.value().is_some()
        {
            let is_campaign = payload.campaign_id.value().is_some();
            assert_eq!(payload.customer_id == before.customer_id, is_campaign, "{index}");
            assert!(!is_campaign || payload.campaign_id == before.campaign_id, "{index}");
            again += u32::from(is_campaign);
        }
        // A run is one day of a campaign.
        for other in &payloads[..index] {
            if payload.campaign_run_id.value().is_some()
                && payload.campaign_run_id == other.campaign_run_id
            {
                assert_eq!(payload.campaign_id, other.campaign_id);
            }
        }
    }
    assert!(again > 150, "{again}");
}

fn campaign() -> std::sync::Arc<Profile> {
    std::sync::Arc::new(Profile::named("campaign").unwrap_or_default())
}
