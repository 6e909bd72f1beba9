// A little sound and vibration, for those who turned it on.

import { attempt, vibrate } from './asks.js';

/** Notes of a sound: frequency in hertz, begin and length in seconds. */
const SOUNDS = {
  tap: [[520, 0, 0.05]],
  start: [[392, 0, 0.08], [523, 0.09, 0.12]],
  clash: [[110, 0, 0.16], [180, 0.02, 0.1]],
  win: [[523, 0, 0.1], [659, 0.1, 0.1], [784, 0.2, 0.22]],
  lose: [[330, 0, 0.14], [262, 0.14, 0.26]],
  draw: [[392, 0, 0.12], [392, 0.16, 0.12]],
};
const VIBRATIONS = { clash: 60, win: [40, 60, 90], start: 25 };
const LOUDNESS = 0.12;

export function createSound(begin) {
  let context = null;
  const sound = {
    on: begin,
    /** A browser lets a page sound only after a tap. */
    wake() {
      if (!sound.on) return;
      const Context = window.AudioContext || window.webkitAudioContext;
      context = context || attempt(() => new Context(), null);
      if (context && context.state === 'suspended') attempt(() => context.resume());
    },
    turn(on) {
      sound.on = on;
      sound.wake();
      sound.play('start');
    },
    play(name) {
      if (!sound.on) return;
      if (VIBRATIONS[name]) vibrate(VIBRATIONS[name]);
      attempt(() => (SOUNDS[name] || []).forEach(([hertz, at, seconds]) => {
        const [note, volume] = [context.createOscillator(), context.createGain()];
        const begins = context.currentTime + at;
        note.type = 'triangle';
        note.frequency.value = hertz;
        volume.gain.setValueAtTime(LOUDNESS, begins);
        volume.gain.exponentialRampToValueAtTime(0.001, begins + seconds);
        note.connect(volume);
        volume.connect(context.destination);
        note.start(begins);
        note.stop(begins + seconds);
      }));
    },
  };
  return sound;
}
