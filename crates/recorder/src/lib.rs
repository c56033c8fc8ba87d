//! The server that keeps every request, answers as told, and forwards.
//!
//! A [`Config`] comes in; a [`Listener`] runs until it is told to [finish](Listener::finish). What
//! went over the wire goes out as [`Exchange`](ringback_exchange::Exchange)s: into a [`Store`] on disk,
//! into a [`Recording`] in memory that can be waited for, or into neither.
//!
//! Two promises shape everything here:
//!
//! * **Kept whatever it is.** The body is collected and the request is kept *below* the routing, so that
//!   no rejection can lose one. What is kept is the bytes that came; nothing of them is parsed for it.
//! * **Acknowledged means stored.** A reply leaves only after the request and the reply itself are kept;
//!   a request is forwarded only after it is kept. What cannot be kept is answered 503 and counted.
//!
//! It refuses to grow: every wait, queue and body has a limit in [`Limits`] or beside its queue, and
//! each task belongs to the listener that started it. It offers no API and no page to browsers.
//!
//! ```
//! use std::net::SocketAddr;
//! use ringback_recorder::{Answer, Clock, Config, Keep, Limits, Listener, Recording, Room};
//!
//! # async fn run() -> Result<(), ringback_recorder::StartError> {
//! let recording = Recording::new(Room::STANDARD);
//! let listener = Listener::start(Config {
//!     addr: SocketAddr::from(([127, 0, 0, 1], 0)),
//!     answer: Answer::Ok,
//!     receipt: None,
//!     keep: Keep::Memory(recording.clone()),
//!     keep_alive: false,
//!     strict: false,
//!     h2c: false,
//!     tls: None,
//!     limits: Limits::STANDARD,
//!     clock: Clock::new(|| jiff::Timestamp::UNIX_EPOCH),
//!     on_exchange: None,
//!     feed: None,
//! })
//! .await?;
//! println!("listening on {}", listener.url());
//! let drained = listener.finish().await;
//! assert_eq!(drained.cut, 0);
//! # Ok(())
//! # }
//! ```

mod answer;
mod body;
mod budget;
mod capture;
mod chance;
mod chunks;
mod clock;
mod condition;
mod connection;
mod delay;
mod dev_ca;
mod error;
mod fault;
mod forward;
mod framing;
mod http2;
mod inspector;
mod json_path;
mod keep;
mod limit_table;
mod limits;
mod line;
mod listener;
mod message;
mod patient;
mod pattern;
mod receipt;
mod recording;
mod refusal;
mod replies;
mod reply_line;
mod route_file;
mod script;
mod stage;
mod store;
mod stream;
mod tape;
mod tee;
mod tls;
mod view;

mod template;
mod upstream;

pub use answer::Answer;
pub use clock::Clock;
pub use condition::{Condition, Expected};
pub use delay::{Delay, ParseDelayError};
pub use dev_ca::DevCa;
pub use error::{
    ParsePatternError, ParseRepliesError, ParseTemplateError, RouteFileError, StartError,
    StoreError,
};
pub use fault::Fault;
pub use inspector::{Feed, Inspector, InspectorConfig, Source, Summary};
pub use keep::Keep;
pub use limit_table::{Limit, LimitError};
pub use limits::Limits;
pub use listener::{Config, Drained, Listener};
pub use pattern::PathPattern;
pub use receipt::Receipt;
pub use recording::{Ended, Recording, Room, Waited};
pub use script::{Body, Place, Replies, Route, Script, ScriptedReply, Turn};
pub use store::{
    Durability, Exchanges, Keeping, Notice, Opened, Repaired, Retention, Searched, Store,
};
pub use template::Template;
pub use tls::{Tls, TlsError};
pub use upstream::Upstream;
