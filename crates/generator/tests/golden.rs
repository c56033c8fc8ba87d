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
    answered-outbound 11198 0edefaa935a55bb4
    unanswered-outbound 1948 71f00cf67d804b61
    inbound 11268 49026e12aa333785
    web-chat 9241 a8bdb039be6601cc
    transferred 11298 2358e2d015019b74
    web-call 11090 c9f9cee46f9c6c71
    anonymous-chat 6239 ee6d8ebb0d6450de
    withheld-number 7647 abf342af706f8822
    transfer-timeout 11200 4a62806edddd18f1
    transfer-failed 11868 37679d255ef6d79f
    handed-off 13270 0e287dc71a30a26e
    handed-off-transferred 13431 5db42c1f82a84864
    flow 11266 0877586de15cc114
    inbound-flow 11336 1ea191df67ab1d25
    user-hangup 8666 116711d7a4b77f99
    agent-hangup 11124 d4c0c7500a1b7e5f
    user-inactivity 9010 ff20fe0c695d9f18
    network-error 8654 825cf596783befe4
    max-duration 12346 1a8d070fb6291be2
    voicemail 4471 9e85181cc600c6d5
    busy 1938 591bae40186fd25b
    failed 1939 c710b9ad883371c4
    do-not-disturb 11197 c1d6170aa9f81ad5
    recording-in-progress 11168 d773b99f6018fdd7
    mix 1411564 63ac1a3128f3a6cc
    ");
}
