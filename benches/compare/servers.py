"""Private servers on free ports, each with its own data, stopped by their own process id."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

# The same for every contestant.
POSTGRES_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "wal_compression": "on",
    "checkpoint_timeout": "30min",
    "max_connections": "200",
}
START_S_MAX = 30
STOP_S_MAX = 30


def free_port():
    return free_ports(1)[0]


def free_ports(count):
    """Different ones: all are taken before any is given back."""
    with contextlib.ExitStack() as taken:
        listeners = [taken.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def find(program):
    """The path of a program; Debian keeps Postgres' beside PATH."""
    beside = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    path = shutil.which(program) or (str(beside[-1]) if beside else None)
    return path or sys.exit(f"{program} is missing: apt-get install postgresql redis-server nodejs npm python3-venv")


def stat(file):
    """The fields of proc(5) from the third on: the state of the process."""
    return file.read_text().rpartition(")")[2].split()


class Process:
    """A child process in a group of its own, with its output in a file."""

    def __init__(self, command, log, environment=None, directory=None):
        self.log = log
        with open(log, "ab") as out:
            environment = {**os.environ, **(environment or {})}
            self.child = subprocess.Popen(
                command, stdout=out, stderr=out, env=environment, cwd=directory, start_new_session=True
            )

    def wait_until(self, is_ready, what):
        deadline = time.monotonic() + START_S_MAX
        while not is_ready():
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                sys.exit(f"{what} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.005)

    def stop(self, how=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def group(self):
        """The process ids of the child and its children."""
        own = [self.child.pid]
        for process in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(stat(process)[3]) == self.child.pid:
                    own.append(int(process.parent.name))
        return set(own)

    def resident_mb(self):
        pages = 0
        for pid in self.group():
            with contextlib.suppress(OSError):
                pages += int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Postgres:
    """A cluster of its own; it cannot run as root, so it drops to the user `postgres`."""

    def __init__(self, scratch):
        self.data, self.port = scratch / "postgres", free_port()
        self.data.mkdir()
        self.drop = []
        if os.geteuid() == 0:
            shutil.chown(self.data, "postgres", "postgres")
            self.drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        command = [*self.drop, find("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*command, "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = [f"--{name}={value}" for name, value in POSTGRES_SETTINGS.items()]
        settings += [f"--port={self.port}", "--listen_addresses=127.0.0.1", "--unix_socket_directories="]
        self.process = Process([*self.drop, find("postgres"), "-D", self.data, *settings], scratch / "postgres.log", directory="/")
        ready = [find("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        self.process.wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "Postgres")

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, database, text):
        command = [find("psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", text]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def create(self, database):
        self.sql("postgres", f"create database {database}")

    def empty(self, database):
        """The same start for every turn: no rows but those that migrations make, nothing left to write."""
        tables = "select string_agg(format('%I', tablename), ', ') from pg_tables where schemaname = 'public' and tablename not in ('_sqlx_migrations', 'paylatch_migrations', 'announcement_epoch', 'settlement_progress', 'operator_actions')"
        self.sql(database, f"truncate {self.sql(database, tables)}")
        self.sql(database, "checkpoint")

    def wal_bytes(self):
        return int(self.sql("postgres", "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"))

    def stop(self):
        self.process.stop(signal.SIGINT)


class Redis:
    def __init__(self, scratch):
        self.port = free_port()
        command = [find("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", scratch]
        self.process = Process(command, scratch / "redis.log")
        ping = [find("redis-cli"), "-p", str(self.port), "ping"]
        self.process.wait_until(lambda: b"PONG" in subprocess.run(ping, check=False, capture_output=True).stdout, "Redis")

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def stop(self):
        self.process.stop()


def answers(url):
    """Whether an HTTP server answers 2xx."""
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return response.status < 300
    except urllib.error.HTTPError as refused:
        return refused.code in (404, 405) and "readyz" not in url
    except OSError:
        return False
