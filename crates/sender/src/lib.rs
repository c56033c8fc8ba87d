//! The sender: a plan and its deliveries in, attempts and a summary out.
//!
//! A [`Plan`] says how many deliveries there are and when each is due; it is pure, and printable before
//! anything is sent. A [`Target`] is an address that the guard permits, resolved once. [`run`] sends the
//! plan's deliveries to it, hands on every [`Attempt`](ringback_exchange::Attempt), and ends with a
//! [`Summary`]; [`send_once`] sends a single one.
//!
//! The model is open: the times are planned first, a slow receiver never slows a rated plan, latency
//! counts from the planned time, and the sender's own lateness is reported apart. What is sent is the
//! bytes that were given. Nothing is done unasked: no redirect is followed, no proxy used, no cookie
//! kept, no delivery tried again.
//!
//! It refuses to reach hosts that are not on this machine unless they were allowed by name, and some
//! addresses always: see [`GuardError`].

mod allowance;
mod attempt;
mod breaker;
mod chance;
mod classify;
mod client;
mod clock;
mod consent;
mod delivery;
mod engine;
mod fault;
mod guard;
mod headers;
mod histogram;
mod options;
mod pace;
mod phases;
mod plan;
mod progress;
mod rate;
mod reach;
mod retry;
mod run;
mod style;
mod summary;
mod target;
mod tls;
mod wire;

pub use attempt::{REPLY_BYTES_MAX, send_once};
pub use breaker::{BREAKER_ATTEMPTS_MIN, BREAKER_WINDOW};
pub use clock::Clock;
pub use consent::CONSENT_PATH;
pub use delivery::Delivery;
pub use engine::{Engine, EngineError};
pub use fault::{FAULTS, Fault, FaultError, FaultKind, FaultShare, Faults};
pub use guard::{
    AllowHost, AllowHostError, GuardError, PRIVATE_PER_SECOND_MAX, PUBLIC_DELIVERIES_MAX,
    PUBLIC_PER_SECOND_MAX,
};
pub use headers::HeaderError;
pub use options::{CONNECT_TIMEOUT, Options, Resolve, ResolveError, TIMEOUT};
pub use pace::{Pacing, SPIN};
pub use plan::{
    Arrival, COPIES_MAX, Curve, Duplicates, HELD_BACK_MAX, Order, Pace, PairOrder, Pairs, Plan,
    PlanError, Spacing, TRACE_TIMES_MAX, Trace, Turn, Turns, UNLIMITED,
};
pub use progress::{DELIVERY_MAX, Entry, Progress};
pub use rate::{Rate, RateError};
pub use retry::{
    Cause, Preset, RETRIES_MAX, RETRY_AFTER_MAX, Retry, RetryError, Rule, SignedAt, parse_jitter,
};
pub use run::{IN_FLIGHT_MAX, Prepared, Run, STOP_GRACE, Settled, Try, WAITING_MAX, run};
pub use style::{Method, MethodError, Style};
pub use summary::{Percentiles, Summary};
pub use target::{IDLE_MAX, Target, TargetError, UpstreamError, upstream_addresses};
pub use tls::{Tls, TlsError};
