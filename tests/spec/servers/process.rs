//! A child process that never outlives its test.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// How long a process may take to end by the signal that it likes, before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A child process, ended by its own pid when dropped.
pub struct Process {
    child: Child,
    ends_by: Signal,
}

impl Process {
    /// Starts `command`; `ends_by` is sent to it when it is dropped.
    pub fn start(command: &mut Command, ends_by: Signal) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self { child, ends_by }
    }

    /// Stops it where it stands, as a long pause of the machine does. Returns when it stands still.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)).expect("a child that is stopped");
    }

    /// Lets it run on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a child that can be signalled");
    }

    /// Kills it (`kill -9`) and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child that can be killed");
        self.child.wait().expect("a child that ends");
    }

    /// Ends it by the signal that it likes, and waits.
    pub fn end(&mut self) {
        let started = Instant::now();
        let _ = kill(self.pid(), self.ends_by);
        let _ = kill(self.pid(), Signal::SIGCONT);
        while self.status().is_none() {
            if started.elapsed() > GRACE {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// How it ended, if it did.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a pid"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}
