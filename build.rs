//! Makes of the web client's files what travels: scripts without their comments, everything packed,
//! and its hash. At the start of a server it would take longer than all the rest of that, and a
//! reload is a start that players wait for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[path = "src/net/assets/pack.rs"]
mod pack;
#[path = "src/net/assets/script.rs"]
mod script;

const WEB: &str = "src/client/web";

fn main() -> io::Result<()> {
    for path in [WEB, "src/net/assets/pack.rs", "src/net/assets/script.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from);
    let out = out.ok_or_else(|| io::Error::other("cargo says where"))?;
    make(Path::new(WEB), &out.join("web"))
}

fn make(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, to) = (entry?, to);
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            make(&from, &to)?;
            continue;
        }
        let mut bytes = fs::read(&from)?;
        if from.extension().is_some_and(|extension| extension == "js") {
            bytes = script::without_comments(&bytes);
        }
        let beside = |extension: &str| {
            let mut path = to.clone().into_os_string();
            path.push(extension);
            path
        };
        fs::write(beside(".gz"), pack::pack(&bytes))?;
        fs::write(beside(".fnv"), pack::fnv1a(&bytes).to_le_bytes())?;
        fs::write(&to, bytes)?;
    }
    Ok(())
}
