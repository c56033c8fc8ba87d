//! The sender against receivers that behave, and receivers that do not, on real sockets.
//!
//! Nothing here sleeps: what has to be waited for announces itself, and a time limit that is tested is
//! waited for by the sender.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Makes two tests of each function: one for each engine. What a receiver does is the same to both.
macro_rules! by_each_engine {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use ringback_sender::Engine;

            #[tokio::test]
            async fn reqwest() {
                super::$name(Engine::Reqwest).await;
            }

            #[tokio::test]
            async fn wire() {
                super::$name(Engine::Wire).await;
            }
        }
    )*};
}

mod agreement;
mod answers;
mod failures;
mod faults;
mod guard;
mod orders;
mod paused;
mod receiver;
mod requests;
mod retries;
mod runs;
mod stalls;
mod styles;
mod tls;
mod transports;
