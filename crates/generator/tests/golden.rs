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
    answered-outbound 11474 227a2afe72bf2732
    unanswered-outbound 1949 1d4c47a53b7507b1
    inbound 11323 6ec86ece7ea9c975
    web-chat 9924 d96624fa01422852
    transferred 11621 dffb01489e0253c9
    web-call 11144 7ba2cbeab54d2c55
    anonymous-chat 8400 6a925f5b0fdacc83
    withheld-number 10098 8cc9a05818827c1a
    transfer-timeout 12083 1688c6298540ae77
    transfer-failed 12360 773ee9de4948ee06
    handed-off 12366 75b6012ee9bccf8e
    handed-off-transferred 12525 27d7e02c28b2f0f8
    flow 11542 17d1d75d6e73f39e
    inbound-flow 11391 2cc3694e6151fe69
    user-hangup 10045 8c0b14323894f7b9
    agent-hangup 11184 0ece70a9953f1dd4
    user-inactivity 10051 c7445ad64b537034
    network-error 10035 d5494c0619897fd8
    max-duration 12882 0d81e5493750cf6d
    voicemail 4427 dd8f219faed47bbe
    busy 1939 10b4cc5b88370606
    failed 1940 1e0c2760878c7840
    do-not-disturb 11473 b9243743fb47119d
    recording-in-progress 11223 730e9fb582b6e3a3
    mix 1424737 38d3b9c56a200310
    ");
}
