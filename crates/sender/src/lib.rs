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
mod classify;
mod delivery;
mod guard;
mod headers;
mod histogram;
mod plan;
mod rate;
mod reach;
mod run;
mod summary;
mod target;

pub use attempt::{REPLY_BYTES_MAX, send_once};
pub use delivery::Delivery;
pub use guard::{
    AllowHost, AllowHostError, GuardError, PUBLIC_DELIVERIES_MAX, PUBLIC_PER_SECOND_MAX,
};
pub use headers::HeaderError;
pub use plan::{Pace, Plan};
pub use rate::{Rate, RateError};
pub use run::{IN_FLIGHT_MAX, STOP_GRACE, run};
pub use summary::{Percentiles, Summary};
pub use target::{
    CONNECT_TIMEOUT, IDLE_MAX, Options, TIMEOUT, Target, TargetError, UpstreamError,
    upstream_addresses,
};
