//! The settings of the program (`system.yaml`), with their defaults. Field comments become the descriptions
//! of the JSON schema.

use std::collections::BTreeMap;

use router_core::catalog::spec::UnknownPrice;
use schemars::JsonSchema;

use super::decode::{Decode, Faults, choice, section};
use super::node::{Node, Path, Value};
use super::prices::PriceEntry;
use super::secret::Secret;
use super::units::{ByteSize, Decimal, Hedge, Network, Share, Span, Usd, Zone};

section! {
    /// Every setting of the program.
    pub struct System {
        /// The listening side.
        server: Server = Server::default(),
        /// Who may come in.
        auth: Auth = Auth::default(),
        /// Where rows go.
        database: Database = Database::default(),
        /// Shared state of several instances.
        redis: Redis = Redis::default(),
        /// Logs of the program and of requests.
        logging: Logging = Logging::default(),
        /// How much runs and waits at a time.
        limits: Limits = Limits::default(),
        /// Deadlines of calls to providers.
        timeouts: TimeoutSettings = TimeoutSettings::default(),
        /// Second attempts.
        failover: Failover = Failover::default(),
        /// Circuit breakers of channels and channel models.
        breaker: Breaker = Breaker::default(),
        /// How long to stay away after a fault.
        cooldown: Cooldown = Cooldown::default(),
        /// Money of the whole router.
        budgets: Budgets = Budgets::default(),
        /// Where connections may go.
        egress: Egress = Egress::default(),
        /// How long rows are kept.
        retention: Retention = Retention::default(),
        /// Prices and currencies.
        catalog: CatalogSettings = CatalogSettings::default(),
        /// Background jobs.
        jobs: Jobs = Jobs::default(),
        /// When to call for help.
        alerts: Alerts = Alerts::default(),
        /// Traces and metrics.
        telemetry: Telemetry = Telemetry::default(),
    }
}

section! {
    /// `server`
    pub struct Server {
        /// Address to listen on.
        host: String = "127.0.0.1".to_owned(),
        /// Port to listen on; 0 takes a free one.
        port: u16 = 8000,
        /// How long open requests may finish after SIGTERM.
        shutdown_grace: Span = Span::from_secs(30),
        /// Largest request body.
        max_request_bytes: ByteSize = ByteSize::from_mib(20),
        /// How long a request body may take to arrive. One that comes at less than 1 KiB a second is given up after 5 s.
        body_timeout: Span = Span::from_secs(30),
        /// Most connections at a time.
        max_connections: u32 = 8192,
        /// Proxies whose `x-forwarded-for` is believed.
        trusted_proxies: Vec<Network> = Vec::new(),
        /// Origins that browsers may call from.
        cors_origins: Vec<String> = Vec::new(),
        /// Values of the Host header that are answered; empty: all.
        allowed_hosts: Vec<String> = Vec::new(),
    }
}

section! {
    /// `auth`
    pub struct Auth {
        /// Whether clients need a key. `false` only on a loopback host.
        required: bool = true,
        /// What new client keys begin with.
        key_prefix: String = "sk-router-".to_owned(),
        /// Networks that clients may come from; empty: all.
        ip_allow: Vec<Network> = Vec::new(),
    }
}

choice! {
    /// What a written row survives.
    pub enum Durability {
        /// A crash of the process.
        Normal = "normal",
        /// A crash of the machine.
        Full = "full",
    }
}

section! {
    /// `database`
    pub struct Database {
        /// `sqlite://PATH` or `postgres://…`; in the environment: DATABASE_URL.
        url: Secret = Secret::new("sqlite://data/router.db"),
        /// Most connections to the database.
        max_connections: u32 = 10,
        /// What a written row survives.
        durability: Durability = Durability::Normal,
    }
}

section! {
    /// `redis`
    pub struct Redis {
        /// `redis://…`; in the environment: REDIS_URL.
        url: Option<Secret> = None,
    }
}

