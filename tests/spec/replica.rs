//! A replica: the real binary, serving, as a child process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use http::{Method, StatusCode};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::client::{Answer, Client};
use crate::servers::{CANARY, HEX_CANARY, Port, Process, eventually};
use crate::webhooks::Webhook;

/// Settings by dotted name, each value as TOML text: `("lock.ttl_ms", "300")`.
pub type Settings = BTreeMap<String, String>;

/// What a process finds beside its settings.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// How many files it may have open.
    pub files_max: Option<u32>,
    /// Variables, beside those that every process here has.
    pub environment: BTreeMap<String, String>,
}

/// A serving process. Its output is searched for secrets when it is dropped.
pub struct Replica {
    process: RefCell<Process>,
    directory: TempDir,
    settings: Settings,
    surroundings: Surroundings,
    address: SocketAddr,
    admin_address: SocketAddr,
    client: Client,
    _ports: [Port; 2],
}

impl Replica {
    /// Starts `paylatch serve` and waits until it is ready.
    pub async fn start(settings: &Settings) -> Self {
        Self::start_within(settings, Surroundings::default()).await
    }

    /// Starts `paylatch serve` in these surroundings and waits until it is ready.
    pub async fn start_within(settings: &Settings, surroundings: Surroundings) -> Self {
        let replica = Self::launch_within(settings, surroundings);
        replica.is_ready().await;
        replica
    }

    /// Starts `paylatch serve` and waits until it listens, ready or not.
    pub async fn start_unready(settings: &Settings) -> Self {
        let replica = Self::launch(settings);
        replica.answers("/livez").await;
        replica
    }

    /// Starts `paylatch serve`.
    pub fn launch(settings: &Settings) -> Self {
        Self::launch_within(settings, Surroundings::default())
    }

    fn launch_within(settings: &Settings, surroundings: Surroundings) -> Self {
        let directory = tempfile::Builder::new().prefix("paylatch-replica-").tempdir().expect("a directory");
        let ports = [Port::reserve(), Port::reserve()];
        let [address, admin_address] =
            ports.each_ref().map(|port| (Ipv4Addr::LOCALHOST, port.number()).into());
        let mut settings = settings.clone();
        settings.insert("listen".into(), format!("'{address}'"));
        settings.insert("admin_listen".into(), format!("'{admin_address}'"));
        write_settings(&settings, &directory.path().join("paylatch.toml"));
        let process = RefCell::new(serve(directory.path(), &surroundings));
        let client = Client::new();
        Self { process, directory, settings, surroundings, address, admin_address, client, _ports: ports }
    }

    /// Starts it again after its end, with the same settings and addresses.
    pub async fn start_again(&self) {
        self.process.replace(serve(self.directory.path(), &self.surroundings));
        self.is_ready().await;
    }

    /// The same, until it listens, ready or not.
    pub async fn start_again_unready(&self) {
        self.process.replace(serve(self.directory.path(), &self.surroundings));
        self.answers("/livez").await;
    }

    /// Where providers reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its API is.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// As the machine numbers it.
    pub fn process_id(&self) -> u32 {
        self.process.borrow().id()
    }

    /// Its settings, addresses included.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a webhook of the source `stripe`, signed now, and expects an answer.
    pub async fn send(&self, webhook: &Webhook) -> Answer {
        self.try_send(webhook).await.expect("an answer")
    }

    /// Sends a webhook of the source `stripe`, signed now; there may be no answer.
    pub async fn try_send(&self, webhook: &Webhook) -> Result<Answer, String> {
        self.post("/webhooks/stripe", &webhook.signed(), webhook.body.clone()).await
    }

