//! The payload: one conversation from dialling to the bill.

use serde_json::{Map, Value};

use crate::cost::ConversationCost;
use crate::customer::Customer;
use crate::inner::JsonText;
use crate::open::open_enum;
use crate::record::record;
use crate::timestamp::Timestamp;

record! {
    /// One conversation. The page documents the payload as an object and nothing more: every key
    /// below is evidenced by an example or by the REST pages, and any of them may be `null` or missing.
    pub struct Payload {
        /// Names the conversation; every nested `conversationId` equals it.
        #[schemars(length(min = 1))]
        must id: String,
        /// The phone line; said to be unused at present.
        #[schemars(length(min = 1))]
        may phone_id: String,
        /// The agent that answered; the `agentId` of the primary entry in `agents`.
        #[schemars(length(min = 1))]
        may agent_id: String,
        /// The flow that drove the call, if one did.
        #[schemars(length(min = 1))]
        may flow_id: String,
        /// The workspace; equals `customer.workspaceId`.
        #[schemars(length(min = 1))]
        may workspace_id: String,
        /// When the call was triggered.
        may call_start_time: Timestamp,
        /// When the call was closed.
        may call_end_time: Timestamp,
        /// When the user picked up; `null` when nobody did.
        may user_join_time: Timestamp,
        /// When the user left. Set even for a call that nobody picked up.
        may user_leave_time: Timestamp,
        /// When the agent joined.
        may agent_join_time: Timestamp,
        /// When the agent left.
        may agent_leave_time: Timestamp,
        /// When a transfer began.
        may transfer_start_time: Timestamp,
        /// When it ended.
        may transfer_end_time: Timestamp,
        /// When the party that the call was transferred to joined.
        may transfer_user_join_time: Timestamp,
        /// When that party left.
        may transfer_user_leave_time: Timestamp,
        /// How the transfer went.
        may transfer_status: TransferStatus,
        /// The customer; equals `customer.id`.
        #[schemars(length(min = 1))]
        may customer_id: String,
        /// The customer.
        may customer: Customer,
        /// The number called, E.164.
        may to_phone_number: String,
        /// The number called from, E.164; `null` or empty where the line does not tell.
        #[schemars(extend("x-strength" = "documented"))]
        may from_phone_number: String,
        /// A phone number; a SIP address, queue or agent are possible too.
        may transfer_destination: String,
        /// Where the conversation stands. A call that nobody answered is `completed`, not `failed`.
        #[schemars(extend("x-strength" = "documented"))]
        may conversation_status: ConversationStatus,
        /// Who called whom.
        #[schemars(extend("x-strength" = "documented"))]
        may telephony_type: TelephonyType,
        /// What the line says; no values are published.
        may telephony_status: String,
        /// Why the conversation ended.
        #[schemars(extend("x-strength" = "documented"))]
        may end_reason: EndReason,
        /// Where the recording stands; while `in_progress` the address may be missing or empty.
        #[schemars(extend("x-strength" = "documented"))]
        may recording_status: RecordingStatus,
        /// By which channel.
        #[schemars(extend("x-strength" = "documented"))]
        may conversation_type: ConversationType,
        /// Variables of the call: a JSON object as text inside a string, with or without white space.
        #[schemars(extend("x-strength" = "documented"))]
        may dynamic_variables: JsonText<Map<String, Value>>,
        /// The campaign, for calls of one.
        #[schemars(length(min = 1))]
        may campaign_id: String,
        /// The run of the campaign.
        #[schemars(length(min = 1))]
        may campaign_run_id: String,
        /// Where the recording is. The address is public to whoever knows it.
        may recording_url: String,
        /// What was said: lines `Agent: …` and `Customer: …`, joined by line feeds.
        may transcript: String,
        /// What was said, by agent, with times.
        may transcripts: Vec<Transcript>,
        /// What the analysis found; free JSON, `null` until `conversation.analysisCompleted`.
        may post_call_metadata: Value,
        /// When the conversation was made, before dialling.
        may created_at: Timestamp,
        /// When it was last changed.
        may updated_at: Timestamp,
        /// The agents that took part.
        may agents: Vec<Agent>,
        /// The users that took part.
        may users: Vec<User>,
        /// The transfers, in order.
        may transfers: Vec<Transfer>,
        /// The bill.
        may conversation_cost: ConversationCost,

        /// Said to be unused; only in an older `conversation.analysisCompleted`.
        may ws_url: String,
        /// Said to be unused; only in an older `conversation.analysisCompleted`.
        may llm_url: String,
        /// Only in an older `conversation.analysisCompleted`.
        may summary: String,
        /// Only in an older `conversation.analysisCompleted`.
        may post_call_notes: String,
        /// Only in an older `conversation.analysisCompleted`.
        may post_call_category1: String,
        /// Only in an older `conversation.analysisCompleted`.
        may post_call_category2: String,
        /// Only in an older `conversation.analysisCompleted`.
        may post_call_category3: String,
    }
}

record! {
    /// What one agent heard and said.
    pub struct Transcript {
        /// Names the transcript.
        #[schemars(length(min = 1))]
        may id: String,
        /// Equals `payload.id`.
        #[schemars(length(min = 1))]
        must conversation_id: String,
        /// The messages: a JSON array as text inside a string.
        may messages: JsonText<Vec<Message>>,
        /// The entry in `agents` whose transcript this is.
        #[schemars(length(min = 1))]
        may conversation_agent_id: String,
        /// The `agentId` of that entry.
        #[schemars(length(min = 1))]
        may agent_id: String,
        /// Equals `payload.flowId`.
        #[schemars(length(min = 1))]
        may flow_id: String,
        /// When the transcript was made.
        may created_at: Timestamp,
        /// When it was last changed.
        may updated_at: Timestamp,
    }
}

