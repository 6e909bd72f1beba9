//! What travels of a script. It knows lines only; a test keeps the scripts to that.

/// A script without the lines that are comments only, a third of what would travel: those lines are
/// empty, so that all others keep their numbers.
pub(crate) fn without_comments(script: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(script.len());
    let mut is_open = false;
    for line in script.split_inclusive(|&byte| byte == b'\n') {
        let text = line.trim_ascii();
        is_open |= text.starts_with(b"/*");
        match is_open || text.starts_with(b"//") {
            true => sent.push(b'\n'),
            false => sent.extend(line),
        }
        is_open &= !text.ends_with(b"*/");
    }
    sent
}
