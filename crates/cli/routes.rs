//! Where each type of event goes.

use clap::Args;
use url::Url;

use crate::address::parse_url;
use crate::error::CliError;

/// Targets by type of event.
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    /// Send events of one type, or of all others with `*`, to a URL of their own; may be repeated
    #[arg(long = "route", value_name = "TYPE=URL", value_parser = parse_route)]
    routes: Vec<Route>,
}

/// Where one type of event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// The type, such as `conversation.completed`; `*` is every type that has no route of its own.
    event_type: String,
    url: Url,
}

fn parse_route(text: &str) -> Result<Route, String> {
    let (event_type, url) =
        text.split_once('=').filter(|(event_type, _)| !event_type.trim().is_empty()).ok_or(
            "write it as `TYPE=URL`, such as `conversation.completed=http://localhost:3000/hooks`",
        )?;
    Ok(Route { event_type: event_type.trim().to_owned(), url: parse_url(url.trim())? })
}

impl RouteArgs {
    /// Returns where an event goes: by the last route of its type, by the last of `*`, or to the URL
    /// that was named on the command line.
    ///
    /// # Errors
    ///
    /// When there is no such target.
    pub(crate) fn choose<'a>(
        &'a self,
        event_type: &str,
        url: Option<&'a Url>,
    ) -> Result<&'a Url, CliError> {
        let route = |event_type: &str| {
            let found = self.routes.iter().rev().find(|route| route.event_type == event_type);
            found.map(|route| &route.url)
        };
        route(event_type).or_else(|| route("*")).or(url).ok_or_else(|| {
            let of = if event_type == "*" { String::new() } else { format!(" for `{event_type}`") };
            CliError::usage(format!("there is no target{of}"))
                .hint("name a URL, give `--route TYPE=URL`, or put it under `[targets]` into `ringback.toml`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(routes: &[&str], event_type: &str, url: Option<&str>) -> Option<String> {
        let routes = routes.iter().map(|text| parse_route(text).unwrap()).collect();
        let url = url.map(|url| parse_url(url).unwrap());
        RouteArgs { routes }.choose(event_type, url.as_ref()).ok().map(ToString::to_string)
    }

    #[test]
    fn the_type_comes_before_the_star_and_that_before_the_url() {
        let routes = ["a.b=:1/x", "*=:2", "a.b=:3/y=z"];
        assert_eq!(choose(&routes, "a.b", Some(":4")).as_deref(), Some("http://127.0.0.1:3/y=z"));
        assert_eq!(choose(&routes, "c", Some(":4")).as_deref(), Some("http://127.0.0.1:2/"));
        assert_eq!(choose(&["a.b=:1"], "c", Some(":4")).as_deref(), Some("http://127.0.0.1:4/"));
        assert_eq!(choose(&["a.b=:1"], "c", None), None);
        for wrong in ["http://a/", "=:1", "a=ftp://x"] {
            assert!(parse_route(wrong).is_err(), "{wrong}");
        }
    }
}
