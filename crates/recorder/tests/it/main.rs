//! The recorder over real sockets and real files. Clients are raw where HTTP has to be odd.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod capture;
mod drain;
mod fault;
mod forward;
mod http2;
mod inspector;
mod limits;
mod peers;
mod probes;
mod receipt;
mod refused;
mod route_file;
mod script;
mod start;
mod store;
mod support;
mod tls;
mod wire;
