//! The kinds of call, by name, and what each fixes about a call.

use std::fmt;
use std::str::FromStr;

use crate::chance::Chance;

macro_rules! archetypes {
    ($($(#[doc = $doc:literal])* $arm:ident = $name:literal $weight:literal,)+) => {
        /// A kind of call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Archetype {
            $($(#[doc = $doc])* $arm,)+
            /// The documented example, byte for byte: the same event each time, whatever the seed.
            Example,
        }

        impl Archetype {
            /// Every archetype whose calls are made up; the order is part of what a seed means. Not
            /// [`Example`](Self::Example), which is no call that could have happened.
            pub const ALL: &'static [Self] = &[$(Self::$arm),+];

            const NAMES: &'static [&'static str] = &[$($name,)+ "example"];

            /// Returns the name, in kebab case.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$arm => $name,)+ Self::Example => "example" }
            }

            /// Returns what the archetype is, in one sentence.
            pub const fn statement(self) -> &'static str {
                match self {
                    $(Self::$arm => concat!($($doc),*).trim_ascii(),)+
                    Self::Example => "The documented example, byte for byte, whatever the seed.",
                }
            }

            /// Returns its share of a realistic mix, in thousandths. The shares are a guess of ours:
            /// Oration publishes none.
            pub const fn share(self) -> u32 {
                match self { $(Self::$arm => $weight,)+ Self::Example => 0 }
            }
        }
    };
}

archetypes! {
    /// The customer of a campaign picks up and the matter is settled.
    AnsweredOutbound = "answered-outbound" 300,
    /// Nobody picks up.
    UnansweredOutbound = "unanswered-outbound" 190,
    /// The customer calls.
    Inbound = "inbound" 170,
    /// A conversation in writing, in a browser: no numbers, no phone charge.
    WebChat = "web-chat" 70,
    /// The agent puts the customer through to a person, who picks up.
    Transferred = "transferred" 30,
    /// A conversation by voice in a browser: no numbers, no phone charge.
    WebCall = "web-call" 20,
    /// A conversation in writing with somebody unknown: no customer.
    AnonymousChat = "anonymous-chat" 15,
    /// The customer calls without showing their number, which leaves an empty one and no customer.
    WithheldNumber = "withheld-number" 10,
    /// The agent tries to put the customer through and nobody picks up.
    TransferTimeout = "transfer-timeout" 10,
    /// The agent tries to put the customer through and it fails at once.
    TransferFailed = "transfer-failed" 5,
    /// The agent hands the conversation over to another agent.
    HandedOff = "handed-off" 20,
    /// A hand-over to another agent, and then a transfer to a person.
    HandedOffTransferred = "handed-off-transferred" 5,
    /// A flow drives an outbound call.
    Flow = "flow" 25,
    /// A flow drives an inbound call.
    InboundFlow = "inbound-flow" 15,
    /// The customer hangs up in the middle of it.
    UserHangup = "user-hangup" 20,
    /// The agent hangs up when the matter is settled.
    AgentHangup = "agent-hangup" 15,
    /// The customer says nothing any more, and the agent gives up.
    UserInactivity = "user-inactivity" 15,
    /// The line breaks in the middle of it.
    NetworkError = "network-error" 10,
    /// The call reaches the longest permitted time.
    MaxDuration = "max-duration" 5,
    /// A machine answers and a message is left, which ends the call for a reason that is not listed.
    Voicemail = "voicemail" 25,
    /// The line is busy, which ends the call for a reason that is not listed.
    Busy = "busy" 10,
    /// The call cannot be set up: the only archetype whose status is `failed`.
    Failed = "failed" 5,
    /// A campaign calls a customer who asked not to be called.
    DoNotDisturb = "do-not-disturb" 5,
    /// The event is sent while the recording is still being written: there is no address yet.
    RecordingInProgress = "recording-in-progress" 5,
}

impl fmt::Display for Archetype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that no archetype has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no archetype is called `{name}`; did you mean `{near}`? The archetypes are {}",
    Archetype::NAMES.join(", ")
)]
pub struct ArchetypeError {
    /// The name as it was given.
    pub name: String,
    /// The archetype whose name is nearest.
    pub near: &'static str,
}

impl FromStr for Archetype {
    type Err = ArchetypeError;

    fn from_str(name: &str) -> Result<Self, ArchetypeError> {
        let mut known = Self::ALL.iter().copied().chain([Self::Example]);
        known.find(|archetype| archetype.as_str() == name).ok_or_else(|| ArchetypeError {
            name: name.to_owned(),
            near: crate::nearest(name, Self::NAMES),
        })
    }
}

/// By which channel, and who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Outbound,
    Inbound,
    Web,
    Chat,
}

impl Channel {
    pub(crate) const fn is_phone(self) -> bool {
        matches!(self, Self::Outbound | Self::Inbound)
    }
}

/// Who answers the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Person,
    Machine,
    Nobody,
}

