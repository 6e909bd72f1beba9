// What Lighthouse says of the page on a phone, over a slow line that it computes.
//
// Its figures are printed. Only what a busy machine cannot change is asserted: nothing to object to
// in accessibility and best practices, and a layout that stays where it is.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';
import { serve, stopAll } from '../server.mjs';

const SHIFT_MAX = 0.02;
const FIGURES = ['first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time', 'speed-index',
  'cumulative-layout-shift', 'total-byte-weight'];

after(stopAll);

test('what Lighthouse says of the page', async (t) => {
  const [server, chrome] = await Promise.all([serve(['--robot-after', '0']), launch({
    chromePath: process.env.CHROMIUM || '/usr/bin/chromium',
    chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })]);
  try {
    const { lhr } = await lighthouse(server.url, {
      port: chrome.port,
      onlyCategories: ['performance', 'accessibility', 'best-practices'],
    });
    assert.equal(lhr.runtimeError, undefined);
    for (const { title, score } of Object.values(lhr.categories)) t.diagnostic(`${title}: ${Math.round(score * 100)}`);
    for (const name of FIGURES) t.diagnostic(`${lhr.audits[name].title}: ${lhr.audits[name].displayValue}`);
    for (const name of ['accessibility', 'best-practices']) {
      const objections = lhr.categories[name].auditRefs.map(({ id, weight }) => ({ ...lhr.audits[id], weight }))
        .filter(({ score, weight }) => weight && score !== null && score < 1).map(({ title }) => title);
      assert.deepEqual(objections, [], name);
    }
    const shift = lhr.audits['cumulative-layout-shift'].numericValue;
    assert.ok(shift < SHIFT_MAX, `the layout shifts by ${shift}`);
  } finally {
    chrome.kill();
    await server.stop();
  }
});
