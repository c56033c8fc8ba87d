//! Times are in order, and what belongs to the call happens during it.

use super::{Decoded, Report};
use crate::conversation::Payload;
use crate::field::Field;
use crate::rule::Rule;
use crate::timestamp::Timestamp;

type Time = Field<Timestamp>;

pub(super) fn check(payload: &Payload, decoded: &[Decoded], report: &mut Report) {
    let call = [
        ("createdAt", &payload.created_at),
        ("callStartTime", &payload.call_start_time),
        ("callEndTime", &payload.call_end_time),
        ("updatedAt", &payload.updated_at),
    ];
    in_order(Rule::TimeCall, "/payload", &call, report);

    for (pointer, spans) in spans(payload) {
        for span in spans {
            in_order(Rule::TimeOrder, &pointer, &span, report);
            for (key, time) in span {
                within_call(
                    Rule::TimeWithin,
                    payload,
                    format!("{pointer}/{key}"),
                    || None,
                    time,
                    report,
                );
            }
        }
    }
    rows(payload, report);
    only_user(payload, report);
    messages(payload, decoded, report);
}

/// Named times that must be in order.
type Span<'a> = Vec<(&'static str, &'a Time)>;

/// The times of the payload and of each of its rows, by the pointer that holds them.
fn spans(payload: &Payload) -> Vec<(String, Vec<Span<'_>>)> {
    let user = |join, leave| vec![("userJoinTime", join), ("userLeaveTime", leave)];
    let agent = |join, leave| vec![("agentJoinTime", join), ("agentLeaveTime", leave)];
    let transfer = |start, join, leave, end| {
        vec![
            ("transferStartTime", start),
            ("transferUserJoinTime", join),
            ("transferUserLeaveTime", leave),
            ("transferEndTime", end),
        ]
    };
    let mut spans = vec![(
        "/payload".to_owned(),
        vec![
            user(&payload.user_join_time, &payload.user_leave_time),
            agent(&payload.agent_join_time, &payload.agent_leave_time),
            transfer(
                &payload.transfer_start_time,
                &payload.transfer_user_join_time,
                &payload.transfer_user_leave_time,
                &payload.transfer_end_time,
            ),
        ],
    )];
    for (index, row) in payload.agents.rows().iter().enumerate() {
        let span = agent(&row.agent_join_time, &row.agent_leave_time);
        spans.push((format!("/payload/agents/{index}"), vec![span]));
    }
    for (index, row) in payload.users.rows().iter().enumerate() {
        let span = user(&row.user_join_time, &row.user_leave_time);
        spans.push((format!("/payload/users/{index}"), vec![span]));
    }
    for (index, row) in payload.transfers.rows().iter().enumerate() {
        let span = transfer(
            &row.transfer_start_time,
            &row.transfer_user_join_time,
            &row.transfer_user_leave_time,
            &row.transfer_end_time,
        );
        spans.push((format!("/payload/transfers/{index}"), vec![span]));
    }
    spans
}

/// Reports each time that lies before the last one that was set.
fn in_order(rule: Rule, pointer: &str, times: &[(&str, &Time)], report: &mut Report) {
    let mut last: Option<(&str, Timestamp)> = None;
    for (key, time) in times {
        let Some(&time) = time.value() else { continue };
        if let Some((last_key, last)) = last
            && time < last
        {
            report.add(
                rule,
                format!("{pointer}/{key}"),
                time.to_string(),
                format!("a time not before {last_key} {last}"),
            );
        }
        last = Some((key, time));
    }
}

fn within_call(
    rule: Rule,
    payload: &Payload,
    pointer: impl Into<String>,
    inner_pointer: impl FnOnce() -> Option<String>,
    time: &Time,
    report: &mut Report,
) {
    let (Some(time), Some(start), Some(end)) =
        (time.value(), payload.call_start_time.value(), payload.call_end_time.value())
    else {
        return;
    };
    if !(start..=end).contains(&time) {
        report.add(rule, pointer, time.to_string(), format!("a time from {start} to {end}"));
        if let Some(finding) = report.0.last_mut() {
            finding.inner_pointer = inner_pointer();
        }
    }
}

fn rows(payload: &Payload, report: &mut Report) {
    let mut check = |pointer: String, created: &Time, updated: &Time| {
        let times = [("createdAt", created), ("updatedAt", updated)];
        in_order(Rule::TimeRow, &pointer, &times, report);
    };
    if let Some(customer) = payload.customer.value() {
        check("/payload/customer".to_owned(), &customer.created_at, &customer.updated_at);
    }
    for (index, row) in payload.transcripts.rows().iter().enumerate() {
        check(format!("/payload/transcripts/{index}"), &row.created_at, &row.updated_at);
    }
    for (index, row) in payload.agents.rows().iter().enumerate() {
        check(format!("/payload/agents/{index}"), &row.created_at, &row.updated_at);
    }
    for (index, row) in payload.users.rows().iter().enumerate() {
        check(format!("/payload/users/{index}"), &row.created_at, &row.updated_at);
    }
    for (index, row) in payload.transfers.rows().iter().enumerate() {
        check(format!("/payload/transfers/{index}"), &row.created_at, &row.updated_at);
    }
}

fn only_user(payload: &Payload, report: &mut Report) {
    let [user] = payload.users.rows() else { return };
    let pairs = [
        ("userJoinTime", &user.user_join_time, &payload.user_join_time),
        ("userLeaveTime", &user.user_leave_time, &payload.user_leave_time),
    ];
    for (key, of_row, of_payload) in pairs {
        if let (Some(of_row), Some(of_payload)) = (of_row.value(), of_payload.value())
            && of_row != of_payload
        {
            report.add(
                Rule::TimeUser,
                format!("/payload/users/0/{key}"),
                of_row.to_string(),
                of_payload.to_string(),
            );
        }
    }
}

fn messages(payload: &Payload, decoded: &[Decoded], report: &mut Report) {
    for (index, messages) in decoded.iter().enumerate() {
        let Some(Ok(messages)) = messages else { continue };
        let pointer = format!("/payload/transcripts/{index}/messages");
        let mut last: Option<Timestamp> = None;
        for (at, message) in messages.iter().enumerate() {
            let inner = || Some(format!("/{at}/timestamp"));
            let time = message.timestamp;
            if let Some(last) = last
                && time < last
            {
                report.add(
                    Rule::TimeMessage,
                    &pointer,
                    time.to_string(),
                    format!("a time not before the last message's {last}"),
                );
                if let Some(finding) = report.0.last_mut() {
                    finding.inner_pointer = inner();
                }
            }
            last = Some(time);
            let time = Field::Value(time);
            within_call(Rule::TimeMessage, payload, &pointer, inner, &time, report);
        }
    }
}
