// Who plays on this device: a name, a picture, and what the device and this tab remember.
//
// Absent: any address that came from another player, unless the server allows it.

import { memory } from './asks.js';

export const AVATARS = 16;
export const device = memory('localStorage');
export const tab = memory('sessionStorage');

/** What the server told the page. */
export const told = (name) => document.querySelector(`meta[name=roshambo-${name}]`).content;

/** An avatar's address, or '': other people's addresses would tell them who looks at them. */
export function picture(uavatar) {
  const known = /^builtin:(\d|1[0-5]|robot)$/.exec(uavatar);
  if (known) return `avatars/${known[1]}.svg`;
  return told('remote') === 'yes' && /^(https?|data):/.test(uavatar) ? uavatar : '';
}

/** Name and picture as they were chosen, or made up. */
export const createProfile = (guest) => ({
  uname: device.get('name') || `${guest} ${10 + Math.floor(Math.random() * 90)}`,
  uavatar: device.get('avatar') || `builtin:${Math.floor(Math.random() * AVATARS)}`,
});

export function keepProfile({ uname, uavatar }) {
  device.set('name', uname);
  device.set('avatar', uavatar);
}

/** A switch that the device remembers. */
export function isOn(key, otherwise) {
  const kept = device.get(key);
  return kept === null ? otherwise : kept === 'yes';
}
export const keepOn = (key, on) => device.set(key, on ? 'yes' : 'no');
