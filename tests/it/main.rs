//! What needs the whole program: every feature through its public door, with real sockets, files and
//! peers (curl, jq, Python, sqlite3).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod guard;
mod harness;

mod answers;
mod check;
mod config;
mod corpus;
mod durable;
mod export;
mod generate;
mod limits;
mod listen;
mod output;
mod peers;
mod plans;
mod readme;
mod replay;
mod reports;
mod responses;
mod schema;
mod send;
mod sign;
mod snapshots;
mod stranger;
mod tidy;
mod tls;
mod validate;
