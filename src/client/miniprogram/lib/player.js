// What this phone remembers about its player: name, avatar, own picture, session.
//
// Absent: the old calls for a user's WeChat name and picture, which tell nothing since 2022.

import { t } from './language.js';

const AVATARS = 16;

function remembered(key) {
  try {
    return wx.getStorageSync(key);
  } catch (_) {
    return '';
  }
}

function remember(key, value) {
  wx.setStorage({ key, data: value, fail: () => {} });
}

const player = {
  uname: remembered('name') || `${t('guest')} ${10 + Math.floor(Math.random() * 90)}`,
  uavatar: remembered('avatar') || `builtin:${Math.floor(Math.random() * AVATARS)}`,
  /** A file on this phone; nobody else can load it, so nobody else is told. */
  photo: remembered('photo'),
  token: remembered('session'),
};
remember('name', player.uname);
remember('avatar', player.uavatar);

/** What other players may know. */
export const profile = () => ({ uname: player.uname, uavatar: player.uavatar });

/** All that this phone knows. */
export const own = () => player;

export function rename(uname) {
  player.uname = uname.trim() || player.uname;
  remember('name', player.uname);
}

export function wear(number) {
  player.uavatar = `builtin:${number}`;
  player.photo = '';
  remember('avatar', player.uavatar);
  remember('photo', '');
}

/** Keeps a picture of one's own: the path that the chooser gives is gone with the mini program. */
export function wearPhoto(path, done) {
  wx.getFileSystemManager().saveFile({
    tempFilePath: path,
    success({ savedFilePath }) {
      player.photo = savedFilePath;
      remember('photo', savedFilePath);
      done();
    },
    fail() {
      player.photo = path;
      done();
    },
  });
}

export function keepToken(token) {
  player.token = token;
  remember('session', token);
}

/** The picture of an avatar; what we do not draw is shown as nobody. */
export function picture(uavatar) {
  const known = /^builtin:(\d|1[0-5]|robot)$/.exec(uavatar || '');
  return known ? `/avatars/${known[1]}.svg` : '/drawings/nobody.svg';
}

/** The built-in avatars to choose from. */
export const avatars = () => t('animals').map((name, number) => ({
  name, number, picture: picture(`builtin:${number}`),
}));
