//! A private Postgres for one test process, gone with it; a database of its own for every test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The URL of a fresh database.
pub(crate) async fn fresh_database() -> String {
    let server = server();
    let name = format!("test_{}", unique());
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    let (root, _) = server.rsplit_once('/').unwrap();
    format!("{root}/{name}")
}

/// What no other test's database or role is called.
pub(super) fn unique() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("{}_{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// `PAYLATCH_TEST_DATABASE_URL`, or a server started here.
fn server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    SERVER.get_or_init(|| match option_env_now("PAYLATCH_TEST_DATABASE_URL") {
        Some(url) => url,
        None => start(),
    })
}

#[expect(clippy::disallowed_methods, reason = "tests are their own main")]
pub(super) fn option_env_now(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Postgres refuses to run as root, so it drops to its own user. The shell around it waits for the end of its input,
/// which is the end of this process, however that comes; then it stops the server and removes its files.
fn start() -> String {
    const SCRIPT: &str = r#"
        set -e
        cp -Rp "$4" "$2"
        "$1/postgres" -D "$2" -c port="$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$2" \
            -c max_connections=200 >"$2/log" 2>&1 &
        echo started
        cat >/dev/null
        kill -INT $! && wait $! || true
        rm -rf "$2""#;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // A port that was just given back may be given to us while its last server's files are still being removed.
    let directory = std::env::temp_dir().join(format!("paylatch-postgres-{port}-{}", std::process::id()));
    let mut command = as_postgres("sh");
    command.args(["-c", SCRIPT, "sh"]).arg(binaries()).arg(&directory).arg(port.to_string()).arg(template());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell to start Postgres with");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "started", "the template was not copied");
    std::mem::forget(child); // Its input must stay open as long as this process lives.
    await_port(port);
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}

/// A cluster that is made once for these binaries, to be copied: making one takes longer than most tests. Of several processes
/// that make it at once, the first to be done is heard.
fn template() -> PathBuf {
    let (of, user) = (binaries().display().to_string().replace('/', "-"), nix::unistd::geteuid());
    let template = std::env::temp_dir().join(format!("paylatch-store{of}-{user}"));
    if !template.is_dir() {
        let own = template.with_file_name(format!("paylatch-store{of}-{user}-{}", std::process::id()));
        let mut initdb = as_postgres(binaries().join("initdb"));
        initdb.args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "--wal-segsize=1",
            "-D",
        ]);
        let made = initdb.arg(&own).stdout(Stdio::null()).status().expect("initdb runs");
        assert!(made.success(), "initdb fails");
        if std::fs::rename(&own, &template).is_err() {
            std::fs::remove_dir_all(&own).expect("what nobody needs goes");
        }
    }
    template
}

/// By its own user where this one is root.
fn as_postgres(program: impl AsRef<OsStr>) -> Command {
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn binaries() -> PathBuf {
    let on_path = option_env_now("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    for version in (13..=19).rev() {
        places.push(format!("/usr/lib/postgresql/{version}/bin").into());
        places.push(format!("/opt/homebrew/opt/postgresql@{version}/bin").into());
        places.push(format!("/usr/local/opt/postgresql@{version}/bin").into());
    }
    places.into_iter().find(|place| place.join("initdb").exists() && place.join("postgres").exists()).expect(
        "initdb and postgres on PATH or in /usr/lib/postgresql/*/bin: install postgresql, or set PAYLATCH_TEST_DATABASE_URL",
    )
}

/// A TCP connect succeeds before the server takes sessions, so it is asked for one.
fn await_port(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            while let Err(error) = PgConnection::connect(&url).await {
                assert!(Instant::now() < deadline, "Postgres did not start: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    })
    .join()
    .unwrap();
}