/// How the conversation stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The matter is settled and the customer hangs up first.
    CustomerHangsUp,
    /// The customer hangs up in the middle of it.
    CustomerLeaves,
    /// The matter is settled and the agent hangs up first.
    AgentHangsUp,
    /// The customer says nothing any more.
    Silence,
    /// The line breaks.
    LineBreaks,
    /// The longest permitted time is reached.
    TimeIsUp,
    /// Nobody picks up.
    NoAnswer,
    /// The line is busy.
    Busy,
    /// A machine has been spoken to.
    MessageLeft,
}

/// How a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Connected,
    TimedOut,
    Failed,
}

/// What is fixed about a call before it is simulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) channel: Channel,
    pub(crate) answer: Answer,
    pub(crate) ending: Ending,
    pub(crate) transfer: Option<Outcome>,
    pub(crate) hands_over: bool,
    pub(crate) has_flow: bool,
    pub(crate) has_campaign: bool,
    pub(crate) is_anonymous: bool,
    pub(crate) do_not_disturb: bool,
    pub(crate) recording_in_progress: bool,
    pub(crate) has_failed: bool,
}

impl Plan {
    /// Fixes what the archetype fixes and draws the rest.
    pub(crate) fn draw(archetype: Archetype, chance: &mut Chance) -> Self {
        let settled = match chance.below(10) {
            0..=5 => Ending::CustomerHangsUp,
            6 => Ending::CustomerLeaves,
            _ => Ending::AgentHangsUp,
        };
        let outbound = Self {
            channel: Channel::Outbound,
            answer: Answer::Person,
            ending: settled,
            transfer: None,
            hands_over: false,
            has_flow: false,
            has_campaign: true,
            is_anonymous: false,
            do_not_disturb: false,
            recording_in_progress: false,
            has_failed: false,
        };
        let inbound = Self { channel: Channel::Inbound, has_campaign: false, ..outbound };
        let either = if chance.permille(500) { inbound } else { outbound };
        let nobody = Self { answer: Answer::Nobody, ..outbound };
        // Whoever else is on the line, it is the customer who ends it.
        let transferred =
            |outcome| Self { transfer: Some(outcome), ending: Ending::CustomerHangsUp, ..either };
        match archetype {
            // The example is written as it is and never drawn.
            Archetype::AnsweredOutbound | Archetype::Example => outbound,
            Archetype::UnansweredOutbound => Self { ending: Ending::NoAnswer, ..nobody },
            Archetype::Inbound => inbound,
            Archetype::WebChat => Self { channel: Channel::Chat, ..inbound },
            Archetype::Transferred => transferred(Outcome::Connected),
            Archetype::WebCall => Self { channel: Channel::Web, ..inbound },
            Archetype::AnonymousChat => {
                Self { channel: Channel::Chat, is_anonymous: true, ..inbound }
            }
            Archetype::WithheldNumber => Self { is_anonymous: true, ..inbound },
            Archetype::TransferTimeout => transferred(Outcome::TimedOut),
            Archetype::TransferFailed => transferred(Outcome::Failed),
            Archetype::HandedOff => Self { hands_over: true, ..either },
            Archetype::HandedOffTransferred => {
                Self { hands_over: true, ..transferred(Outcome::Connected) }
            }
            Archetype::Flow => Self { has_flow: true, ..outbound },
            Archetype::InboundFlow => Self { has_flow: true, ..inbound },
            Archetype::UserHangup => Self { ending: Ending::CustomerLeaves, ..either },
            Archetype::AgentHangup => Self { ending: Ending::AgentHangsUp, ..either },
            Archetype::UserInactivity => Self { ending: Ending::Silence, ..either },
            Archetype::NetworkError => Self { ending: Ending::LineBreaks, ..either },
            Archetype::MaxDuration => Self { ending: Ending::TimeIsUp, ..either },
            Archetype::Voicemail => {
                Self { answer: Answer::Machine, ending: Ending::MessageLeft, ..outbound }
            }
            Archetype::Busy => Self { ending: Ending::Busy, ..nobody },
            Archetype::Failed => Self { ending: Ending::LineBreaks, has_failed: true, ..nobody },
            Archetype::DoNotDisturb => Self { do_not_disturb: true, ..outbound },
            Archetype::RecordingInProgress => Self { recording_in_progress: true, ..either },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_archetype_is_found_by_its_name() {
        for archetype in Archetype::ALL.iter().chain(&[Archetype::Example]) {
            assert_eq!(archetype.to_string().parse(), Ok(*archetype));
            assert!(archetype.statement().ends_with('.'), "{archetype}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_and_the_list() {
        let error = "answered_outbound".parse::<Archetype>().unwrap_err();
        insta::assert_snapshot!(error, @"no archetype is called `answered_outbound`; did you mean `answered-outbound`? The archetypes are answered-outbound, unanswered-outbound, inbound, web-chat, transferred, web-call, anonymous-chat, withheld-number, transfer-timeout, transfer-failed, handed-off, handed-off-transferred, flow, inbound-flow, user-hangup, agent-hangup, user-inactivity, network-error, max-duration, voicemail, busy, failed, do-not-disturb, recording-in-progress, example");
    }
}
