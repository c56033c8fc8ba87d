//! How fast events are made and judged: `cargo bench -p ringback-generator`.
//!
//! Each row is a ratio to a control of the same run. `copied` copies events that are there already, which
//! is as fast as anything can be; `printed` prints typed events that are there already, which is what is
//! left for serde_json when making them costs nothing; `typed` makes them typed and prints them; `one by
//! one` makes each alone, as `bytes` does, and `written` with one generator, as `ringback generate` does.
//! `case` draws a case of a property test and writes its bytes. `judged` is the full contract, beside
//! reading the same events as JSON values.
//!
//! Other generators beside this one: benches/peers/run.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use ringback_event::{Level, judge};
use ringback_generator::{Generator, Recipe, apply, bytes, event, strategy};
use serde_json::Value;

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
    let printed: Vec<_> = (0..COUNT).map(|index| event(&recipe, index)).collect();
    group.bench_function("control: printed", |bench| {
        bench.iter(|| {
            out.clear();
            for event in black_box(&printed) {
                let _ = serde_json::to_writer(&mut out, event);
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
    group.bench_function("one by one", |bench| {
        bench.iter(|| {
            out.clear();
            for index in 0..COUNT {
                Generator::new(black_box(&recipe)).write(index, &mut out);
            }
            out.len()
        });
    });
    let mut generator = Generator::new(&recipe);
    group.bench_function("written", |bench| {
        bench.iter(|| {
            out.clear();
            for index in 0..COUNT {
                generator.write(black_box(index), &mut out);
            }
            out.len()
        });
    });
    group.bench_function("control: read", |bench| {
        bench.iter(|| {
            let read = |event: &&Vec<u8>| serde_json::from_slice::<Value>(event).is_ok();
            black_box(&ready).iter().filter(read).count()
        });
    });
    group.bench_function("judged", |bench| {
        bench.iter(|| {
            let holds = |event: &&Vec<u8>| judge(event, Level::Semantic).is_empty();
            black_box(&ready).iter().filter(holds).count()
        });
    });
    group.finish();
}

fn cases(criterion: &mut Criterion) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    for (name, cases) in
        [("case", strategy::valid().boxed()), ("wide case", strategy::wide().boxed())]
    {
        criterion.bench_function(name, |bench| {
            bench.iter(|| {
                let tree = cases.new_tree(&mut runner).expect("nothing is filtered out");
                tree.current().bytes(1)
            });
        });
    }

    let event = bytes(&Recipe::new(42), 0);
    let mutation = "null-customer".parse().expect("it is in the catalogue");
    criterion.bench_function("mutation", |bench| {
        bench.iter(|| apply(black_box(&event), &mutation));
    });
}

criterion_group!(benches, events, cases);
criterion_main!(benches);
