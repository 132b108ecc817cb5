//! Who is measured: direct upstream, nginx, minimal proxy, router; each started with its configuration.

use crate::bench::Failure;
use crate::bench::process::{Running, free_address};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Names in the results.
pub(super) const DIRECT: &str = "direct";
pub(super) const NGINX: &str = "nginx";
pub(super) const MINI: &str = "mini-proxy";
pub(super) const ROUTER: &str = "router";

/// Channels of the router's configuration, and models on each: 1,000 channel models.
pub(super) const CHANNELS: usize = 100;
pub(super) const MODELS_PER_CHANNEL: usize = 10;
/// Distinct model names; each is on ten channels.
const MODEL_NAMES: usize = 100;
const CLIENT_KEY: &str = "sk-router-benchclient0123456789abcdefghijklmnopqrstuvwx";
const ADMIN_KEY: &str = "sk-router-benchadmin0123456789abcdefghijklmnopqrstuvwxy";

/// One thing that answers.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) url: String,
    pub(super) model: String,
    pub(super) headers: Vec<String>,
    /// `None` for the upstream itself, whose own cost is not of interest.
    pub(super) process: Option<Running>,
}

impl Target {
    pub(super) fn direct(upstream: SocketAddr) -> Self {
        Self::at(DIRECT, upstream, None)
    }

    fn at(name: &'static str, address: SocketAddr, process: Option<Running>) -> Self {
        let url = format!("http://{address}/v1/chat/completions");
        Self { name, url, model: "bench".to_owned(), headers: Vec::new(), process }
    }
}

/// The upstream, as a process of its own; the caller keeps it alive.
pub(super) fn upstream(folder: &Path, address: SocketAddr) -> Result<Running, Failure> {
    let listen = address.to_string();
    let mut command = own_program(&["upstream", "--listen", &listen, "--stream-events", "50", "--body-bytes", "1024"])?;
    Running::start(&mut command, &folder.join("upstream.log"), address)
}

/// The minimal proxy on two threads.
pub(super) fn mini_proxy(folder: &Path, upstream: SocketAddr) -> Result<Target, Failure> {
    let address = free_address()?;
    let (listen, upstream) = (address.to_string(), upstream.to_string());
    let mut command = own_program(&["mini-proxy", "--listen", &listen, "--upstream", &upstream, "--threads", "2"])?;
    let process = Running::start(&mut command, &folder.join("mini-proxy.log"), address)?;
    Ok(Target::at(MINI, address, Some(process)))
}

/// nginx as a plain proxy with two workers, as fast as it goes: upstream connections kept, nothing logged.
pub(super) fn nginx(program: &str, folder: &Path, upstream: SocketAddr) -> Result<Target, Failure> {
    if Command::new(program).arg("-v").output().is_err() {
        return Err(format!("nginx: '{program}' is not installed (Debian: apt-get install nginx-light)").into());
    }
    let address = free_address()?;
    let folder = folder.join("nginx");
    fs::create_dir_all(&folder)?;
    let place = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .fold(String::new(), |text, kind| text + &format!("  {kind}_temp_path {place}/{kind};\n"));
    let file = folder.join("nginx.conf");
    fs::write(
        &file,
        format!(
            "daemon off;\nworker_processes 2;\nworker_rlimit_nofile 65535;\npid {place}/pid;\nerror_log {place}/error.log;\n\
             events {{ worker_connections 8192; }}\n\
             http {{\n  access_log off;\n{temporary}  keepalive_requests 1000000000;\n\
             \x20 upstream provider {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}\n\
             \x20 server {{\n    listen {address} reuseport backlog=4096;\n\
             \x20   location / {{ proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection \"\"; \
             proxy_buffering off; tcp_nodelay on; }}\n  }}\n}}\n"
        ),
    )?;
    let mut command = Command::new(program);
    command.arg("-p").arg(&folder).arg("-c").arg(&file).arg("-e").arg(folder.join("error.log"));
    let process =
        Running::start(&mut command, &folder.join("output.log"), address).map_err(|cause| format!("nginx: {cause}"))?;
    Ok(Target::at(NGINX, address, Some(process)))
}

