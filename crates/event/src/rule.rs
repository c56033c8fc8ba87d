//! The rules of the contract, each with a stable id, its strength and its statement.

use std::fmt;

/// How sure a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// Oration's pages state it.
    Documented,
    /// Every example that the pages show agrees with it, or nearly every one.
    Evidenced,
    /// It follows from what the words mean, but no page says or shows it.
    Inferred,
}

impl Strength {
    /// Returns the word for reports and schemas.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Evidenced => "evidenced",
            Self::Inferred => "inferred",
        }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])* $arm:ident = $id:literal $strength:ident $statement:literal,)+) => {
        /// A rule of the contract. Ids are stable: a rule may be retired, never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $statement] $arm,)+
        }

        impl Rule {
            /// Every rule, in the order in which they are judged.
            pub const ALL: &'static [Self] = &[$(Self::$arm),+];

            /// Returns the stable id.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$arm => $id),+ }
            }

            /// Returns how sure the rule is where a finding does not say otherwise: shape rules take
            /// the strength of the key that they are applied to.
            pub const fn strength(self) -> Strength {
                match self { $(Self::$arm => Strength::$strength),+ }
            }

            /// Returns what the rule demands, in one sentence.
            pub const fn statement(self) -> &'static str {
                match self { $(Self::$arm => $statement),+ }
            }
        }
    };
}

rules! {
    // The bytes (RFC 8259, RFC 7493).
    JsonEncoding = "json.encoding" Documented "the body is UTF-8",
    JsonBom = "json.bom" Documented "the body does not begin with a byte order mark",
    JsonSyntax = "json.syntax" Documented "the body is one complete JSON text",
    JsonDepth = "json.depth" Inferred "objects and arrays are nested at most 127 deep",
    JsonDuplicateKey = "json.duplicate-key" Inferred "no object holds a key twice",
    JsonNumber = "json.number" Inferred "every number survives a double-precision float",

    // The shape.
    ShapeType = "shape.type" Evidenced "the value has the type that the contract gives the key",
    ShapeRequired = "shape.required" Evidenced "the key is there",
    ShapeEmpty = "shape.empty" Inferred "an id is not the empty string",
    ShapeEventType = "shape.event-type" Documented "the event is one of the documented two",
    ShapeTimestamp = "shape.timestamp" Evidenced "a time has three fractional digits and ends in Z",
    ShapeRange = "shape.range" Inferred "the number lies in the range of its key",
    ShapeInnerJson = "shape.inner-json" Evidenced "the string holds JSON text",

    // Ids that agree.
    EventUuid = "id.event-uuid" Documented "eventId is a UUID",
    IdConversation = "id.conversation" Evidenced "every conversationId equals payload.id",
    IdCustomer = "id.customer" Evidenced "customer.id equals payload.customerId",
    IdWorkspace = "id.workspace" Evidenced "customer.workspaceId equals payload.workspaceId",
    IdAgent = "id.agent" Evidenced "payload.agentId is the agent of the primary entry in agents",
    IdAgentOrFlow = "id.agent-or-flow" Inferred "agentId or flowId is set",
    IdFlow = "id.flow" Inferred "a transcript's flowId equals payload.flowId",
    IdCampaign = "id.campaign" Inferred "campaignId and campaignRunId are set together",
    IdUnique = "id.unique" Inferred "no two rows of a list share an id",
    IdHandoff = "id.handoff" Inferred "sourceHandoffId names another entry in agents",

    // Times in order.
    TimeCall = "time.call" Evidenced "createdAt ≤ callStartTime ≤ callEndTime ≤ updatedAt",
    TimeWithin = "time.within-call" Inferred "joining, leaving and transferring happen during the call",
    TimeOrder = "time.order" Evidenced "nobody leaves before joining, nothing ends before it begins",
    TimeRow = "time.row" Inferred "no row is updated before it was created",
    TimeUser = "time.user" Evidenced "the only entry in users has the times of the payload",
    TimeMessage = "time.message" Inferred "messages are in order and during the call",

    // One story.
    Unanswered = "call.unanswered" Evidenced "nobody joins a call that the user did not answer",
    StatusTerminal = "call.status" Inferred "a conversation that is over is completed or failed",
    Channel = "call.channel" Inferred "a call without a phone line has no numbers and no phone charge",
    Recording = "call.recording" Evidenced "recordingUrl names the conversation",
    Analysis = "call.analysis" Evidenced "what the analysis finds is not in conversation.completed",
    PhoneE164 = "phone.e164" Documented "a phone number is E.164: + and up to 15 digits, the first not 0",
    PhoneCustomer = "phone.customer" Evidenced "the customer's number is the one on their side of the call",
    AgentPrimary = "agent.primary" Inferred "exactly one agent is primary",
    TransferMirror = "transfer.mirror" Inferred "the payload's transfer keys mirror the last transfer",
    TranscriptAgent = "transcript.agent" Evidenced "a transcript's agent is the one of its entry in agents",
    TranscriptOnePerAgent = "transcript.one-per-agent" Inferred "each entry in agents has one transcript",
    TranscriptTurns = "transcript.turns" Inferred "transcript and transcripts tell the same conversation",

    // The bill.
    CostTotal = "cost.total" Evidenced "totalCost is the exact sum of the items",
    CostDuration = "cost.duration" Evidenced "the total durations are the platform_charge item's, and the longest",
    CostBillable = "cost.billable" Evidenced "what is billed is not less than what was used",
    CostNegative = "cost.negative" Inferred "no cost and no duration is negative",
    CostModel = "cost.model" Evidenced "providerModel is set for llm, tts and stt, and only there",
    CostKinds = "cost.kinds" Evidenced "each kind of charge has one row",
    CostWithinCall = "cost.within-call" Inferred "no more time is used than the call lasted",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}
