//! The life of a request as a state machine without IO: events in, commands out. The server runs this very
//! code and only carries the commands out on sockets.

mod choice;
mod machine;
mod outcome;
mod plan;
mod race;
mod retry_budget;

pub use machine::{Command, Event, RequestMachine};
pub use outcome::{AttemptRecord, FinalError, Metered, Outcome, Status, Terminal, answering, final_error};
pub use plan::{Candidate, Plan};
pub use retry_budget::{RetryBudget, RetryBudgetConfig};