/// The router with everything on: client key, 1,000 channel models, logging, spool and SQLite.
pub(super) fn router(program: &Path, model: &str, folder: &Path, upstream: SocketAddr) -> Result<Target, Failure> {
    if !program.is_file() {
        let program = program.display();
        return Err(format!("router: {program} is missing (cargo build --release -p router-server)").into());
    }
    let address = free_address()?;
    let (config, data) = (folder.join("config"), folder.join("data"));
    fs::create_dir_all(&config)?;
    for (name, text) in router_files(address, upstream, &data) {
        fs::write(config.join(name), text)?;
    }
    // Absolute: it runs in another folder.
    let mut command = Command::new(std::path::absolute(program)?);
    command.arg("serve").arg("--config").arg(&config).arg("--data-dir").arg(&data);
    // Nothing of the caller's environment may add a channel or change a setting.
    command.env_clear().current_dir(folder);
    command.env("SMART_AI_ROUTER_ADMIN_KEY", ADMIN_KEY);
    command.env("BENCH_CLIENT_KEY", CLIENT_KEY).env("BENCH_PROVIDER_KEY", "sk-bench-provider");
    let log = folder.join("router.log");
    let process = Running::start(&mut command, &log, address).map_err(|cause| format!("router: {cause}"))?;
    wait_until_ready(address)?;
    let mut target = Target::at(ROUTER, address, Some(process));
    target.model = model.to_owned();
    target.headers = vec![format!("authorization: Bearer {CLIENT_KEY}")];
    Ok(target)
}

/// The router's port is open before it serves: until then it says that it is starting.
fn wait_until_ready(address: SocketAddr) -> Result<(), Failure> {
    for _ in 0..200 {
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(b"GET /health/ready HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        // An answer that breaks off is no answer yet.
        let _ = connection.read_to_string(&mut answer);
        if answer.starts_with("HTTP/1.1 200 ") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("router: it does not become ready".into())
}

/// The router's configuration files, by name.
fn router_files(address: SocketAddr, upstream: SocketAddr, data: &Path) -> [(&'static str, String); 4] {
    let system = format!(
        "server: {{ host: 127.0.0.1, port: {} }}\n\
         database: {{ url: \"sqlite://{}/router.db\" }}\n\
         logging: {{ level: info, format: json }}\n\
         limits: {{ max_in_flight: 2000, queue: 2000 }}\n",
        address.port(),
        data.display()
    );
    let providers = format!(
        "providers:\n  bench: {{ kind: openai_compatible, base_url: \"http://{upstream}/v1\", currency: USD }}\n"
    );
    let keys = "keys: [ { name: bench, value: \"${BENCH_CLIENT_KEY}\", role: user, groups: [\"*\"] } ]\n".to_owned();
    [("system.yaml", system), ("providers.yaml", providers), ("keys.yaml", keys), ("channels.yaml", channels())]
}

/// 100 channels of 10 models each; each of the 100 model names is on 10 channels, at slightly different prices.
fn channels() -> String {
    (0..CHANNELS).fold("channels:\n".to_owned(), |text, channel| text + &one_channel(channel))
}

fn one_channel(channel: usize) -> String {
    let mut text = format!(
        "  - name: channel-{channel:03}\n    provider: bench\n    api_keys: [\"${{BENCH_PROVIDER_KEY}}\"]\n    models:\n"
    );
    let cents = 10 + channel % 10;
    for number in 0..MODELS_PER_CHANNEL {
        let model = (channel * MODELS_PER_CHANNEL + number) % MODEL_NAMES;
        text += &format!(
            "      - {{ name: bench-model-{model:03}, price: {{ input: 0.{cents}, output: 0.{cents} }}, \
             context_length: 128000, max_output_tokens: 4096, capabilities: [streaming, function_calling, json_mode] }}\n"
        );
    }
    text
}

/// This program again, in another role.
fn own_program(arguments: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_thousand_channel_models_under_a_hundred_names() {
        let text = channels();
        assert_eq!(text.matches("- { name: ").count(), CHANNELS * MODELS_PER_CHANNEL);
        assert_eq!(text.matches("name: bench-model-042,").count(), 10);
        assert!(text.contains("bench-model-099") && !text.contains("bench-model-100"));
    }
}