choice! {
    /// From quiet to loud.
    pub enum LogLevel { Off = "off", Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace" }
}

choice! {
    /// Shape of log lines.
    pub enum LogFormat { Json = "json", Text = "text" }
}

choice! {
    /// When a new log file begins.
    pub enum Rotation { Hourly = "hourly", Daily = "daily", Never = "never" }
}

choice! {
    /// Whether bodies of requests and answers are kept.
    pub enum Bodies { Off = "off", Redacted = "redacted", Full = "full" }
}

section! {
    /// `logging`
    pub struct Logging {
        /// The least important lines that are still written.
        level: LogLevel = LogLevel::Info,
        /// Shape of log lines.
        format: LogFormat = LogFormat::Json,
        /// Folder of log files; null: standard error only.
        directory: Option<String> = None,
        /// When a new log file begins.
        rotation: Rotation = Rotation::Daily,
        /// How many log files are kept.
        keep: u32 = 14,
        /// Whether bodies of requests and answers are kept.
        bodies: Bodies = Bodies::Off,
    }
}

section! {
    /// `limits`
    pub struct Limits {
        /// Requests that run at a time. Beside others, a channel without a max_in_flight of its own has at most three quarters of them.
        max_in_flight: u32 = 1000,
        /// Requests that wait at a time.
        queue: u32 = 1000,
        /// How long a request may wait.
        queue_timeout: Span = Span::from_secs(2),
    }
}

section! {
    /// `timeouts`
    pub struct TimeoutSettings {
        /// DNS, TCP and TLS.
        connect: Span = Span::from_secs(5),
        /// From sending to the first content.
        first_byte: Span = Span::from_secs(60),
        /// Between two events of a stream.
        stream_idle: Span = Span::from_secs(60),
        /// The whole request, all attempts together.
        total: Span = Span::from_secs(600),
    }
}

section! {
    /// `failover`
    pub struct Failover {
        /// Most attempts for one request.
        max_attempts: u32 = 4,
        /// Second attempts, as a share of all requests.
        retry_budget: Share = Share(0.2),
        /// Ask a second channel, too, when the first is silent for so long: p95 (the time to the first token that 95 of 100 answers have held) or a time; null: never. Groups may say otherwise.
        hedge_after: Option<Hedge> = None,
        /// Such second questions, as a share of the requests that may have one. They count as retries, too.
        hedge_budget: Share = Share(0.05),
    }
}

section! {
    /// `breaker`
    pub struct Breaker {
        /// Failures in a row that open it.
        failure_threshold: u32 = 5,
        /// Share of failures in the window that opens it.
        error_rate: Share = Share(0.5),
        /// Requests in the window below which the rate does not count.
        min_requests: u32 = 20,
        /// The window.
        window: Span = Span::from_secs(60),
        /// How long it stays open.
        open_for: Span = Span::from_secs(30),
        /// Requests that may try at a time when half open.
        half_open_probes: u32 = 1,
        /// Successes that close it.
        success_threshold: u32 = 2,
    }
}

section! {
    /// `cooldown`
    pub struct Cooldown {
        /// After a 429 that names no time.
        rate_limited: Span = Span::from_secs(30),
        /// After a passing fault.
        temporary: Span = Span::from_secs(10),
        /// Bounds guesses and Retry-After; a date that the provider names is kept.
        max: Span = Span::from_secs(1800),
    }
}

section! {
    /// `budgets`
    pub struct Budgets {
        /// USD per day for the whole router.
        daily: Option<Usd> = None,
        /// USD per month for the whole router.
        monthly: Option<Usd> = None,
        /// Zone in which days and months turn over.
        timezone: Zone = Zone::utc(),
        /// Output tokens reserved, and sent, where neither request nor model names a limit.
        default_max_output_tokens: u64 = 4096,
        /// What to do with a model without a price.
        unknown_price: UnknownPriceSetting = UnknownPriceSetting::Refuse,
    }
}

/// `budgets.unknown_price`
#[derive(Clone, Debug, PartialEq, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", untagged)]
#[schemars(with = "UnknownPriceSchema")]
pub enum UnknownPriceSetting {
    /// The model is never chosen.
    #[serde(serialize_with = "refuse")]
    Refuse,
    /// It costs nothing in the books.
    #[serde(serialize_with = "free")]
    Free,
    /// It is booked at this price.
    Assume(Box<PriceEntry>),
}

fn refuse<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("refuse")
}

fn free<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("free")
}

choice! {
    /// The words of `budgets.unknown_price`.
    pub enum UnknownPriceWord { Refuse = "refuse", Free = "free" }
}

/// For the JSON schema: `refuse`, `free`, or a price in USD per million tokens.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum UnknownPriceSchema {
    Word(UnknownPriceWord),
    Assume(PriceEntry),
}

impl Decode for UnknownPriceSetting {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        if let Value::Map(_) = node.value {
            return PriceEntry::decode(node, path, faults).map(|price| Self::Assume(Box::new(price)));
        }
        match UnknownPriceWord::decode(node, path, faults)? {
            UnknownPriceWord::Refuse => Some(Self::Refuse),
            UnknownPriceWord::Free => Some(Self::Free),
        }
    }
}

impl UnknownPriceSetting {
    /// As the core wants it.
    #[must_use]
    pub fn to_core(&self) -> UnknownPrice {
        match self {
            Self::Refuse => UnknownPrice::Refuse,
            Self::Free => UnknownPrice::Free,
            Self::Assume(price) => UnknownPrice::Assume(price.in_currency_of_itself()),
        }
    }
}

