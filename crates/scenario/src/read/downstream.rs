//! The systems that the receiver calls, and what they answer.

use super::value::{count_of, entries, header_lines, path_pattern, status_code, time};
use crate::fields::{Fields, list, text};
use crate::model::{Downstream, Route, RouteReply};
use crate::problem::Problem;
use crate::yaml::{Kind, Node};

pub(super) fn downstreams(node: &Node, problems: &mut Vec<Problem>) -> Vec<Downstream> {
    entries("`downstream`", node, problems)
        .iter()
        .filter_map(|(key, node)| {
            let mut fields = Fields::of("a downstream", node, problems)?;
            let listen = fields.take("listen").and_then(|node| text("listen", node, problems));
            let routes = fields.need("routes", problems);
            let routes = routes.map(|node| list("routes", node, problems, route));
            fields.finish(problems);
            Some(Downstream { name: key.name.clone(), listen, routes: routes? })
        })
        .collect()
}

fn route(node: &Node, problems: &mut Vec<Problem>) -> Option<Route> {
    let mut fields = Fields::of("a route", node, problems)?;
    let method = fields.take("method").and_then(|node| text("method", node, problems));
    let path = fields.need("path", problems).and_then(|node| path_pattern(node, problems));
    let replies = fields.need("reply", problems).map(|node| match &node.kind {
        Kind::List(items) => {
            if items.is_empty() {
                problems.push(Problem::new(node.span.clone(), "a route has at least one reply"));
            }
            items.iter().filter_map(|item| route_reply(item, problems)).collect()
        }
        _ => route_reply(node, problems).into_iter().collect(),
    });
    fields.finish(problems);
    Some(Route { method, path: path?, replies: replies? })
}

fn route_reply(node: &Node, problems: &mut Vec<Problem>) -> Option<RouteReply> {
    let mut fields = Fields::of("a reply", node, problems)?;
    let status = fields.need("status", problems).and_then(|node| status_code(node, problems));
    let mut headers =
        fields.take("headers").map(|node| header_lines(node, problems)).unwrap_or_default();
    let json = fields.take("json");
    let plain = fields.take("text");
    if let (Some(_), Some(plain)) = (json, plain) {
        let message = "a reply has `json` or `text`, not both";
        problems.push(Problem::new(plain.span.clone(), message));
    }
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let body = match (json, plain) {
        (Some(node), _) => {
            if !has_type {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            node.to_json().to_string()
        }
        (None, Some(node)) => text("text", node, problems).unwrap_or_default(),
        (None, None) => String::new(),
    };
    let delay = fields.take("delay").and_then(|node| time("delay", node, problems));
    let times = fields.take("times").and_then(|node| count_of("times", node, problems));
    fields.finish(problems);
    Some(RouteReply {
        status: status?,
        headers,
        body: body.into_bytes(),
        delay,
        times: times.unwrap_or(1),
    })
}
