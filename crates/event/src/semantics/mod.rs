//! The semantic rules: that the values of an event whose shape holds agree with each other.

mod cost;
mod ids;
mod story;
mod times;

pub use story::{is_e164, render_transcript};

use crate::conversation::Message;
use crate::envelope::Event;
use crate::finding::Finding;
use crate::inner::{InnerError, JsonText};
use crate::rule::Rule;

/// Checks every semantic rule, in the order of [`Rule::ALL`].
pub(crate) fn check(event: &Event) -> Vec<Finding> {
    let mut report = Report(Vec::new());
    let rows = event.payload.transcripts.rows().iter();
    let decoded: Vec<Decoded> =
        rows.map(|row| row.messages.value().map(JsonText::decode)).collect();
    ids::check(event, &mut report);
    times::check(&event.payload, &decoded, &mut report);
    story::check(event, &decoded, &mut report);
    cost::check(&event.payload, &mut report);
    report.0.sort_by_key(|finding| finding.rule);
    report.0
}

/// The messages of a transcript, read once for all rules; `None` where there are none.
type Decoded = Option<Result<Vec<Message>, InnerError>>;

/// Collects what the rules find.
struct Report(Vec<Finding>);

impl Report {
    fn add(
        &mut self,
        rule: Rule,
        pointer: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.0.push(Finding::new(rule, pointer, found, expected));
    }

