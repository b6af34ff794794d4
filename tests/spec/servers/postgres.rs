//! A Postgres of the test's own: a fresh cluster on a free port, with durable commits.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tempfile::TempDir;

use super::{CANARY, Issued, Port, Process, eventually, find, given, shelf};

/// A Postgres server: a private cluster, or the one that `PAYLATCH_TEST_DATABASE_URL` names.
pub struct Postgres {
    options: PgConnectOptions,
    private: Option<Cluster>,
    databases: Vec<String>,
}

struct Cluster {
    server: Option<Process>,
    directory: TempDir,
    programs: Programs,
    port: Port,
    speaks_tls: bool,
}

impl Postgres {
    /// The given server, or else a private one.
    pub async fn start() -> Self {
        match given("PAYLATCH_TEST_DATABASE_URL") {
            Some(url) => {
                let options = PgConnectOptions::from_str(&url).expect("PAYLATCH_TEST_DATABASE_URL is a URL");
                Self { options, private: None, databases: Vec::new() }
            }
            None => Self::start_private().await,
        }
    }

    /// A private server, for tests that stop it or read its log.
    pub async fn start_private() -> Self {
        Self::start_cluster(None).await
    }

    /// A private server that shows this certificate, and lets nobody in who does not speak TLS.
    pub async fn start_with_tls(issued: &Issued) -> Self {
        Self::start_cluster(Some(issued)).await
    }

    async fn start_cluster(issued: Option<&Issued>) -> Self {
        let programs = Programs::find();
        let directory = tempfile::Builder::new().prefix("paylatch-postgres-").tempdir().expect("a directory");
        programs.own(directory.path());
        let template = programs.template();
        let data = directory.path().join("data");
        programs.run("cp", |cp| cp.arg("-Rp").args([&template, &data]));
        if let Some(issued) = issued {
            programs.secure(&data, issued);
        }
        let speaks_tls = issued.is_some();
        let cluster = Cluster { server: None, directory, programs, port: Port::reserve(), speaks_tls };
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(cluster.port.number())
            .username("postgres")
            .password(&format!("{CANARY}_database"))
            .database("postgres");
        let mut postgres = Self { options, private: Some(cluster), databases: Vec::new() };
        postgres.start_again().await;
        postgres
    }

    /// How to connect to its maintenance database.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// An empty database, and how to connect to it. Of a private server the first one is there already.
    pub async fn create_database(&mut self) -> PgConnectOptions {
        if self.private.is_some() && self.databases.is_empty() {
            self.databases.push("postgres".to_owned());
            return self.options.clone();
        }
        let name = format!("paylatch_test_{:016x}", rand::random::<u64>());
        let mut connection = self.options.connect().await.expect("a connection to Postgres");
        connection
            .execute(AssertSqlSafe(format!("create database {name}")))
            .await
            .expect("the right to create databases");
        let database = self.options.clone().database(&name);
        self.databases.push(name);
        database
    }

    /// Stops it as a crash does: no checkpoint, connections cut.
    pub fn crash(&mut self) {
        let mut server = self.cluster().server.take().expect("a Postgres that runs");
        server.end();
    }

    /// Starts it on the same port and data, and waits until it answers.
    pub async fn start_again(&mut self) {
        let options = self.options.clone();
        let cluster = self.cluster();
        let mut server = cluster.serve();
        eventually("Postgres answers", async || {
            let ended = server.status();
            assert!(ended.is_none(), "Postgres ended with {ended:?}:\n{}", cluster.log());
            PgConnection::connect_with(&options).await.ok()
        })
        .await;
        cluster.server = Some(server);
    }

    /// A copy of the data of a server that does not run.
    pub fn copy_data(&mut self) -> PathBuf {
        let cluster = self.cluster();
        let (data, copy) = (cluster.directory.path().join("data"), cluster.directory.path().join("copy"));
        cluster.programs.run("cp", |cp| cp.arg("-Rp").args([&data, &copy]));
        copy
    }

    /// Puts a copy in the place of the data; the server must not run.
    pub fn replace_data(&mut self, copy: &Path) {
        let data = self.cluster().directory.path().join("data");
        fs::remove_dir_all(&data).expect("the old data goes");
        fs::rename(copy, &data).expect("the copy takes its place");
    }

