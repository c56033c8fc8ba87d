//! The customer of a conversation.

use serde_json::Value;

use crate::Timestamp;
use crate::exact::Exact;
use crate::open::open_enum;
use crate::record::record;

record! {
    /// The person who was called or who called, as the workspace knows them.
    pub struct Customer {
        /// Full name; optional when a customer is made, so it may be `null`.
        may name: String,
        /// Names the customer; equals `payload.customerId`.
        #[schemars(length(min = 1))]
        may id: String,
        /// When the customer was made.
        may created_at: Timestamp,
        /// When the customer was last changed.
        may updated_at: Timestamp,
        /// The workspace; equals `payload.workspaceId`.
        #[schemars(length(min = 1))]
        may workspace_id: String,
        /// E-mail address; optional when a customer is made.
        may email: String,
        /// Phone number in E.164; optional when a customer is made.
        may phone_number: String,
        /// The key that the caller of the REST API chose; unique in a workspace.
        #[schemars(extend("x-strength" = "documented"))]
        must identifier: String,
        /// Lower is called earlier; 0 is highest, 5 the default.
        #[schemars(
            with = "crate::Field<i64>",
            range(min = 0, max = 1_000_000_000),
            extend("x-strength" = "documented")
        )]
        may priority: Exact,
        /// Where an imported customer came from; only ever shown as `null`, so its type is unknown.
        may source_file: Value,
        /// How the customer was made.
        may source: Source,
        /// Whether the customer asked not to be called; a call may be forced all the same.
        may is_do_not_disturb_enabled: bool,
        /// Whatever the workspace stores: object, string, number, boolean or `null`.
        #[schemars(extend("x-strength" = "documented"))]
        may metadata: Value,
    }
}

record! {
    /// How a customer was made.
    pub struct Source {
        /// The way in.
        may method: SourceMethod,
    }
}

open_enum! {
    /// The way a customer was made.
    pub enum SourceMethod {
        /// Through the REST API.
        Api = "api",
    }
}
