// What this phone remembers about its player: name, avatar, own picture, session, record, settings.
//
// Absent: the old calls for a user's WeChat name and picture, which tell nothing since 2022. A phone
// whose storage is full or broken forgets; it plays all the same.

import { t } from './language.js';

const AVATARS = 16;

function remembered(key) {
  try {
    const value = wx.getStorageSync(key);
    return typeof value === 'string' ? value : '';
  } catch (_) {
    return '';
  }
}

/** At once: of two that are under way nobody says which comes last. */
function remember(key, value) {
  try {
    wx.setStorageSync(key, value);
  } catch (_) {
    // Full; known until the program ends.
  }
}

/** Numbers that a phone may have lost or garbled. */
function counts(text) {
  const found = text.split(' ').map((word) => Math.max(0, parseInt(word, 10) || 0));
  return [0, 1, 2, 3, 4].map((index) => found[index] || 0);
}

const player = {
  uname: remembered('name') || `${t('guest')} ${10 + Math.floor(Math.random() * 90)}`,
  uavatar: remembered('avatar') || `builtin:${Math.floor(Math.random() * AVATARS)}`,
  /** A file on this phone; nobody else can load it, so nobody else is told. */
  photo: remembered('photo'),
  token: remembered('session'),
  quiet: remembered('quiet') === 'yes',
  faceless: remembered('faceless') === 'yes',
  /** Rounds won, best streak, and how often each hand was shown. */
  record: counts(remembered('record')),
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

/** The photo is gone, and the place that it took with it. */
export function dropPhoto() {
  const filePath = player.photo;
  player.photo = '';
  remember('photo', '');
  if (filePath) wx.getFileSystemManager().removeSavedFile({ filePath, fail: () => {} });
}

export function wear(number) {
  player.uavatar = `builtin:${number}`;
  remember('avatar', player.uavatar);
  dropPhoto();
}

/** Keeps a picture of one's own: the path that the chooser gives is gone with the mini program. */
export function wearPhoto(path, done) {
  dropPhoto();
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

/** Turns a setting over: `quiet` (no vibration) or `faceless` (no faces of the other one). */
export function toggle(setting) {
  player[setting] = !player[setting];
  remember(setting, player[setting] ? 'yes' : '');
}

/** A short vibration, where the phone has one: light, medium or heavy. */
export function buzz(type) {
  if (!player.quiet && wx.vibrateShort) wx.vibrateShort({ type, fail: () => {} });
}

/** Counts a round that I played. */
export function played({ choice, roundScore, winStreak }) {
  const { record } = player;
  if (roundScore > 0) record[0] += 1;
  record[1] = Math.max(record[1], winStreak || 0);
  if (choice >= 1 && choice <= 3) record[1 + choice] += 1;
  remember('record', record.join(' '));
}

/** One line about all rounds on this phone, or nothing before the first win. */
export function recordText() {
  const [wins, best, ...shown] = player.record;
  if (!wins) return '';
  const most = Math.max(...shown);
  const hand = most ? t('favourite', { hand: t(`hand${1 + shown.indexOf(most)}`) }) : '';
  return t('record', { wins, best }) + hand;
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
