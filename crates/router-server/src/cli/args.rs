//! The arguments of every command, with an example for each.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::schema::SchemaOf;

/// One address for every LLM.
#[derive(Debug, Parser)]
#[command(
    name = "smart-ai-router",
    version,
    about = "An LLM gateway: one address, the best channel for each request, exact books",
    after_help = "Examples:\n  smart-ai-router serve --demo          try it without any account\n  \
                  OPENAI_API_KEY=sk-… smart-ai-router serve\n  smart-ai-router check --config ./config",
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the router
    #[command(after_help = "Example:\n  smart-ai-router serve --config ./config --data-dir ./data")]
    Serve(ServeArgs),
    /// Validate the configuration, meaning included
    #[command(after_help = "Example:\n  smart-ai-router check --config ./config")]
    Check(ConfigArgs),
    /// Bring the database up; safe from several instances at once
    #[command(after_help = "Example:\n  smart-ai-router migrate --status")]
    Migrate(MigrateArgs),
    /// Client keys: create, list, revoke
    #[command(
        subcommand,
        after_help = "Example:\n  smart-ai-router key create --name ci --group 'auto:*' --daily-budget 5"
    )]
    Key(KeyCommand),
    /// The routing decision for a request, with every candidate
    #[command(
        after_help = "Example:\n  smart-ai-router explain --model auto:cheap\n  smart-ai-router explain --model auto:fast --body request.json --json"
    )]
    Explain(ExplainArgs),
    /// What the recorded requests would have cost, how long they would have taken, how many would have failed
    #[command(
        after_help = "Example:\n  smart-ai-router backtest --from 2027-01-30 --to 2027-01-31 --group auto:fast --policy cheaper.yaml\n\n\
                      FILE is the definition of the group as under model_groups, or a whole configuration. Without --policy the\n\
                      configuration as it is. Exit code 1: the log holds no such requests; 2: the policy is broken."
    )]
    Backtest(BacktestArgs),
    /// Routing assertions: "given …, `auto:fast` chooses …", for your CI
    #[command(
        after_help = "Example:\n  smart-ai-router test config/tests/*.yaml\n\nExit code 1: an assertion failed; 2: a file is broken."
    )]
    Test(TestArgs),
    /// A scenario on a virtual clock: the real engine, simulated providers; the same seed gives the same trace
    #[command(
        after_help = "Example:\n  smart-ai-router simulate config/scenarios/outage.yaml --seed 7\n  smart-ai-router simulate config/scenarios/outage.yaml --trace - | grep '\"request\":17,'\n\nExit code 1: an expectation does not hold; 2: the file is broken."
    )]
    Simulate(SimulateArgs),
    /// What is unsafe or unhealthy in this installation, without secrets
    #[command(after_help = "Example:\n  smart-ai-router doctor --config ./config")]
    Doctor(InstallArgs),
    /// JSON Schema of the configuration, of scenarios or of routing assertions, for editors
    #[command(
        after_help = "Example:\n  smart-ai-router schema > schema.json\n  smart-ai-router schema scenario > scenario.schema.json"
    )]
    Schema {
        /// Of which kind of file
        #[arg(value_enum, default_value_t)]
        of: SchemaOf,
    },
    /// Shell completion
    #[command(after_help = "Example:\n  smart-ai-router completions bash > /etc/bash_completion.d/smart-ai-router")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// Where the configuration is.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// A folder of YAML files, or one file [default: ./config where it exists]
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
}

/// Where the installation is.
#[derive(Clone, Debug, Args)]
pub struct InstallArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened arguments document themselves")]
    pub config: ConfigArgs,
    /// The data folder
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
}

/// `serve`
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened arguments document themselves")]
    pub install: InstallArgs,
    /// Add a built-in simulated provider; works with no account
    #[arg(long)]
    pub demo: bool,
}

/// `migrate`
#[derive(Clone, Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened arguments document themselves")]
    pub install: InstallArgs,
    /// Only say what is applied and what is pending
    #[arg(long)]
    pub status: bool,
}

/// `key …`
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; it is printed once
    #[command(
        after_help = "Example:\n  smart-ai-router key create --name ci --group 'auto:*' --daily-budget 5 --rate-limit 60/minute"
    )]
    Create(KeyCreateArgs),
    /// List the keys; never the keys themselves
    List(KeyListArgs),
    /// Revoke a key, at once
    #[command(after_help = "Example:\n  smart-ai-router key revoke ci")]
    Revoke(KeyRevokeArgs),
}

/// `key create`
#[derive(Clone, Debug, Args)]
pub struct KeyCreateArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened arguments document themselves")]
    pub install: InstallArgs,
    /// Name, unique
    #[arg(long)]
    pub name: String,
    /// What it may do on the control plane
    #[arg(long, value_enum, default_value_t = RoleArg::User)]
    pub role: RoleArg,
    /// Group or model pattern that it may use; repeat for several [default: all]
    #[arg(long = "group", value_name = "G")]
    pub groups: Vec<String>,
    /// USD a day
    #[arg(long, value_name = "USD")]
    pub daily_budget: Option<String>,
    /// USD a month
    #[arg(long, value_name = "USD")]
    pub monthly_budget: Option<String>,
    /// Requests in a time, such as 60/minute
    #[arg(long, value_name = "N/minute")]
    pub rate_limit: Option<String>,
    /// When it ends: a date (2027-01-31), a time (2027-01-31T12:00:00Z), or a span from now (90d, 12h)
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `key list`
#[derive(Clone, Debug, Args)]
pub struct KeyListArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened arguments document themselves")]
    pub install: InstallArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `key revoke`
#[derive(Clone, Debug, Args)]
pub struct KeyRevokeArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened arguments document themselves")]
    pub install: InstallArgs,
    /// Name or id
    pub key: String,
}

/// Roles, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Calls models, sees its own usage
    User,
    /// Reads everything
    Viewer,
    /// May do everything
    Admin,
}

/// `explain`
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened arguments document themselves")]
    pub install: InstallArgs,
    /// Model, group or expression, as a client would name it
    #[arg(long)]
    pub model: String,
    /// A request body to explain; else a short question
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// With the demo provider's channels, as `serve --demo` has them
    #[arg(long)]
    pub demo: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `backtest`
#[derive(Clone, Debug, Args)]
pub struct BacktestArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "flattened arguments document themselves")]
    pub install: InstallArgs,
    /// First moment: a date (UTC) or a time such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub from: String,
    /// End of the period [default: now]
    #[arg(long, value_name = "WHEN")]
    pub to: Option<String>,
    /// Decide only requests for this group anew; all others went as they went [default: all requests]
    #[arg(long, value_name = "G")]
    pub group: Option<String>,
    /// Another definition of the group, or another configuration
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `test`
#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// Test this configuration, a folder or one file, instead of the one that the files name
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Files with assertions, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `simulate`
#[derive(Clone, Debug, Args)]
pub struct SimulateArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO.yaml")]
    pub scenario: PathBuf,
    /// Draw all chance from this number instead of the scenario's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write one line of JSON for each event to this file; `-` is the standard output, and the report then goes to the error output
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}
