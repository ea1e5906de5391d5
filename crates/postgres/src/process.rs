//! The server process: started from a thread that outlives it.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::{io, thread};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::Exit;

/// A running process that is reaped when it ends.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    exit: Exit,
}

impl Process {
    /// Starts `command` from a thread of its own, which stays until the process has ended: the
    /// death signal of `setpriv --pdeathsig` follows the forking *thread*, not the program.
    pub(crate) fn spawn(mut command: Command) -> io::Result<Self> {
        let exit = Exit::default();
        let (started, start) = mpsc::channel();
        let theirs = exit.clone();
        thread::Builder::new().name("veza-postgres".to_owned()).spawn(move || {
            match command.spawn().and_then(|child| Ok((pid(&child)?, child))) {
                Ok((pid, child)) => {
                    let _ = started.send(Ok(pid));
                    reap(pid, child, &theirs);
                }
                Err(error) => drop(started.send(Err(error))),
            }
        })?;
        let pid = start.recv().map_err(io::Error::other)??;
        Ok(Self { pid, exit })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    pub(crate) fn exit(&self) -> &Exit {
        &self.exit
    }

    /// Sends a signal, unless the process has ended: its id may then be another's.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.exit.lock().is_none() {
            // The only failure left is that it ended a moment ago.
            let _ = kill(self.pid, signal);
        }
    }
}

fn pid(child: &Child) -> io::Result<Pid> {
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

fn reap(pid: Pid, mut child: Child, exit: &Exit) {
    // Learn of the end without reaping, so that the id stays taken until the lock is ours.
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
    let mut status = exit.lock();
    *status = Some(child.wait().unwrap_or_else(|_| ExitStatus::from_raw(-1)));
    drop(status);
    exit.notify();
}
