// Who plays, by a signed token: the cloud function that config.js names makes one of `wx.login`'s code.
//
// Absent: who that is. What WeChat calls a player, and the keys, never leave the cloud. Where no
// function is named, or it does not answer in time, one plays as anybody.

import { cloudEnv, signIn } from '../config.js';

/** The first connection waits so long for it at most. */
const PATIENCE_MS = 3000;
/** A token is renewed once it is this old, for the next connection. */
const OLD_MS = 30 * 60 * 1000;

let token = '';
let askedAt = 0;

function once(run) {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}

/** Asks for a token and calls `then` once it is there, or will not be. */
export function ask(then) {
  const go = once(then);
  if (!signIn || !wx.cloud) return go();
  askedAt = Date.now();
  setTimeout(go, PATIENCE_MS);
  wx.cloud.init(cloudEnv ? { env: cloudEnv } : {});
  return wx.login({
    success({ code }) {
      wx.cloud.callFunction({
        name: signIn,
        data: { code },
        success({ result }) {
          if (result && typeof result.token === 'string') token = result.token;
          else console.warn('no token', result);
          go();
        },
        fail(error) {
          console.warn('no token', error);
          go();
        },
      });
    },
    fail: go,
  });
}

/** The token to sign in with now, or ''. */
export function signed() {
  if (signIn && OLD_MS <= Math.abs(Date.now() - askedAt)) ask(() => {});
  return token;
}
