//! What VERSION 2 of the generator makes of some seeds. A change here is a change of what every seed
//! means: bump [`VERSION`](ringback_generator::VERSION), unless nobody has seen the old output yet.

use ringback_generator::{Archetype, Recipe, VERSION, bytes};

/// FNV-1a, so that a test of a digest needs no crate.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn version_2_makes_these_bytes() {
    assert_eq!(VERSION, 2);
    let mut lines = Vec::new();
    for archetype in Archetype::ALL {
        let recipe = Recipe { archetype: Some(*archetype), ..Recipe::new(42) };
        let event = bytes(&recipe, 17);
        lines.push(format!("{archetype} {} {:016x}", event.len(), digest(&event)));
    }
    let mix: Vec<u8> = (0..200).flat_map(|index| bytes(&Recipe::new(42), index)).collect();
    lines.push(format!("mix {} {:016x}", mix.len(), digest(&mix)));
    insta::assert_snapshot!(lines.join("\n"), @"
    answered-outbound 6747 0c2034a68ba73a04
    unanswered-outbound 1919 a7b9ddc326fcc5a3
    inbound 6684 f1be5e7629f46ec3
    web-chat 5526 3ff9c95b3c32f28b
    transferred 6948 59619c33b5414ee9
    web-call 6506 5e07c096ee1aa37a
    anonymous-chat 5036 814639d70d794729
    withheld-number 6303 dd5c46e0ef739e57
    transfer-timeout 7196 3a849b816b50a469
    transfer-failed 7245 62b0f6b5142b61b3
    handed-off 7983 e61faeaac3663894
    handed-off-transferred 8231 12e06f4f2c4e6c7a
    flow 6815 56f467b3c502ef60
    inbound-flow 6752 1eae37b52bd6c40f
    user-hangup 5946 a81e98d08e79ed87
    agent-hangup 6554 c7762c82763545b9
    user-inactivity 6041 fc9fb4df476991ca
    network-error 5944 bba06065c07c5d76
    max-duration 9757 a1477453c7302ce4
    voicemail 4372 b4b5ba82960929e2
    busy 1909 68f44af1a12da630
    failed 1910 d5cda5ba1bed7d38
    do-not-disturb 7115 543a4237171f5c8e
    recording-in-progress 6647 f3d295c0c9ec1c97
    mix 1399411 5b6c6092696813b6
    ");
}
