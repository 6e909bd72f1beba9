// Makes the moving picture in README.md: a round from its first tap to its points, on a phone.
//
//   cargo build && (cd tests/e2e/browser && npm ci) && node tests/e2e/browser/moving.mjs
//
// A real page against the real server, at a fraction of its speed, so that there is time for a picture
// of every moment; img2webp (Debian's package `webp`) makes one of them all.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve, stopAll } from '../server.mjs';
import { device, launch, online, phase } from './lib.mjs';

const PICTURE = fileURLToPath(new URL('../../../src/client/moving.webp', import.meta.url));
const PHONE = { width: 390, height: 760 };
const SCALE = 300 / PHONE.width;
/** A phone has no keys whose numbers stand beside the hands. */
const TOUCH = { isMobile: true, hasTouch: true };
const SIZE_MAX = 500_000;
/** So many seconds are one of the picture's. */
const SLOW = 10;
const ROUND_S = 3;
const FRAME_MS = 90;
/** How long the end is to be seen before it begins anew. */
const END_MS = 2200;

const browser = await launch();
try {
  const round = `${ROUND_S * SLOW}s`;
  const server = await serve(['--robot-after', '1m', '--game-time', round, '--drain-timeout', '1m']);
  const ada = await device(browser, server, {
    name: 'Ada', size: PHONE, deviceScaleFactor: SCALE, reducedMotion: 'no-preference', ...TOUCH,
  });
  const min = await device(browser, server, { name: '敏敏', avatar: 6 });
  // The page's clock and its timers run slower, and a round is as long as ever to it.
  await ada.context.addInitScript((slow) => {
    const { setTimeout: set } = window;
    const now = performance.now.bind(performance);
    window.setTimeout = (run, ms = 0) => set(run, ms * slow);
    performance.now = () => now() / slow;
  }, SLOW);
  await ada.context.routeWebSocket(/websocket/, (socket) => {
    const onward = socket.connectToServer();
    onward.onMessage((text) => socket.send(text.replace(`"gameTime":${ROUND_S * SLOW}`, `"gameTime":${ROUND_S}`)));
  });
  const [a, b] = [await ada.open(), await min.open()];
  await Promise.all([online(a), online(b)]);
  const debug = await ada.context.newCDPSession(a);
  await debug.send('Animation.enable');
  await debug.send('Animation.setPlaybackRate', { playbackRate: 1 / SLOW });

  const folder = mkdtempSync(join(tmpdir(), 'roshambo-'));
  const frames = [];
  const shoot = async () => {
    const at = Date.now();
    const path = join(folder, `${frames.length}.png`);
    writeFileSync(path, await a.screenshot());
    frames.push({ path, at });
    // No faster than the picture shows them.
    await new Promise((resolve) => setTimeout(resolve, at + FRAME_MS * SLOW - Date.now()));
  };
  const until = async (done) => {
    do await shoot(); while (!await done());
  };
  const begun = Date.now();
  /** The picture's time. */
  const time = () => (Date.now() - begun) / SLOW;
  await until(() => time() > 700);
  await b.keyboard.press(' ');
  await a.click('#hands button[value="3"]');
  await a.mouse.move(0, 0);
  await phase(a, 'playing');
  const started = time();
  await until(() => time() > started + 900);
  await b.keyboard.press('1');
  await until(() => time() > started + 1700);
  await a.click('#hands button[value="2"]');
  await a.mouse.move(0, 0);
  await until(() => time() > started + 2100);
  await b.click('#faces button[value="1"]');
  await until(() => a.evaluate(() => document.querySelector('main').dataset.moment === 'points'));
  const over = time();
  await until(() => time() > over + 900);

  const args = frames.flatMap(({ path, at }, index) => {
    const next = frames[index + 1];
    return ['-d', String(Math.round(next ? (next.at - at) / SLOW : END_MS)), path];
  });
  execFileSync('img2webp', ['-loop', '0', '-lossy', '-q', '55', '-m', '6', '-min_size', ...args, '-o', PICTURE]);
  const { size } = statSync(PICTURE);
  console.log(`${PICTURE}: ${frames.length} pictures, ${size} bytes`);
  if (size >= SIZE_MAX) throw new Error('too large');
} finally {
  stopAll();
  await browser.close();
}