section! {
    /// `egress`
    pub struct Egress {
        /// Private origins or networks that the admin API may use beside public ones.
        allow: Vec<String> = Vec::new(),
        /// Whether `http://` to a public address is allowed.
        allow_insecure_http: bool = false,
        /// HTTP proxy through which all calls to providers go as tunnels (CONNECT): `http://[USER:PASSWORD@]HOST:PORT`.
        proxy: Option<Secret> = None,
    }
}

section! {
    /// `retention`
    pub struct Retention {
        /// Of request rows.
        request_logs: Span = Span::from_days(30),
        /// Of roll-ups.
        statistics: Span = Span::from_days(400),
    }
}

section! {
    /// `catalog`
    pub struct CatalogSettings {
        /// Where new prices are read.
        price_sources: Vec<String> = Vec::new(),
        /// Units of a currency for one USD.
        exchange_rates: BTreeMap<String, Decimal> = BTreeMap::from([
            ("CNY".to_owned(), Decimal::from_billionths(7_200_000_000)),
            ("EUR".to_owned(), Decimal::from_billionths(900_000_000)),
        ]),
        /// Where new rates are read.
        exchange_rate_source: Option<String> = None,
        /// A price that changes by a larger share is not taken over by itself.
        max_price_change: f64 = 0.5,
    }
}

section! {
    /// One background job.
    pub struct Job {
        /// When it runs: minute, hour, day, month, weekday.
        cron: String = "0 * * * *".to_owned(),
        /// How long it may take.
        timeout: Span = Span::from_secs(300),
        /// How often it is tried again.
        retries: u32 = 3,
        /// Whether it runs.
        enabled: bool = true,
    }
}

section! {
    /// The job `health_check`.
    pub struct HealthCheckJob {
        /// When it runs: minute, hour, day, month, weekday.
        cron: String = "*/5 * * * *".to_owned(),
        /// How long it may take.
        timeout: Span = Span::from_secs(300),
        /// How often it is tried again.
        retries: u32 = 3,
        /// Whether it runs.
        enabled: bool = true,
        /// USD a day that questions to channels and models that are away may cost; 0: only what is free is asked.
        daily_cost_limit: Usd = Usd::default(),
    }
}

fn job(cron: &str) -> Job {
    Job { cron: cron.to_owned(), ..Job::default() }
}

section! {
    /// `jobs`
    pub struct Jobs {
        /// Looks for new models.
        model_discovery: Job = job("0 */2 * * *"),
        /// Looks for new prices.
        pricing_update: Job = job("0 */6 * * *"),
        /// Looks after channels.
        health_check: HealthCheckJob = HealthCheckJob::default(),
        /// Housekeeping of quotas.
        quota_reset: Job = job("0 0 * * *"),
        /// Rolls up statistics.
        performance_analysis: Job = job("0 * * * *"),
        /// Deletes old rows.
        data_cleanup: Job = job("0 2 * * *"),
    }
}

choice! {
    /// What an alert does beside being shown.
    pub enum AlertAction { Notify = "notify", DisableChannel = "disable_channel", LowerPriority = "lower_priority" }
}

section! {
    /// `alerts.error_rate`
    pub struct ErrorRateAlert {
        /// Share of failed requests.
        threshold: Share = Share(0.1),
        /// In this window.
        window: Span = Span::from_secs(300),
        /// What to do.
        action: AlertAction = AlertAction::Notify,
    }
}

section! {
    /// `alerts.quota`
    pub struct QuotaAlert {
        /// Used share of a quota.
        threshold: Share = Share(0.8),
    }
}

section! {
    /// `alerts.budget`
    pub struct BudgetAlert {
        /// Used share of a budget.
        threshold: Share = Share(0.9),
    }
}

section! {
    /// `alerts.latency`
    pub struct LatencyAlert {
        /// Mean latency.
        threshold: Span = Span::from_secs(5),
        /// In this window.
        window: Span = Span::from_secs(600),
    }
}

super::decode::entry! {
    /// One entry of `alerts.webhooks`.
    pub struct Webhook {
        required {
            /// Where alerts are posted.
            url: String,
        }
        optional {
            /// Key of the signature.
            secret: Option<Secret> = None,
        }
    }
}

section! {
    /// `alerts`
    pub struct Alerts {
        /// Too many failures.
        error_rate: ErrorRateAlert = ErrorRateAlert::default(),
        /// A quota is nearly used up.
        quota: QuotaAlert = QuotaAlert::default(),
        /// A budget is nearly used up.
        budget: BudgetAlert = BudgetAlert::default(),
        /// Too slow.
        latency: LatencyAlert = LatencyAlert::default(),
        /// Who is told.
        webhooks: Vec<Webhook> = Vec::new(),
    }
}

section! {
    /// `telemetry`
    pub struct Telemetry {
        /// Where traces go.
        otlp_endpoint: Option<String> = None,
        /// Whether `/metrics` needs a key.
        metrics_auth: bool = false,
    }
}
