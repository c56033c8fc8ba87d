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
    answered-outbound 9011 105d8f05ac6887fd
    unanswered-outbound 1902 2ed160670f13fd0a
    inbound 8792 cdc693fd7bfdf49e
    web-chat 6996 19b2fc217cb592a4
    transferred 9115 6f88f37822c27934
    web-call 8613 f963519247970c01
    anonymous-chat 6785 1d09cfaad4a76132
    withheld-number 8079 99d4d73d86ab2ce0
    transfer-timeout 9120 772fca60f1ecf3a0
    transfer-failed 9413 9f0590154abb83c5
    handed-off 10235 e4cb27383e1bcfb8
    handed-off-transferred 10318 e89c9fc04de77206
    flow 9079 feb1588edd52c7cd
    inbound-flow 8860 25f6cb940c432dd0
    user-hangup 6681 5f06fb9a88aa271d
    agent-hangup 8882 ccb5cabc5a44355f
    user-inactivity 6807 1a91a8d2cd0ceba4
    network-error 6671 ebafdec8841aaf20
    max-duration 11194 317bcc265d184275
    voicemail 4417 413b7102a3283756
    busy 1892 b46e08835f0fe2ef
    failed 1893 b5457df96f2f2b01
    do-not-disturb 9025 9b01eae6124d99ac
    recording-in-progress 8911 03b4ae88c3302752
    mix 1434613 304fd9d15982aff3
    ");
}
