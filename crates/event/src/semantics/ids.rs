//! Ids that name the same thing are the same.

use std::collections::HashSet;

use uuid::Uuid;

use super::Report;
use crate::conversation::{ParticipantRole, Payload};
use crate::envelope::Event;
use crate::rule::Rule;

pub(super) fn check(event: &Event, report: &mut Report) {
    if Uuid::try_parse(&event.event_id).is_err() {
        report.add(Rule::EventUuid, "/eventId", &event.event_id, "a UUID");
    }
    let payload = &event.payload;
    conversation(payload, report);
    payload_keys(payload, report);
    unique(payload, report);

    let entries = payload.agents.rows();
    for (index, entry) in entries.iter().enumerate() {
        let Some(source) = entry.source_handoff_id.text() else { continue };
        let another = |(other, agent): (usize, &crate::Agent)| {
            other != index && agent.id.text() == Some(source)
        };
        if !entries.iter().enumerate().any(another) {
            let pointer = format!("/payload/agents/{index}/sourceHandoffId");
            report.add(Rule::IdHandoff, pointer, source, "the id of another entry in agents");
        }
    }
}

fn conversation(payload: &Payload, report: &mut Report) {
    let mut check = |list: &str, index: usize, found: Option<&str>| {
        let pointer = format!("/payload/{list}/{index}/conversationId");
        report.agree(Rule::IdConversation, &pointer, found, Some(&payload.id));
    };
    for (index, row) in payload.transcripts.rows().iter().enumerate() {
        check("transcripts", index, Some(&row.conversation_id));
    }
    for (index, row) in payload.agents.rows().iter().enumerate() {
        check("agents", index, row.conversation_id.text());
    }
    for (index, row) in payload.users.rows().iter().enumerate() {
        check("users", index, row.conversation_id.text());
    }
    for (index, row) in payload.transfers.rows().iter().enumerate() {
        check("transfers", index, row.conversation_id.text());
    }
}

fn payload_keys(payload: &Payload, report: &mut Report) {
    if let Some(customer) = payload.customer.value() {
        report.agree(
            Rule::IdCustomer,
            "/payload/customer/id",
            customer.id.text(),
            payload.customer_id.text(),
        );
        report.agree(
            Rule::IdWorkspace,
            "/payload/customer/workspaceId",
            customer.workspace_id.text(),
            payload.workspace_id.text(),
        );
    }
    let is_primary =
        |agent: &&crate::Agent| agent.participant_role.value() == Some(&ParticipantRole::Primary);
    let primary = payload.agents.rows().iter().find(is_primary);
    report.agree(
        Rule::IdAgent,
        "/payload/agentId",
        payload.agent_id.text(),
        primary.and_then(|agent| agent.agent_id.text()),
    );
    if payload.agent_id.is_nothing() && payload.flow_id.is_nothing() {
        report.add(Rule::IdAgentOrFlow, "/payload/agentId", "nothing", "agentId or flowId");
    }
    if payload.campaign_id.is_nothing() != payload.campaign_run_id.is_nothing() {
        let missing = if payload.campaign_id.is_nothing() { "campaignId" } else { "campaignRunId" };
        report.add(
            Rule::IdCampaign,
            format!("/payload/{missing}"),
            "nothing",
            "both campaignId and campaignRunId or neither",
        );
    }
    for (index, row) in payload.transcripts.rows().iter().enumerate() {
        let (found, expected) = (row.flow_id.text(), payload.flow_id.text());
        if found != expected && !row.flow_id.is_absent() {
            report.add(
                Rule::IdFlow,
                format!("/payload/transcripts/{index}/flowId"),
                found.unwrap_or("nothing"),
                expected.unwrap_or("nothing"),
            );
        }
    }
}

fn unique(payload: &Payload, report: &mut Report) {
    let lists: [(&str, Vec<Option<&str>>); 4] = [
        ("transcripts", payload.transcripts.rows().iter().map(|row| row.id.text()).collect()),
        ("agents", payload.agents.rows().iter().map(|row| row.id.text()).collect()),
        ("users", payload.users.rows().iter().map(|row| row.id.text()).collect()),
        ("transfers", payload.transfers.rows().iter().map(|row| row.id.text()).collect()),
    ];
    for (list, ids) in lists {
        let mut seen = HashSet::new();
        for (index, id) in ids.into_iter().enumerate() {
            if let Some(id) = id
                && !seen.insert(id)
            {
                report.add(
                    Rule::IdUnique,
                    format!("/payload/{list}/{index}/id"),
                    format!("{id} a second time"),
                    "an id of its own",
                );
            }
        }
    }
}
