"""Who is measured: Paylatch with its locks and databases, and the handlers that a user would pick instead."""

import json
import os
import pathlib
import subprocess
import sys
import time

from servers import Process, answers, find, free_port, free_ports

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
SECRET = "whsec_0123456789abcdef0123456789abcdef"
WARMUP_S = 2
SOURCE = {"PAYLATCH_SOURCES__STRIPE__SECRETS": SECRET, "PAYLATCH_CONFIG": ""}


def build():
    """Builds the release programs and the limits; returns their paths by name."""
    command = ["cargo", "build", "--release", "--features=bench", "--bins", "--bench=*", "--message-format=json-render-diagnostics"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    built = (json.loads(line) for line in lines)
    return {b["target"]["name"]: b["executable"] for b in built if b.get("executable")}


class Bench:
    """`paylatch-bench`: the load of every contestant."""

    def __init__(self, program):
        self.program = program

    def run(self, port, seconds, **flags):
        url = f"http://127.0.0.1:{port}/webhooks/stripe"
        command = [self.program, "--json", "--url", url, "--duration", str(seconds), "--warmup", str(WARMUP_S)]
        for name, value in flags.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **SOURCE}, cwd="/")
        if not ran.stdout:
            sys.exit(f"{command}: {ran.stderr}")
        report = json.loads(ran.stdout)
        if ran.returncode != 0:
            print(f"  not all accepted: {report['statuses']} {report['complaint']}", file=sys.stderr)
        return report


class Paylatch:
    """`paylatch serve` with a lock and a database."""

    def __init__(self, paylatch, scratch, database_url, lock="local", lock_url=None, **settings):
        self.paylatch, self.scratch = paylatch, scratch
        self.name = f"paylatch, {lock} lock, {'SQLite' if database_url.startswith('sqlite') else 'Postgres'}"
        self.settings = {"database_url": database_url, "lock.backend": lock, "log.filter": "warn", **settings}
        if lock_url:
            self.settings["lock.urls"] = lock_url

    def start(self):
        self.port, self.admin_port = free_ports(2)
        addresses = {"listen": f"127.0.0.1:{self.port}", "admin_listen": f"127.0.0.1:{self.admin_port}"}
        flags = [f"--set={name}={value}" for name, value in {**self.settings, **addresses}.items()]
        subprocess.run([self.paylatch, "migrate", *flags], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **SOURCE}, cwd="/")
        started = time.monotonic()
        self.process = Process([self.paylatch, "serve", *flags], self.scratch / "paylatch.log", SOURCE, "/")
        self.process.wait_until(lambda: answers(f"http://127.0.0.1:{self.port}/readyz"), self.name)
        self.ready_ms = (time.monotonic() - started) * 1000
        return self

    def stop(self):
        self.process.stop()


class Node:
    """Express, stripe, ioredis, pg; a cluster of workers."""

    name = "Node: Express + stripe + ioredis + pg"
    directory = HERE / "peers" / "node"

    def __init__(self, scratch, database_url, redis_url, workers):
        self.scratch, self.workers = scratch, workers
        self.environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "STRIPE_SECRET": SECRET, "NODE_ENV": "production"}

    @classmethod
    def install(cls):
        if not (cls.directory / "node_modules").exists():
            subprocess.run([find("npm"), "ci", "--silent", "--no-fund", "--no-audit"], cwd=cls.directory, check=True)

    def start(self):
        self.port = free_port()
        environment = {**self.environment, "PORT": str(self.port), "WORKERS": str(self.workers)}
        self.process = Process([find("node"), "server.js"], self.scratch / "node.log", environment, self.directory)
        self.process.wait_until(lambda: answers(f"http://127.0.0.1:{self.port}/webhooks/stripe"), self.name)
        time.sleep(1)  # The other workers.
        return self

    def stop(self):
        self.process.stop()


class Python:
    """FastAPI, stripe, redis-py, asyncpg; uvicorn's workers."""

    name = "Python: FastAPI + stripe + redis-py + asyncpg"
    directory = HERE / "peers" / "python"

    def __init__(self, scratch, database_url, redis_url, workers):
        self.scratch, self.workers = scratch, workers
        self.environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "STRIPE_SECRET": SECRET}

    @classmethod
    def install(cls):
        venv = cls.directory / ".venv"
        if not (venv / "bin" / "uvicorn").exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            subprocess.run([venv / "bin" / "pip", "install", "-q", "-r", cls.directory / "requirements.txt"], check=True)

    def start(self):
        self.port = free_port()
        command = [".venv/bin/uvicorn", "server:app", "--port", str(self.port), "--workers", str(self.workers)]
        command += ["--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
        self.process = Process(command, self.scratch / "python.log", self.environment, self.directory)
        self.process.wait_until(lambda: answers(f"http://127.0.0.1:{self.port}/webhooks/stripe"), self.name)
        time.sleep(2)  # The other workers.
        return self

    def stop(self):
        self.process.stop()


class SignatureOnly:
    """The product's listener and signature check, and nothing behind them."""

    name = "signature only"

    def __init__(self, program, scratch):
        self.program, self.scratch = program, scratch

    def start(self):
        self.port = free_port()
        self.process = Process([self.program, f"127.0.0.1:{self.port}", SECRET], self.scratch / "signature.log")
        self.process.wait_until(lambda: answers(f"http://127.0.0.1:{self.port}/webhooks/stripe"), self.name)
        return self

    def stop(self):
        self.process.stop()