    /// Sends any request to the public listener.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(String, String)],
        body: impl Into<bytes::Bytes>,
    ) -> Result<Answer, String> {
        self.client.request(Method::POST, (self.address, path), headers, body.into()).await
    }

    /// Sends any request without a body to the public listener.
    pub async fn request(&self, method: Method, path: &str) -> Result<Answer, String> {
        self.client.request(method, (self.address, path), &[], bytes::Bytes::new()).await
    }

    /// Reads from the admin listener.
    pub async fn admin(&self, path: &str) -> Answer {
        let answer = self.client.request(Method::GET, (self.admin_address, path), &[], bytes::Bytes::new());
        answer.await.expect("an answer of the admin listener")
    }

    /// Sends any request without a body to the admin listener, and expects an answer.
    pub async fn ask_admin(&self, method: Method, path: &str, headers: &[(String, String)]) -> Answer {
        let answer =
            self.client.request(method, (self.admin_address, path), headers, bytes::Bytes::new()).await;
        answer.expect("an answer of the admin listener")
    }

    /// Sends any request to the admin listener, and expects an answer.
    pub async fn send_admin(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: String,
    ) -> Answer {
        let answer = self.client.request(method, (self.admin_address, path), headers, body.into()).await;
        answer.expect("an answer of the admin listener")
    }

    /// Sends JSON to the admin listener; there may be no answer.
    pub async fn post_admin(&self, path: &str, sent: &serde_json::Value) -> Result<Answer, String> {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let place = (self.admin_address, path);
        self.client.request(Method::POST, place, &headers, sent.to_string().into()).await
    }

    /// Puts JSON by the admin listener.
    pub async fn put_admin(&self, path: &str, sent: &serde_json::Value) -> Answer {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let place = (self.admin_address, path);
        let answer = self.client.request(Method::PUT, place, &headers, sent.to_string().into()).await;
        answer.expect("an answer of the admin listener")
    }

    /// Posts lines of JSON to the admin listener.
    pub async fn post_lines(&self, path: &str, lines: String) -> Answer {
        let headers = [("content-type".to_owned(), "application/x-ndjson".to_owned())];
        let answer =
            self.client.request(Method::POST, (self.admin_address, path), &headers, lines.into()).await;
        answer.expect("an answer of the admin listener")
    }

    /// Deletes by the admin listener.
    pub async fn delete(&self, path: &str) -> Answer {
        let answer =
            self.client.request(Method::DELETE, (self.admin_address, path), &[], bytes::Bytes::new());
        answer.await.expect("an answer of the admin listener")
    }

    /// The sum of the samples of a metric whose labels contain all of `labels`; 0 when there is none.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let answer = self.admin("/metrics").await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .filter(|line| labels.iter().all(|label| line.contains(label)))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Runs a command of the binary with this replica's settings and variables.
    pub async fn cli(&self, arguments: &[&str]) -> Output {
        let config = self.directory.path().join("paylatch.toml");
        let mut command = command(self.directory.path(), Some(&config));
        command.envs(&self.surroundings.environment).args(arguments);
        output(command).await
    }

    /// Stops it where it stands.
    pub fn freeze(&self) {
        self.process.borrow().freeze();
    }

    /// Lets it run on.
    pub fn thaw(&self) {
        self.process.borrow().thaw();
    }

    /// Kills it (`kill -9`).
    pub fn kill(&self) {
        self.process.borrow_mut().kill();
    }

    /// Asks it to end, as a supervisor does (SIGTERM).
    pub fn terminate(&self) {
        self.process.borrow().signal(Signal::SIGTERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.borrow().signal(signal);
    }

    /// Changes its settings' file, which it reads when it is told to or starts again.
    pub fn rewrite(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        write_settings(&settings, &self.directory.path().join("paylatch.toml"));
    }

    /// Waits until it has printed this.
    pub async fn says(&self, what: &str) {
        eventually(what, async || self.output().contains(what).then_some(())).await;
    }

    /// How it ends.
    pub async fn ended(&self) -> ExitStatus {
        eventually("the process ends", async || self.process.borrow_mut().status()).await
    }

    /// The memory that it has in use, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let pid = self.process.borrow().id().to_string();
        let shown = Command::new("ps").args(["-o", "rss=", "-p", &pid]).output().expect("ps runs");
        let kib: u64 = String::from_utf8_lossy(&shown.stdout).trim().parse().expect("a number");
        kib * 1024
    }

    /// The same without what it shares with the file of its program, where the machine tells that.
    pub fn own_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process_id())).unwrap_or_default();
        let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.strip_suffix("kB"));
        own.map_or_else(|| self.resident_bytes(), |kib| kib.trim().parse::<u64>().expect("a number") * 1024)
    }

    /// Everything that it has printed.
    pub fn output(&self) -> String {
        fs::read_to_string(self.directory.path().join("output.log")).unwrap_or_default()
    }

    /// Waits until it says that it is ready.
    pub async fn is_ready(&self) {
        self.answers("/readyz").await;
    }

    async fn answers(&self, path: &str) {
        let (client, place) = (self.client.clone(), (self.address, path));
        eventually(&format!("{path} answers 200"), async || {
            if let Some(status) = self.process.borrow_mut().status() {
                panic!("paylatch serve ended with {status}:\n{}", self.output());
            }
            let answer = client.request(Method::GET, place, &[], bytes::Bytes::new()).await;
            answer.ok().filter(|answer| answer.status == StatusCode::OK)
        })
        .await;
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.process.borrow_mut().end();
        let output = self.output();
        if std::thread::panicking() {
            eprintln!("--- the replica on {} printed:\n{output}", self.address);
        } else {
            assert_no_secret(&output);
        }
    }
}

/// Runs the binary to its end in `directory`, with no environment but the settings' file.
pub async fn run(directory: &Path, config: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = command(directory, config);
    command.args(arguments);
    output(command).await
}

async fn output(mut command: Command) -> Output {
    let running = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
    let output = running.await.expect("no panic");
    assert_no_secret(&String::from_utf8_lossy(&output.stdout));
    assert_no_secret(&String::from_utf8_lossy(&output.stderr));
    output
}

/// Writes settings as `paylatch.toml` has them.
pub fn write_settings(settings: &Settings, path: &Path) {
    let lines = settings.iter().map(|(name, value)| format!("{name} = {value}\n"));
    fs::write(path, lines.collect::<String>()).expect("a file of settings");
}

fn serve(directory: &Path, surroundings: &Surroundings) -> Process {
    let output =
        File::options().create(true).append(true).open(directory.join("output.log")).expect("a file");
    let config = directory.join("paylatch.toml");
    let mut command = command(directory, Some(&config));
    command.envs(&surroundings.environment);
    if let Some(files) = surroundings.files_max {
        command = in_shell(command, files);
    }
    command.arg("serve").stdout(output.try_clone().expect("a file")).stderr(output);
    Process::start(&mut command, Signal::SIGKILL)
}

/// The same command, by a shell that first lowers the limit of open files.
fn in_shell(program: Command, files_max: u32) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ulimit -n {files_max}; exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(program.get_current_dir().unwrap_or(Path::new("/")));
    shell
}

fn command(directory: &Path, config: Option<&Path>) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_paylatch")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.current_dir(directory).env_clear().env("PATH", path).env("RUST_BACKTRACE", "1");
    if let Some(config) = config {
        command.env("PAYLATCH_CONFIG", config);
    }
    command
}

/// Nothing that was printed or answered may show a secret.
pub fn assert_no_secret(output: &str) {
    let told = secret_in(output);
    assert!(told.is_none(), "a secret was shown: {told:?}");
}

/// The first line that shows a secret.
pub fn secret_in(output: &str) -> Option<&str> {
    output.lines().find(|line| line.contains(CANARY) || line.contains(HEX_CANARY))
}