    /// Everything that it has logged.
    pub fn log(&mut self) -> String {
        self.cluster().log()
    }

    fn cluster(&mut self) -> &mut Cluster {
        self.private.as_mut().expect("a private Postgres: start it with start_private")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.private.is_some() || self.databases.is_empty() {
            return;
        }
        let (options, names) = (self.options.clone(), std::mem::take(&mut self.databases));
        let drop_databases = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut connection = options.connect().await.expect("a connection to Postgres");
                for name in names {
                    let drop = format!("drop database if exists {name} with (force)");
                    connection.execute(AssertSqlSafe(drop)).await.expect("the right to drop databases");
                }
            });
        };
        let _ = std::thread::spawn(drop_databases).join();
    }
}

impl Cluster {
    fn serve(&self) -> Process {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let mut command = self.programs.command("postgres");
        command
            .arg("-D")
            .arg(self.directory.path().join("data"))
            .arg("-k")
            .arg(self.directory.path())
            .args(["-p", &self.port.number().to_string()])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "max_connections=60",
                "-c",
                "shared_buffers=32MB",
            ])
            .args(["-c", if self.speaks_tls { "ssl=on" } else { "ssl=off" }])
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log);
        Process::start(&mut command, Signal::SIGQUIT)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("postgres.log")
    }
}

/// Postgres' programs and the user that runs them: it refuses to run as root.
struct Programs {
    directory: PathBuf,
    user: Option<User>,
}

impl Programs {
    fn find() -> Self {
        let directory = find("initdb", &usual_directories())
            .filter(|initdb| initdb.with_file_name("postgres").is_file())
            .expect(
                "Postgres is not installed: neither on PATH nor in /usr/lib/postgresql/*/bin. \
                 Run scripts/test, or `apt-get install postgresql` or `brew install postgresql`, \
                 or name a server in PAYLATCH_TEST_DATABASE_URL",
            )
            .with_file_name("");
        let user = geteuid().is_root().then(|| {
            let named = |name| User::from_name(name).ok().flatten();
            named("postgres").or_else(|| named("nobody")).expect("a user other than root to run Postgres")
        });
        Self { directory, user }
    }

    /// A cluster made once for this version of Postgres, to be copied: `initdb` takes longer than most tests.
    fn template(&self) -> PathBuf {
        let version =
            Command::new(self.directory.join("postgres")).arg("--version").output().expect("a version");
        let version: String =
            version.stdout.iter().map(|&byte| byte as char).filter(char::is_ascii_alphanumeric).collect();
        let shelf = shelf();
        self.own(&shelf);
        let lock = File::create(shelf.join(format!("{version}.lock"))).expect("a lock file");
        lock.lock().expect("a lock on the template");
        let template = shelf.join(&version);
        if !template.exists() {
            let unfinished = shelf.join(format!("{version}.unfinished"));
            let _ = fs::remove_dir_all(&unfinished);
            self.run("initdb", |initdb| {
                initdb
                    .args([
                        "--no-sync",
                        "--auth=trust",
                        "--username=postgres",
                        "--encoding=UTF8",
                        "--wal-segsize=1",
                    ])
                    .args(["--locale=C", "-D"])
                    .arg(&unfinished)
            });
            fs::rename(&unfinished, &template).expect("the template in its place");
        }
        template
    }

    /// Puts the certificate where a cluster looks for it, and refuses connections without TLS.
    fn secure(&self, data: &Path, issued: &Issued) {
        for (from, name) in [(&issued.cert, "server.crt"), (&issued.key, "server.key")] {
            let file = data.join(name);
            fs::copy(from, &file).expect("a copy");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("the owner may");
            self.own(&file);
        }
        fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 trust\n").expect("a file");
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) {
        let mut command = self.command(program);
        let output = arguments(&mut command).output().unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, program: &str) -> Command {
        let ours = self.directory.join(program);
        let mut command = Command::new(if ours.is_file() { ours } else { program.into() });
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    fn own(&self, path: &Path) {
        if let Some(user) = &self.user {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .expect("the right to give a directory away");
        }
    }
}

/// Where distributions keep Postgres' programs, the newest version first.
fn usual_directories() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"]
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path().join("bin"))
        .filter(|directory| directory.join("initdb").is_file())
        .collect();
    found.sort();
    found.reverse();
    found.push("/usr/local/pgsql/bin".into());
    found
}
