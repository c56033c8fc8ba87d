//! What VERSION 1 of the generator makes of some seeds. A change here is a change of what every seed
//! means: bump [`VERSION`](ringback_generator::VERSION), unless nobody has seen the old output yet.

use ringback_generator::{Archetype, Recipe, VERSION, bytes};

/// FNV-1a, so that a test of a digest needs no crate.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn version_1_makes_these_bytes() {
    assert_eq!(VERSION, 1);
    let mut lines = Vec::new();
    for archetype in Archetype::ALL {
        let recipe = Recipe { archetype: Some(*archetype), ..Recipe::new(42) };
        let event = bytes(&recipe, 17);
        lines.push(format!("{archetype} {} {:016x}", event.len(), digest(&event)));
    }
    let mix: Vec<u8> = (0..200).flat_map(|index| bytes(&Recipe::new(42), index)).collect();
    lines.push(format!("mix {} {:016x}", mix.len(), digest(&mix)));
    insta::assert_snapshot!(lines.join("\n"), @"
    answered-outbound 11298 23549baf3880a688
    unanswered-outbound 1913 a7da4b07d15cc1a1
    inbound 11495 4c7e4ca94a5a5580
    web-chat 10334 8f57893d1fb8f37a
    transferred 11585 ce0fb5a32ddd498e
    web-call 11319 f41cc0d30fe5c7ba
    anonymous-chat 8786 c8beaa5756cfbdf2
    withheld-number 10025 f7a9440cf5369665
    transfer-timeout 11645 5e1bb86b21beb039
    transfer-failed 12251 64ccd0f7d43f1eba
    handed-off 13071 5dadaf96caf9d870
    handed-off-transferred 13449 70ac29d9e306a94c
    flow 11366 9e268b388b755ef8
    inbound-flow 11563 8ae592a5e50cb624
    user-hangup 6762 541b77b1cae5bbe2
    agent-hangup 11375 4ab57121e11e4587
    user-inactivity 7231 54556e90b64aa65a
    network-error 6762 97e126a04d8beccd
    max-duration 11296 223a492cdb290d67
    voicemail 4379 5046f1906183466b
    busy 1903 a105a3fb9071ea48
    failed 1904 1bf129161b48eb7c
    do-not-disturb 11297 bfa6e2e2d6d7e20d
    recording-in-progress 11395 2b1238d87d52ac96
    mix 1465722 d3bbd118d7c94f28
    ");
}
