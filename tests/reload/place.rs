//! A folder with a program that can be replaced, and the server that runs it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Directory;
use crate::support::process::{Exit, Server, command_of, run_command};

/// A program of a test's own, and whatever else lies beside it.
pub(crate) struct Place {
    folder: Directory,
}

impl Place {
    /// With a copy of the built binary.
    pub(crate) fn new() -> Self {
        let place = Self {
            folder: Directory::new(),
        };
        place.install_again();
        place
    }

    /// Where the program lies.
    pub(crate) fn program(&self) -> PathBuf {
        self.folder.file("roshambo")
    }

    /// Where its points would be.
    pub(crate) fn store(&self) -> String {
        self.folder.file("points.db").display().to_string()
    }

    /// Puts another program in its place, as packages do: a new file under the old name.
    pub(crate) fn install(&self, bytes: &[u8]) {
        let bytes_only = self.folder.file("bytes");
        fs::write(&bytes_only, bytes).expect("a writable folder");
        self.install_file(&bytes_only);
    }

    /// The same with a file. Another process copies it: one that a thread beside this one starts
    /// would inherit the file as one that is written to, and then nobody may run it.
    fn install_file(&self, file: &Path) {
        let new = self.folder.file("new");
        let copied = Command::new("cp").arg(file).arg(&new).status();
        assert!(copied.expect("cp is there").success());
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("our file");
        fs::rename(&new, self.program()).expect("the same folder");
    }

    /// Puts the built binary there once more, as a new file.
    pub(crate) fn install_again(&self) {
        self.install_file(Path::new(env!("CARGO_BIN_EXE_roshambo")));
    }

    /// Starts a server of it.
    pub(crate) fn start(&self, flags: &[&str]) -> Server {
        let mut command = command_of(&self.program());
        command.args(["--listen", "127.0.0.1:0"]).args(flags);
        Server::spawn(command)
    }
}

/// Runs `roshambo reload`, of the built binary.
pub(crate) fn reload(server: &Server, flags: &[&str]) -> Exit {
    reload_process(server.pid(), flags)
}

/// The same by the number of a server's process.
pub(crate) fn reload_process(process: u32, flags: &[&str]) -> Exit {
    let mut command = crate::support::process::command();
    command.arg("reload").arg(process.to_string());
    command.args(flags);
    run_command(command)
}
