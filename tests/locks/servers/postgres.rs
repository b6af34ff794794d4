//! Postgres servers, and a pooler before one.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use super::{LockService, Server, binary, free_port, until};

/// A Postgres server that does not flush: what it loses, a lock may lose.
pub(crate) struct Postgres {
    server: Mutex<Server>,
    port: u16,
    directory: TempDir,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        own(directory.path());
        let copied =
            command(Path::new("cp")).arg("-R").arg(template()).arg(directory.path().join("data")).status();
        assert!(copied.expect("cp runs").success(), "the template cannot be copied");
        let port = free_port();
        let postgres = Self { server: Mutex::new(run(directory.path(), port)), port, directory };
        postgres.wait();
        postgres
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends every session, at once, and starts again.
    pub(crate) fn restart(&self) {
        let mut server = self.server.lock().expect("a server");
        server.stop(Signal::SIGINT);
        *server = run(self.directory.path(), self.port);
        drop(server);
        self.wait();
    }

    /// Stops the sessions that run now; the listener lives on.
    pub(crate) fn freeze(&self) {
        self.signal_sessions("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal_sessions("CONT");
    }

    /// What `psql` answers, one value a line.
    pub(crate) fn query(&self, sql: &str) -> String {
        let output = self.psql(sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn psql(&self, sql: &str) -> std::process::Output {
        let mut psql = Command::new(installed("psql"));
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--command", sql, &self.url()]);
        psql.output().expect("psql runs")
    }

    fn wait(&self) {
        until("Postgres answers", || self.psql("select 1").status.success());
    }

    fn signal_sessions(&self, signal: &str) {
        let server = self.server.lock().expect("a server");
        if signal == "STOP" {
            server.freeze();
        }
        let parent = server.id().to_string();
        let children = Command::new("pgrep").args(["--parent", &parent]).output().expect("pgrep runs");
        for child in String::from_utf8_lossy(&children.stdout).split_whitespace() {
            drop(Command::new("kill").args([&format!("-{signal}"), child]).status());
        }
        if signal == "CONT" {
            server.thaw();
        }
    }
}

/// At once, but by its own hand: a killed server leaves its shared memory behind.
impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok(mut server) = self.server.lock() {
            server.stop(Signal::SIGQUIT);
        }
    }
}

/// A cluster that is made once for this user and version: making one takes longer than most tests.
fn template() -> PathBuf {
    let initdb = installed("initdb");
    let version = command(&initdb).arg("--version").output().expect("initdb runs").stdout;
    let version: String =
        String::from_utf8_lossy(&version).chars().filter(char::is_ascii_alphanumeric).collect();
    let shelf = std::env::temp_dir().join(format!("paylatch-locks-{}", geteuid()));
    fs::create_dir_all(&shelf).expect("a directory");
    own(&shelf);
    let lock = fs::File::create(shelf.join("lock")).expect("a file");
    lock.lock().expect("one process at a time");
    let template = shelf.join(version);
    if !template.is_dir() {
        let mut command = command(&initdb);
        command.args([
            "--no-sync",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--wal-segsize=1",
            "-D",
        ]);
        let made = command.arg(&template).stdout(Stdio::null()).status().expect("initdb runs");
        assert!(made.success(), "initdb fails");
    }
    template
}

fn run(directory: &Path, port: u16) -> Server {
    let mut postgres = command(&installed("postgres"));
    postgres.arg("-D").arg(directory.join("data")).arg("-k").arg(directory);
    postgres.args([
        "-p",
        &port.to_string(),
        "-h",
        "127.0.0.1",
        "-c",
        "fsync=off",
        "-c",
        "max_connections=400",
    ]);
    postgres.stderr(Stdio::null());
    Server::start(postgres)
}

impl LockService for Postgres {
    fn backend(&self) -> &'static str {
        "postgres"
    }

    fn urls(&self) -> Vec<String> {
        vec![self.url()]
    }
}

/// `PgBouncer` in transaction mode, with fewer sessions than clients.
pub(crate) struct PgBouncer {
    port: u16,
    _server: Server,
    _directory: TempDir,
}

impl PgBouncer {
    pub(crate) fn before(postgres: &Postgres) -> Self {
        Self::before_database(postgres.port, "postgres")
    }

    /// Before a database of a server on this machine whose user postgres needs no password.
    pub(crate) fn before_database(server_port: u16, name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        own(directory.path());
        let port = free_port();
        let users = directory.path().join("users.txt");
        fs::write(&users, "\"postgres\" \"\"\n").expect("a file");
        let settings = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\npostgres = host=127.0.0.1 port={server_port} dbname={name} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = trust\nauth_file = {}\n\
             pool_mode = transaction\ndefault_pool_size = 3\nunix_socket_dir =\nignore_startup_parameters = extra_float_digits\n",
            users.display()
        );
        fs::write(&settings, text).expect("a file");
        for file in [&users, &settings] {
            own(file);
        }
        let mut pgbouncer = command(&binary("pgbouncer", "pgbouncer"));
        pgbouncer.arg("--quiet").arg(&settings);
        let server = Server::start(pgbouncer);
        until("PgBouncer listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { port, _server: server, _directory: directory }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// As another user where this one is root: Postgres refuses root.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = other_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).current_dir("/");
    }
    command
}

fn own(path: &Path) {
    if let Some(user) = other_user() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root may");
    } else if path.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("the owner may");
    }
}

fn other_user() -> Option<User> {
    let find = |name: &str| User::from_name(name).ok().flatten();
    geteuid().is_root().then(|| find("postgres").or_else(|| find("nobody")).expect("a user who is not root"))
}

/// On PATH, or where distributions put the servers that several versions share.
fn installed(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(name)).filter(|file| file.is_file()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| binary(name, "postgresql"))
}
