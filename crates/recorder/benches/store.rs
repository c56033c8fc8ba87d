//! What storing costs: `cargo bench -p ringback-recorder --bench store`.
//!
//! The same load of 5 KB events over 1, 64 and 256 connections, against a listener that keeps in memory
//! (the control), one that stores in the system's memory, and one that has stored on disk before it
//! answers. Client and server are in one process, on two threads.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringback_recorder::{
    Answer, Clock, Config, Durability, Keep, Keeping, Limits, Listener, Recording, Room, Store,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// How long an event is.
const BODY: usize = 5120;

fn storing(criterion: &mut Criterion) {
    let server =
        Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let client = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("requests");
    group.throughput(Throughput::Elements(1));
    group.sample_size(10).warm_up_time(Duration::from_secs(1));
    group.measurement_time(Duration::from_secs(4));
    for connections in [1, 64, 256] {
        let mut measure = |name: &str, keep: Keep| {
            let listener = server.block_on(start(keep));
            let mut streams = client.block_on(connect(listener.addr(), connections));
            group.bench_function(BenchmarkId::new(name, connections), |bench| {
                bench.iter_custom(|requests| load(&client, &mut streams, requests));
            });
            drop(streams);
            assert_eq!(server.block_on(listener.finish()).refused, 0);
        };
        measure("memory", Keep::Memory(Recording::ring(Room::RING, None, 0)));
        for (name, durability) in [("process", Durability::Process), ("disk", Durability::Disk)] {
            let folder = tempfile::tempdir().expect("a folder");
            let keeping = Keeping { durability, ..Keeping::STANDARD };
            let store = Store::open_with(folder.path().join("a.db"), keeping).expect("a store");
            measure(name, Keep::Store(store));
        }
    }
    group.finish();
}

async fn start(keep: Keep) -> Listener {
    let config = Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        answer: Answer::Ok,
        receipt: None,
        keep,
        keep_alive: true,
        strict: false,
        h2c: false,
        tls: None,
        limits: Limits::STANDARD,
        clock: Clock::new(|| jiff::Timestamp::UNIX_EPOCH),
        on_exchange: None,
        feed: None,
    };
    Listener::start(config).await.expect("a listener")
}

async fn connect(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        streams.push(stream);
    }
    streams
}

/// Sends requests over all connections, one at a time on each, and returns how long that took.
fn load(client: &Runtime, streams: &mut Vec<TcpStream>, requests: u64) -> Duration {
    client.block_on(async {
        let count = streams.len() as u64;
        let begun = Instant::now();
        let mut clients = JoinSet::new();
        for (index, mut stream) in (0..).zip(streams.drain(..)) {
            let turns = requests / count + u64::from(index < requests % count);
            clients.spawn(async move {
                let head =
                    format!("POST /hooks HTTP/1.1\r\nhost: x\r\ncontent-length: {BODY}\r\n\r\n");
                let mut request = head.into_bytes();
                let begin = request.len();
                let mut answer = [0; 1024];
                for turn in 0..turns {
                    // Each body is another one.
                    request.truncate(begin);
                    request.extend(
                        (0..BODY as u64).map(|at| (at ^ turn ^ index).to_le_bytes()[0] | 32),
                    );
                    stream.write_all(&request).await.expect("written");
                    let mut length = 0;
                    while !answer[..length].ends_with(b"\r\n\r\n") {
                        let read = stream.read(&mut answer[length..]).await.expect("an answer");
                        assert_ne!(read, 0, "the connection has ended");
                        length += read;
                    }
                    assert!(answer.starts_with(b"HTTP/1.1 200"));
                }
                stream
            });
        }
        while let Some(stream) = clients.join_next().await {
            streams.push(stream.expect("a client"));
        }
        begun.elapsed()
    })
}

criterion_group!(benches, storing);
criterion_main!(benches);
