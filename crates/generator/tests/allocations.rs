//! What is allocated while events are made. A binary of its own, for its allocator counts.

use std::sync::Arc;

use allocation_counter::measure;
use ringback_generator::{Generator, Profile, Recipe};

#[test]
fn nothing_is_allocated_for_an_event_once_each_agent_has_been_met() {
    // The realistic mix, and the one with the most keys left out.
    for name in ["world", "sparse"] {
        let profile = Arc::new(Profile::named(name).unwrap());
        let mut generator = Generator::new(&Recipe { profile, ..Recipe::new(42) });
        let mut out = Vec::new();
        let mut make = |indexes: std::ops::Range<u64>| {
            let allocated = measure(|| {
                for index in indexes {
                    out.clear();
                    generator.write(index, &mut out);
                }
            });
            allocated.count_total
        };
        let first = make(0..1_000);
        // An agent's number is a text of its own, and each of the 512 agents is met once.
        assert!(first < 512 + 200, "{name}: {first}");
        assert_eq!(make(0..1_000), 0, "{name}: events that were made before");
        let others = make(1_000..2_000);
        assert!(first + others < 512 + 200, "{name}: {others} for others");
    }
}