record! {
    /// One message of a transcript.
    pub struct Message {
        /// Who speaks.
        must message_type: MessageType,
        /// What is said.
        must message: String,
        /// When it was said.
        must timestamp: Timestamp,
    }
}

record! {
    /// An agent that took part.
    pub struct Agent {
        /// Names the part this agent took in this conversation.
        #[schemars(length(min = 1))]
        may id: String,
        /// Names the agent.
        #[schemars(length(min = 1))]
        may agent_id: String,
        /// Equals `payload.id`.
        #[schemars(length(min = 1))]
        may conversation_id: String,
        /// The segment of the call that a handed-off agent took.
        #[schemars(length(min = 1))]
        may segment_id: String,
        /// The part that handed over to this one.
        #[schemars(length(min = 1))]
        may source_handoff_id: String,
        /// The part played.
        may participant_role: ParticipantRole,
        /// When the agent joined.
        may agent_join_time: Timestamp,
        /// When the agent left; may be `null` while it has not.
        may agent_leave_time: Timestamp,
        /// When this row was made.
        may created_at: Timestamp,
        /// When it was last changed.
        may updated_at: Timestamp,
    }
}

record! {
    /// A user that took part.
    pub struct User {
        /// Names the part this user took in this conversation.
        #[schemars(length(min = 1))]
        may id: String,
        /// The agent spoken to.
        #[schemars(length(min = 1))]
        may agent_id: String,
        /// Equals `payload.id`.
        #[schemars(length(min = 1))]
        may conversation_id: String,
        /// When the user joined.
        may user_join_time: Timestamp,
        /// When the user left.
        may user_leave_time: Timestamp,
        /// When this row was made.
        may created_at: Timestamp,
        /// When it was last changed.
        may updated_at: Timestamp,
    }
}

record! {
    /// A transfer of the call to somebody else.
    pub struct Transfer {
        /// Names the transfer.
        #[schemars(length(min = 1))]
        may id: String,
        /// The agent that transferred.
        #[schemars(length(min = 1))]
        may agent_id: String,
        /// Equals `payload.id`.
        #[schemars(length(min = 1))]
        may conversation_id: String,
        /// When the transfer began.
        may transfer_start_time: Timestamp,
        /// When it ended.
        may transfer_end_time: Timestamp,
        /// When the other party joined.
        may transfer_user_join_time: Timestamp,
        /// When the other party left.
        may transfer_user_leave_time: Timestamp,
        /// A phone number; a SIP address, queue or agent are possible too.
        may transfer_destination: String,
        /// How it went.
        may transfer_status: TransferStatus,
        /// When this row was made.
        may created_at: Timestamp,
        /// When it was last changed.
        may updated_at: Timestamp,
    }
}

open_enum! {
    /// Where a conversation stands.
    pub enum ConversationStatus {
        /// Waiting to be dialled.
        Queued = "queued",
        /// Being dialled.
        Dialing = "dialing",
        /// Under way.
        Active = "active",
        /// Over, answered or not.
        Completed = "completed",
        /// Broken off by a fault.
        Failed = "failed",
    }
}

open_enum! {
    /// Who called whom.
    pub enum TelephonyType {
        /// The customer called.
        Inbound = "inbound",
        /// The customer was called.
        Outbound = "outbound",
    }
}

open_enum! {
    /// Why a conversation ended. There is no value for voicemail, a busy line or a transfer, so
    /// unlisted ones are to be expected.
    pub enum EndReason {
        /// Nobody picked up.
        UserDidNotAnswer = "user_did_not_answer",
        /// The user hung up.
        UserHangup = "user_hangup",
        /// The user said nothing for too long.
        UserInactivity = "user_inactivity",
        /// The agent hung up.
        AgentHangup = "agent_hangup",
        /// The line broke.
        NetworkError = "network_error",
        /// The call reached its longest permitted time.
        MaxDurationExceeded = "max_duration_exceeded",
    }
}

open_enum! {
    /// Where a recording stands.
    pub enum RecordingStatus {
        /// Still being written.
        InProgress = "in_progress",
        /// There to be fetched.
        Completed = "completed",
    }
}

open_enum! {
    /// By which channel a conversation took place.
    pub enum ConversationType {
        /// In writing.
        Chat = "chat",
        /// By phone.
        Telephony = "telephony",
        /// By voice in a browser.
        Web = "web",
    }
}

open_enum! {
    /// How a transfer went. Only one value is shown anywhere.
    pub enum TransferStatus {
        /// The other party picked up.
        Connected = "transfer_connected",
    }
}

open_enum! {
    /// Who speaks a message. Only the user's value is shown anywhere; the agent's is inferred.
    pub enum MessageType {
        /// The customer.
        User = "userMessage",
        /// The agent.
        Agent = "agentMessage",
    }
}

open_enum! {
    /// The part an agent plays. Only `primary` is shown anywhere.
    pub enum ParticipantRole {
        /// The one that took the call.
        Primary = "primary",
    }
}
