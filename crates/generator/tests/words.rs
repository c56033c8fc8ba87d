//! What people say, and what they are called and reached by.

use std::collections::HashSet;

use ringback_generator::{Recipe, event};

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
            "91330",
            "91440",
            "966110",
            "966120",
            "966130",
            "966140",
            "81900",
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