    /// Reports two texts that should be equal; a missing one agrees with anything.
    fn agree(&mut self, rule: Rule, pointer: &str, found: Option<&str>, expected: Option<&str>) {
        if let (Some(found), Some(expected)) = (found, expected)
            && found != expected
        {
            self.add(rule, pointer, found, expected);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::EXAMPLE;

    fn said(event: &Value) -> Vec<String> {
        check(&Event::deserialize(event).unwrap()).iter().map(Finding::to_string).collect()
    }

    fn example() -> Value {
        serde_json::from_slice(EXAMPLE).unwrap()
    }

    /// The golden list: each oddity of the documented example that contradicts something, and no
    /// other. The numbers are those of docs/CONTRACT.md, which also tells why the other five of the twelve are
    /// facts about the format and contradict nothing.
    #[test]
    fn the_documented_example_contradicts_itself_in_exactly_these_places() {
        insta::assert_snapshot!(said(&example()).join("\n"), @r#"
        id.event-uuid (documented): /eventId: found evt_01234567890abcdef, expected a UUID
        id.unique (inferred): /payload/transcripts/1/id: found t_1234567890abcdef a second time, expected an id of its own
        time.message (inferred): /payload/transcripts/0/messages, in the JSON text there at /0/timestamp: found 2026-01-26T12:45:37.578Z, expected a time from 2023-01-01T12:00:00.000Z to 2023-01-01T12:00:00.000Z
        time.message (inferred): /payload/transcripts/1/messages, in the JSON text there at /0/timestamp: found 2026-01-26T12:45:37.578Z, expected a time from 2023-01-01T12:00:00.000Z to 2023-01-01T12:00:00.000Z
        phone.e164 (documented): /payload/fromPhoneNumber: found +0987654321, expected an E.164 number
        transfer.mirror (inferred): /payload/transferStatus: found nothing, expected transfer_connected
        transfer.mirror (inferred): /payload/transferDestination: found nothing, expected +15555555555
        transcript.agent (evidenced): /payload/transcripts/1/agentId: found agent_1235467890abcdef, expected agent_1234567890abcdef
        transcript.one-per-agent (inferred): /payload/transcripts/1/conversationAgentId: found a second transcript of ca_1234567890abcdef, expected one
        transcript.turns (inferred): /payload/transcript: found "Agent: Hello, how can I help you today?\nCustomer: I'd like to know about your …, expected "Customer: Hello, can you hear me?\nCustomer: Hello, can you hear me?"
        cost.within-call (inferred): /payload/conversationCost/totalActualDuration: found 120 s, expected at most the call's 0 s
        "#);
    }

    /// The findings that a change of the example adds.
    fn added(change: impl FnOnce(&mut Value)) -> String {
        let before = said(&example());
        let mut event = example();
        change(&mut event["payload"]);
        let added = said(&event).into_iter().filter(|line| !before.contains(line));
        added.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn ids_that_disagree_are_found() {
        insta::assert_snapshot!(added(|payload| payload["users"][0]["conversationId"] = json!("conv_2")), @"id.conversation (evidenced): /payload/users/0/conversationId: found conv_2, expected conv_1234567890abcdef");
        insta::assert_snapshot!(added(|payload| payload["customer"]["id"] = json!("cust_2")), @"id.customer (evidenced): /payload/customer/id: found cust_2, expected cust_1234567890abcdef");
        insta::assert_snapshot!(added(|payload| payload["workspaceId"] = json!("ws_2")), @"id.workspace (evidenced): /payload/customer/workspaceId: found ws_1234567890abcdef, expected ws_2");
        insta::assert_snapshot!(added(|payload| payload["agentId"] = json!("agent_2")), @"id.agent (evidenced): /payload/agentId: found agent_2, expected agent_1234567890abcdef");
        insta::assert_snapshot!(added(|payload| payload["agentId"] = json!(null)), @"id.agent-or-flow (inferred): /payload/agentId: found nothing, expected agentId or flowId");
        insta::assert_snapshot!(added(|payload| payload["campaignRunId"] = json!(null)), @"id.campaign (inferred): /payload/campaignRunId: found nothing, expected both campaignId and campaignRunId or neither");
        insta::assert_snapshot!(added(|payload| payload["transcripts"][0]["flowId"] = json!("flow_2")), @"id.flow (inferred): /payload/transcripts/0/flowId: found flow_2, expected nothing");
        insta::assert_snapshot!(added(|payload| payload["agents"][0]["sourceHandoffId"] = json!("ca_2")), @"id.handoff (inferred): /payload/agents/0/sourceHandoffId: found ca_2, expected the id of another entry in agents");
    }

    #[test]
    fn times_out_of_order_are_found() {
        let late = "2023-01-01T12:00:01.000Z";
        insta::assert_snapshot!(added(|payload| payload["userJoinTime"] = json!(late)), @"
        time.within-call (inferred): /payload/userJoinTime: found 2023-01-01T12:00:01.000Z, expected a time from 2023-01-01T12:00:00.000Z to 2023-01-01T12:00:00.000Z
        time.order (evidenced): /payload/userLeaveTime: found 2023-01-01T12:00:00.000Z, expected a time not before userJoinTime 2023-01-01T12:00:01.000Z
        time.user (evidenced): /payload/users/0/userJoinTime: found 2023-01-01T12:00:00.000Z, expected 2023-01-01T12:00:01.000Z
        ");
        insta::assert_snapshot!(added(|payload| payload["updatedAt"] = json!("2022-01-01T00:00:00.000Z")), @"time.call (evidenced): /payload/updatedAt: found 2022-01-01T00:00:00.000Z, expected a time not before callEndTime 2023-01-01T12:00:00.000Z");
        insta::assert_snapshot!(added(|payload| payload["agents"][0]["createdAt"] = json!(late)), @"time.row (inferred): /payload/agents/0/updatedAt: found 2023-01-01T12:00:00.000Z, expected a time not before createdAt 2023-01-01T12:00:01.000Z");
    }

    #[test]
    fn a_story_that_does_not_hold_together_is_found() {
        insta::assert_snapshot!(added(|payload| payload["endReason"] = json!("user_did_not_answer")), @"
        call.unanswered (evidenced): /payload/userJoinTime: found 2023-01-01T12:00:00.000Z, expected nothing
        call.unanswered (evidenced): /payload/recordingStatus: found completed, expected nothing
        call.unanswered (evidenced): /payload/users: found 1, expected none
        ");
        insta::assert_snapshot!(added(|payload| payload["conversationStatus"] = json!("active")), @"call.status (inferred): /payload/conversationStatus: found active, expected completed or failed");
        insta::assert_snapshot!(added(|payload| payload["conversationType"] = json!("web")), @"
        call.channel (inferred): /payload/toPhoneNumber: found +1234567890, expected nothing
        call.channel (inferred): /payload/fromPhoneNumber: found +0987654321, expected nothing
        call.channel (inferred): /payload/telephonyType: found outbound, expected nothing
        call.channel (inferred): /payload/conversationCost/items/4/chargeType: found telephony_call_charge, expected no charge for a phone line
        ");
        insta::assert_snapshot!(added(|payload| payload["recordingUrl"] = json!("https://uploads.oration.ai/1.mp4")), @"call.recording (evidenced): /payload/recordingUrl: found https://uploads.oration.ai/1.mp4, expected an address that holds conv_1234567890abcdef");
        insta::assert_snapshot!(added(|payload| payload["postCallMetadata"] = json!({})), @"call.analysis (evidenced): /payload/postCallMetadata: found a value, expected nothing before conversation.analysisCompleted");
        insta::assert_snapshot!(added(|payload| payload["toPhoneNumber"] = json!("+442071234567")), @"phone.customer (evidenced): /payload/customer/phoneNumber: found +1234567890, expected +442071234567");
        insta::assert_snapshot!(added(|payload| payload["agents"][0]["participantRole"] = json!("listener")), @"agent.primary (inferred): /payload/agents: found 0, expected one primary entry");
        insta::assert_snapshot!(added(|payload| payload["transfers"] = json!([])), @"
        transfer.mirror (inferred): /payload/transferStartTime: found 2023-01-01T12:00:00.000Z, expected nothing
        transfer.mirror (inferred): /payload/transferEndTime: found 2023-01-01T12:00:00.000Z, expected nothing
        transfer.mirror (inferred): /payload/transferUserJoinTime: found 2023-01-01T12:00:00.000Z, expected nothing
        transfer.mirror (inferred): /payload/transferUserLeaveTime: found 2023-01-01T12:00:00.000Z, expected nothing
        ");
    }

    #[test]
    fn a_bill_that_does_not_add_up_is_found() {
        let cost =
            |change: fn(&mut Value)| added(|payload| change(&mut payload["conversationCost"]));
        insta::assert_snapshot!(cost(|cost| cost["totalCost"] = json!(0.14)), @"cost.total (evidenced): /payload/conversationCost/totalCost: found 0.14, expected 0.1395");
        assert_eq!(
            cost(|cost| cost["items"].as_array_mut().unwrap().reverse()),
            "",
            "no order of the items matters"
        );
        insta::assert_snapshot!(cost(|cost| cost["totalBillableDuration"] = json!(119)), @"cost.duration (evidenced): /payload/conversationCost/totalBillableDuration: found 119, expected 120");
        insta::assert_snapshot!(cost(|cost| cost["items"][0]["billableDuration"] = json!(44)), @"cost.billable (evidenced): /payload/conversationCost/items/0/billableDuration: found 44, expected at least 45");
        insta::assert_snapshot!(cost(|cost| cost["items"][0]["cost"] = json!(-0.0245)), @"
        cost.total (evidenced): /payload/conversationCost/totalCost: found 0.1395, expected 0.0905
        cost.negative (inferred): /payload/conversationCost/items/0/cost: found -0.0245, expected no less than 0
        ");
        insta::assert_snapshot!(cost(|cost| cost["items"][3]["providerModel"] = json!("a/b")), @"cost.model (evidenced): /payload/conversationCost/items/3/providerModel: found a/b, expected nothing for platform_charge");
        insta::assert_snapshot!(cost(|cost| cost["items"][0]["providerModel"] = json!(null)), @"cost.model (evidenced): /payload/conversationCost/items/0/providerModel: found nothing, expected provider/model for llm_call_charge");
        insta::assert_snapshot!(cost(|cost| cost["items"][1]["chargeType"] = json!("llm_call_charge")), @"cost.kinds (evidenced): /payload/conversationCost/items/1/chargeType: found llm_call_charge a second time, expected one row");
    }

    #[test]
    fn tomorrows_values_contradict_nothing() {
        assert_eq!(
            added(|payload| {
                payload["endReason"] = json!("voicemail_detected");
                payload["conversationStatus"] = json!("archived");
                payload["brandNew"] = json!({ "key": 1 });
                payload["conversationCost"]["items"][5]["chargeType"] = json!("avatar_charge");
            }),
            ""
        );
    }
}
