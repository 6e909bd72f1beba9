// Makes the picture in README.md: a round, its result and an invitation, in a phone's browser.
//
//   cargo build && (cd tests/e2e/browser && npm ci) && node tests/e2e/browser/picture.mjs
//
// Real pages against the real server; a browser lays the three side by side, and pngquant (Debian's
// package of that name) makes the picture small.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { serve, stopAll } from '../server.mjs';
import { device, invite, judged, launch, leave, meet, says } from './lib.mjs';

const PICTURE = fileURLToPath(new URL('../../../src/client/picture.png', import.meta.url));
const PHONE = { width: 390, height: 820 };
/** Of a page's pixels; three pages are as wide as a page of text then. */
const SCALE = 333 / PHONE.width;
const SIZE_MAX = 100_000;

const browser = await launch();
try {
  const server = await serve(['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '6s']);
  const ada = await device(browser, server, {
    name: 'Ada', size: PHONE, deviceScaleFactor: SCALE, isMobile: true, hasTouch: true,
  });
  const min = await device(browser, server, { name: '敏敏', avatar: 6, locale: 'zh-CN' });
  const [a, b] = [await ada.open(), await min.open()];
  const shots = [];
  const shoot = async () => {
    await a.mouse.move(0, 0);
    // Nothing half shown: what moves has come to where it stays, but for what moves all the time.
    await a.evaluate(() => Promise.all(document.getAnimations()
      .filter((one) => one.effect.getComputedTiming().endTime < 1e9 && one.animationName !== 'round')
      .map((one) => one.finished.catch(() => {}))));
    shots.push((await a.screenshot()).toString('base64'));
  };

  await meet(a, b);
  await a.keyboard.press('2');
  await b.keyboard.press('1');
  await says(a, '#status', /Both have picked/);
  await b.click('#faces button[value="1"]');
  await a.waitForSelector('#other .pop:not([hidden])');
  await shoot();
  await judged(a);
  await says(a, '#points', /./);
  await shoot();
  await leave(a);
  await invite(a);
  await a.waitForSelector('#qr path[d]');
  await shoot();

  const page = await browser.newPage();
  const sources = shots.map((shot) => `data:image/png;base64,${shot}`);
  await page.setContent(`<body style="margin: 0; display: flex; width: max-content">${
    sources.map((source) => `<img src="${source}">`).join('')}`);
  const picture = execFileSync('pngquant', ['--strip', '--speed', '1', '48', '-'], {
    input: await page.locator('body').screenshot(),
  });
  if (picture.length >= SIZE_MAX) throw new Error(`too large: ${picture.length} bytes`);
  writeFileSync(PICTURE, picture);
  console.log(`${PICTURE}: ${picture.length} bytes`);
} finally {
  stopAll();
  await browser.close();
}
