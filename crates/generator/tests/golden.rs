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
    answered-outbound 11242 a4f5a45ea311d449
    unanswered-outbound 1980 361554d1016c568f
    inbound 11287 fe0bd0c530094e5d
    web-chat 10249 0697c4d3141bc609
    transferred 11449 5a55d641b0fdddf1
    web-call 11109 a33df252fa091b3b
    anonymous-chat 10586 331b0a6df5d1d40e
    withheld-number 10685 909a2eefc30863e7
    transfer-timeout 11659 92cdf8f6ef37561b
    transfer-failed 11945 04736396dc9ff229
    handed-off 13477 49afc8017c06ca4a
    handed-off-transferred 13404 036006a0bc8beec2
    flow 11310 23d8aa49d6173795
    inbound-flow 11355 dd8bc23ad003fe95
    user-hangup 9919 ca23d9e1eb18d264
    agent-hangup 11128 eb10601a9a52a1da
    user-inactivity 9954 96875697eb2ce8fd
    network-error 9910 69e0367bb32f60b4
    max-duration 11748 0fb85d90e6cbcbca
    voicemail 4559 516afdcf353dac8a
    busy 1970 39c46c3b61bd3dcf
    failed 1971 8ae10627f003edcc
    do-not-disturb 11241 8d98596664642964
    recording-in-progress 11187 bcf6b18b579bc43f
    mix 1419139 82a913e25bc260a4
    ");
}
