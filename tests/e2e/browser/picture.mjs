// Makes the picture in README.md: a round, its result and an invitation, in a phone's browser.
//
//   cargo build && (cd tests/e2e/browser && npm ci) && node tests/e2e/browser/picture.mjs
//
// Real pages against the real server; a browser lays the three side by side.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { serve, stopAll } from '../server.mjs';
import { device, launch, meet, online, phase, says } from './lib.mjs';

const PICTURE = fileURLToPath(new URL('../../../src/client/picture.png', import.meta.url));
const PHONE = { width: 390, height: 820 };
/** Of a page's pixels; three pages are as wide as a page of text then. */
const SCALE = 333 / PHONE.width;
const SIZE_MAX = 100_000;
const COLOURS = 256;

/** A PNG of few colours: the most frequent ones, and of the others the nearest of these. */
function png(width, height, pixels) {
  const counts = new Map();
  const colour = (at) => pixels.readUIntBE(at, 3);
  for (let at = 0; at < pixels.length; at += 4) {
    counts.set(colour(at), (counts.get(colour(at)) || 0) + 1);
  }
  const palette = [...counts].sort(([, one], [, other]) => other - one).slice(0, COLOURS)
    .map(([rgb]) => rgb);
  const parts = (rgb) => [rgb >> 16, (rgb >> 8) & 255, rgb & 255];
  const distance = (one, other) => parts(one)
    .reduce((sum, part, index) => sum + (part - parts(other)[index]) ** 2, 0);
  const nearest = new Map([...counts.keys()].map((rgb) => [rgb, palette.reduce(
    (best, other, index) => (distance(rgb, other) < distance(rgb, palette[best]) ? index : best), 0,
  )]));
  const rows = Buffer.alloc((width + 1) * height); // each begins with a zero: no filter
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      rows[y * (width + 1) + x + 1] = nearest.get(colour((y * width + x) * 4));
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3], 8); // eight bits a pixel, of a palette
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head),
    chunk('PLTE', Buffer.from(palette.flatMap(parts))),
    chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]);
  const check = body.reduce((sum, byte) => {
    let rest = sum ^ byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
    return rest;
  }, -1);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeInt32BE(~check, 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

const browser = await launch();
try {
  const server = await serve(['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '8s']);
  const ada = await device(browser, server, {
    name: 'Ada', size: PHONE, deviceScaleFactor: SCALE,
  });
  const min = await device(browser, server, { name: '敏敏', avatar: 6, locale: 'zh-CN' });
  const [a, b] = [await ada.open(), await min.open()];
  const shots = [];
  const shoot = async () => {
    await a.mouse.move(0, 0);
    // Nothing half shown: but for the spin all is still.
    await a.evaluate(() => Promise.all(document.getAnimations().map((one) => {
      if (one.animationName === 'pulse') one.cancel();
      return ['pulse', 'spin'].includes(one.animationName) || one.finished;
    })));
    shots.push((await a.screenshot()).toString('base64'));
  };

  await meet(a, b);
  await a.keyboard.press('2');
  await b.keyboard.press('1');
  await says(a, '#status', /has a hand/);
  await b.click('#faces button[value="1"]');
  await a.waitForSelector('#other .pop:not([hidden])');
  await shoot();
  await Promise.all([phase(a, 'between'), phase(b, 'between')]);
  await shoot();
  await a.click('#leave');
  await online(a);
  await a.click('#invite');
  await a.waitForSelector('#room:not([hidden])');
  await shoot();

  const page = await browser.newPage();
  const [width, height, pixels] = await page.evaluate(async (sources) => {
    const images = sources.map((source) => Object.assign(new Image(), { src: source }));
    await Promise.all(images.map((image) => image.decode()));
    const canvas = new OffscreenCanvas(
      images.reduce((sum, image) => sum + image.width, 0), images[0].height,
    );
    const pen = canvas.getContext('2d');
    images.forEach((image, index) => pen.drawImage(image, index * image.width, 0));
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    return [canvas.width, canvas.height, [...data]];
  }, shots.map((shot) => `data:image/png;base64,${shot}`));
  const picture = png(width, height, Buffer.from(pixels));
  if (picture.length >= SIZE_MAX) throw new Error(`too large: ${picture.length} bytes`);
  writeFileSync(PICTURE, picture);
  console.log(`${PICTURE}: ${width} by ${height}, ${picture.length} bytes`);
} finally {
  stopAll();
  await browser.close();
}
