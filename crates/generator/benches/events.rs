//! How fast events are made: `cargo bench -p ringback-generator`.
//!
//! The control copies an event that is there already, which is as fast as anything can be; `typed` goes
//! through the typed event and serde, `written` does not, and `case` draws and prints one case of a
//! property test.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use ringback_generator::{Recipe, apply, bytes, event, strategy, write};

fn events(criterion: &mut Criterion) {
    const COUNT: u64 = 1_000;
    let recipe = Recipe::new(42);
    let whole: usize = (0..COUNT).map(|index| bytes(&recipe, index).len()).sum();

    let mut group = criterion.benchmark_group("a thousand events");
    group.throughput(Throughput::Bytes(whole as u64));
    group.sample_size(20);
    let ready: Vec<Vec<u8>> = (0..COUNT).map(|index| bytes(&recipe, index)).collect();
    let mut out = Vec::with_capacity(whole);
    group.bench_function("control: copied", |bench| {
        bench.iter(|| {
            out.clear();
            for event in black_box(&ready) {
                out.extend_from_slice(event);
            }
            out.len()
        });
    });
    group.bench_function("typed", |bench| {
        bench.iter(|| {
            out.clear();
            for index in 0..COUNT {
                let _ = serde_json::to_writer(&mut out, &event(black_box(&recipe), index));
            }
            out.len()
        });
    });
    group.bench_function("written", |bench| {
        bench.iter(|| {
            out.clear();
            for index in 0..COUNT {
                write(black_box(&recipe), index, &mut out);
            }
            out.len()
        });
    });
    group.finish();
}

fn cases(criterion: &mut Criterion) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let valid = strategy::valid();
    criterion.bench_function("case", |bench| {
        bench.iter(|| {
            let tree = valid.new_tree(&mut runner).expect("nothing is filtered out");
            tree.current().bytes(1)
        });
    });

    let event = bytes(&Recipe::new(42), 0);
    let mutation = "null-customer".parse().expect("it is in the catalogue");
    criterion.bench_function("mutation", |bench| {
        bench.iter(|| apply(black_box(&event), &mutation));
    });
}

criterion_group!(benches, events, cases);
criterion_main!(benches);
