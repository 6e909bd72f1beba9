// Makes the page's icons and the picture that a link to it shows: from its own drawings.
//
//   cargo build && (cd tests/e2e/browser && npm ci) && node tests/e2e/browser/icons.mjs
//
// pngquant (Debian's package of that name) makes them small.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { serve, stopAll } from '../server.mjs';
import { device, launch, online } from './lib.mjs';

const WEB = fileURLToPath(new URL('../../../src/client/web/', import.meta.url));
const browser = await launch();

function keep(name, png) {
  const small = execFileSync('pngquant', ['--strip', '--speed', '1', '32', '-'], { input: png });
  writeFileSync(WEB + name, small);
  console.log(`${name}: ${small.length} bytes`);
}

try {
  const icon = readFileSync(`${WEB}icon.svg`, 'utf8');
  for (const size of [180, 192, 512]) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    // To the edges: the system cuts its own corners.
    await page.setContent(`<body style="margin: 0; background: #f7c26b">${icon.replace('<svg ', `<svg width="${size}" `)}`);
    keep(`icon-${size}.png`, await page.screenshot());
    await page.close();
  }
  const server = await serve([]);
  const ada = await device(browser, server, { name: 'Ada', size: { width: 1200, height: 630 } });
  const a = await ada.open();
  await online(a);
  await a.evaluate(() => {
    document.querySelector('#dock').remove();
    Object.assign(document.querySelector('main').dataset, { phase: 'between', moment: 'rest' });
    document.querySelectorAll('.side, #count').forEach((each) => each.remove());
    document.querySelector('#mine .shown').setAttribute('href', '#hand1');
    document.querySelector('#theirs .shown').setAttribute('href', '#hand3');
    document.querySelectorAll('.seat').forEach((seat) => { seat.dataset.hand = 1; seat.style.top = '66%'; });
    const outcome = document.querySelector('#outcome');
    outcome.style.top = '24%';
    outcome.firstChild.style.fontSize = '118px';
    outcome.firstChild.textContent = 'roshambo';
    outcome.lastChild.textContent = 'rock, paper, scissors?';
    outcome.lastChild.style.fontSize = '38px';
  });
  await a.evaluate(() => Promise.all(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().endTime < 1e9).map((one) => one.finished)));
  keep('og.png', await a.screenshot());
  await ada.close();
} finally {
  stopAll();
  await browser.close();
}
