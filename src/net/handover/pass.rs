//! Descriptors from one program to the next one of the same process, and the call that runs it.
//!
//! They wait in a pair of unix sockets, one end of which is left as standard input; nobody reads
//! that in a server. Absent: what they are.
//!
//! Source: unix(7), `SCM_RIGHTS`; execve(2).

use std::collections::VecDeque;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::sys::signal::{SigSet, Signal};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use super::{Program, VARIABLE};

/// Most descriptors in a message (`SCM_MAX_FD` of the kernel).
const EACH_MAX: usize = 253;

/// The signals that must not end the process, nor get lost, while nobody listens to them.
fn blocked() -> SigSet {
    [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGXFSZ,
    ]
    .into_iter()
    .collect()
}

/// Lets them wait from now on, in this thread and those that it starts.
pub fn hold_signals() {
    // It fails only for arguments that do not exist.
    let _ = blocked().thread_block();
}

/// Lets those come that waited.
pub fn release_signals() {
    let _ = blocked().thread_unblock();
}

/// Runs the program in place of this one, with copies of these descriptors. Returns only if that
/// failed, and then all is as before.
pub(crate) fn become_program(program: &Program, descriptors: &[BorrowedFd<'_>]) -> io::Error {
    let stdin = match rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) {
        Ok(stdin) => stdin,
        Err(error) => return error.into(),
    };
    let failed = pair_and_run(program, descriptors);
    // Both ends of the pair go with this, and what waits in it.
    let _ = rustix::stdio::dup2_stdin(&stdin);
    failed
}

fn pair_and_run(program: &Program, descriptors: &[BorrowedFd<'_>]) -> io::Error {
    let run = || -> io::Result<()> {
        let (ours, next) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        for piece in descriptors.chunks(EACH_MAX) {
            send(&ours, piece)?;
        }
        rustix::stdio::dup2_stdin(&next)?;
        let path = c_string(program.path.as_os_str())?;
        let arguments = program.arguments.iter().map(|word| c_string(word));
        let arguments = arguments.collect::<io::Result<Vec<_>>>()?;
        nix::unistd::execve(&path, &arguments, &environment()?)?;
        Ok(())
    };
    run().err().unwrap_or_else(|| io::ErrorKind::Other.into())
}

fn send(pair: &OwnedFd, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(EACH_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(descriptors));
    let flags = SendFlags::NOSIGNAL;
    rustix::net::sendmsg(pair, &[IoSlice::new(&[0])], &mut control, flags)?;
    Ok(())
}

/// What the new program finds in its environment: as it is here, without what was for this one.
fn environment() -> io::Result<Vec<CString>> {
    let is_passed = |name: &OsStr| {
        let name = name.as_bytes();
        !name.starts_with(b"LISTEN_") && name != VARIABLE.as_bytes()
    };
    let passed = std::env::vars_os().filter(|(name, _)| is_passed(name));
    let own = std::process::id().to_string();
    let mark = (VARIABLE.into(), own.into());
    let lines = passed.chain([mark]).map(|(name, value)| {
        let line = [name.as_bytes(), b"=", value.as_bytes()].concat();
        CString::new(line).map_err(io::Error::from)
    });
    lines.collect()
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(io::Error::from)
}

/// Takes what waits at standard input, which is nobody's from then on.
pub(super) fn receive() -> io::Result<VecDeque<OwnedFd>> {
    let mut descriptors = VecDeque::new();
    let stdin = rustix::stdio::stdin();
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(EACH_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut parts = [IoSliceMut::new(&mut byte)];
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let message = match rustix::net::recvmsg(stdin, &mut parts, &mut control, flags) {
            Ok(message) if message.bytes == 0 => break,
            Ok(message) => message,
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::CONNRESET) => break,
            Err(error) => return Err(error.into()),
        };
        if message.flags.contains(ReturnFlags::CTRUNC) {
            return Err(io::Error::other("there is no room for all descriptors"));
        }
        for part in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = part {
                descriptors.extend(rights);
            }
        }
    }
    if let Ok(null) = File::open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
    }
    Ok(descriptors)
}
