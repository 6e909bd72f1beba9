//! What signed tokens are judged by: the keys in a file, and the time.
//!
//! Absent: tokens, and who is who.

use super::Server;
use crate::config::Config;
use crate::hub::Input;
use crate::identity::Keys;
use crate::net::keys::{KeyFile, LOOK_MS};
use crate::net::sockets::Alarm;
use crate::net::wall::Wall;

/// The file of the keys, and the clock.
#[derive(Debug)]
pub(super) struct Judge {
    file: KeyFile,
    wall: Wall,
    /// Until the hub has them.
    keys: Option<Keys>,
}

impl Judge {
    /// Reads the keys, if there are to be some.
    ///
    /// # Errors
    ///
    /// They cannot be taken: one sentence for the person who started the server.
    pub(super) fn open(config: &Config) -> Result<Option<Self>, String> {
        let Some(path) = &config.token_key else {
            return Ok(None);
        };
        let (file, keys) = KeyFile::open(path)?;
        Ok(Some(Self {
            file,
            wall: Wall::default(),
            keys: Some(keys),
        }))
    }
}

impl Server {
    /// Tokens are judged by this from now on.
    pub(super) fn judge_by(&mut self, judge: Option<Judge>) {
        self.judge = judge;
        if let Some(judge) = &mut self.judge {
            self.hub.use_keys(judge.keys.take());
            self.sockets.wheel.arm(self.now + LOOK_MS, Alarm::TokenKeys);
            self.tell_time();
        }
    }

    /// Tokens cannot be judged just now.
    pub(super) fn judge_without(&mut self, why: &str) {
        log::error!("nobody can sign in: {why}");
        if let Some(path) = &self.config.token_key {
            let judge = Judge {
                file: KeyFile::unread(path),
                wall: Wall::default(),
                keys: None,
            };
            self.judge_by(Some(judge));
        }
    }

    /// Tells the hub what time it is, if that is another one than it takes it for.
    pub(super) fn tell_time(&mut self) {
        let judge = self.judge.as_mut();
        if let Some(unix_s) = judge.and_then(|judge| judge.wall.look(self.now)) {
            self.feed(Input::Clock { unix_s });
        }
    }

    /// Looks whether the keys are others by now.
    pub(super) fn look_at_keys(&mut self) {
        let Some(judge) = &mut self.judge else {
            return;
        };
        match judge.file.look() {
            None => (),
            Some(Ok(keys)) => {
                let count = keys.count();
                let word = if count == 1 { "key" } else { "keys" };
                log::info!("tokens are verified by {count} {word} from now on");
                self.hub.use_keys(Some(keys));
            }
            Some(Err(why)) => log::error!("the keys stay as they were: {why}"),
        }
        self.sockets.wheel.arm(self.now + LOOK_MS, Alarm::TokenKeys);
    }
}
