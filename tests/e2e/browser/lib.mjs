// What the browser tests share: one browser, pages that are watched, words for what is on a page.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const SHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url));
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** Longer than any round and any patience in these tests, on a busy machine. */
export const PATIENCE_MS = 60000;

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };

mkdirSync(SHOTS, { recursive: true });

export function launch() {
  return chromium.launch({
    timeout: PATIENCE_MS,
    // tests/run.sh tells where it found the browser.
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** What a lost or refused connection makes the browser itself write into the console. */
export const LOST = /WebSocket connection to|ERR_CONNECTION|status of 503/;

/** A fresh device, for somebody who wants no motion unless `more` says otherwise, that watches its
 * pages: whatever they should not do is a fault of the test. */
export async function device(browser, server, { name, avatar = 2, size = PHONE, ...more } = {}) {
  const context = await browser.newContext({
    viewport: size, locale: 'en-US', reducedMotion: 'reduce', ...more,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const faults = [];
  const away = (url) => !/^(data|about|blob):/.test(url)
    && new URL(url).host !== new URL(server.url).host;
  context.on('page', (page) => {
    page.on('console', (line) => {
      if (['error', 'warning'].includes(line.type())) faults.push(line.text());
    });
    page.on('pageerror', (error) => faults.push(error.stack));
    page.on('websocket', (socket) => away(socket.url()) && faults.push(`left: ${socket.url()}`));
  });
  context.on('request', (request) => away(request.url()) && faults.push(`left: ${request.url()}`));
  await context.addInitScript(remember);
  await context.addInitScript(([key, uname, uavatar]) => {
    document.addEventListener('securitypolicyviolation', (violation) => {
      console.error(`forbidden: ${violation.violatedDirective} ${violation.blockedURI}`);
    });
    // The empty page before the first one has no storage.
    if (!uname || location.protocol !== 'http:' || localStorage.getItem(key)) return;
    localStorage.setItem(key, uname);
    localStorage.setItem('roshambo.avatar', `builtin:${uavatar}`);
  }, ['roshambo.name', name, avatar]);
  return {
    context,
    async open(path = '') {
      const page = await context.newPage();
      await page.goto(server.url + path);
      return page;
    },
    /** Ends the device. Nothing may have been wrong but what `allowed` matches. */
    async close(allowed) {
      await context.close();
      assert.deepEqual(faults.filter((fault) => !allowed?.test(fault)), []);
    },
  };
}

/** In a page: keeps every state that it goes through, for some last no longer than a look takes. */
function remember() {
  window.passed = [];
  new MutationObserver(() => {
    const main = document.querySelector('main');
    const pop = document.querySelector('#other .pop:not([hidden]) use');
    if (!main) return;
    const { phase, link, moment } = main.dataset;
    const state = JSON.stringify({ phase, link, moment, face: pop ? pop.getAttribute('href') : '' });
    if (window.passed[window.passed.length - 1] !== state) window.passed.push(state);
  }).observe(document, { subtree: true, childList: true, attributes: true });
}

/** Waits until the page has been in a state at some time since it was loaded. */
export const passes = (page, name, value) => page.waitForFunction(
  (part) => window.passed.some((state) => state.includes(part)), `"${name}":"${value}"`,
);

/** Waits for an element; in vain, it tells what the page went through instead. */
async function reaches(page, selector) {
  await page.waitForSelector(selector).catch(async (error) => {
    const passed = await page.evaluate(() => (window.passed ?? []).slice(-9).concat(document.querySelector('#status').textContent));
    throw new Error(`${error.message}\nIt went through ${passed.join(' ')}`);
  });
}

export const phase = (page, name) => reaches(page, `main[data-phase=${name}]`);
export const link = (page, name) => reaches(page, `main[data-link=${name}]`);
export const online = (page) => link(page, 'online');
export const text = (page, selector) => page.textContent(selector);

/** Waits until an element's text matches. */
export async function says(page, selector, pattern) {
  const found = page.locator(selector).filter({ hasText: pattern });
  await found.first().waitFor({ state: 'attached' }).catch(async () => {
    assert.match(await page.textContent(selector), pattern);
  });
}

/** Asks for a round by keyboard, with no hand in it. */
export async function ask(page) {
  await online(page);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press(' ');
}

/** Carries out an item of the menu. */
export async function pick(page, item) {
  await page.click('#menu');
  await page.click(`#menu-sheet #${item}`);
}

/** From now on leaving can be undone for so long; the page itself says five seconds. */
export const undoWithin = (page, ms) => page.evaluate((long) => {
  const set = window.setTimeout;
  window.setTimeout = (run, wait) => set(run, wait === 5000 ? long : wait);
}, ms);

/** Leaves, and does not undo it. */
export async function leave(page) {
  await undoWithin(page, 300);
  await pick(page, 'leave');
  await page.waitForSelector('#undo', { state: 'hidden' });
  await phase(page, 'free');
}

/** Opens a room for a friend, and tells its code. */
export async function invite(page) {
  await online(page);
  await page.click('#friend');
  await page.click('#invite');
  return text(page, '#room strong:not(:empty)');
}

/** Enters a room by its code. */
export async function enter(page, code) {
  await page.click('#friend');
  await page.fill('#code', code);
  await page.click('#enter button');
}

/** The end of a round has been seen to its end. */
export const judged = (page) => reaches(
  page, 'main[data-phase=between][data-moment=points], main[data-phase=between][data-moment=rest]',
);

/** Asks on both, so that they meet. */
export async function meet(one, other) {
  for (const page of [one, other]) await ask(page);
  await Promise.all([phase(one, 'playing'), phase(other, 'playing')]);
}

/** Asks by a hand, which is kept for the round and shown in it: nothing has to be done while it runs. */
export async function show(page, hand) {
  await online(page);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press(hand);
}

/** Both ask by a hand, so that they meet, and what they show is sure however slow the machine is. */
export async function duel(one, hand, other, theirs) {
  await show(one, hand);
  await show(other, theirs);
  await Promise.all([phase(one, 'playing'), phase(other, 'playing')]);
}

/** A friend is in the room, and nobody is ready: what each page says then. */
export const GREETED = /is here\. Ready\?|来了，准备好了吗？/;

/** Two friends are in one room; each says that the round may begin, and it runs. */
export async function together(...pages) {
  for (const page of pages) await says(page, '#status', GREETED);
  await meet(...pages);
}

/** A page in `context` whose tab remembers what this page's does. */
async function copied(page, context, server) {
  const token = await page.evaluate(() => sessionStorage.getItem('roshambo.session'));
  const copy = await context.newPage();
  await copy.addInitScript(([kept]) => {
    // Once: a reload keeps what it has.
    if (!sessionStorage.length) sessionStorage.setItem('roshambo.session', kept);
  }, [token]);
  await copy.goto(server.url);
  return copy;
}

/** A duplicate of a page's tab. */
export const duplicate = (page, server) => copied(page, page.context(), server);

/** Another browser, that will know a page's session once the returned function opens it: between browsers
 * the newer one has it. */
export async function ready(page, server) {
  const there = { viewport: page.viewportSize(), locale: 'en-US', reducedMotion: 'reduce' };
  const context = await page.context().browser().newContext(there);
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(remember);
  return () => copied(page, context, server);
}

/** The same, opened at once. */
export const twin = async (page, server) => (await ready(page, server))();

export async function shot(page, name) {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${SHOTS}${name}.png` });
}

/** Faults of accessibility that are serious or worse. */
export async function unusable(page) {
  if (!await page.evaluate(() => 'axe' in window)) {
    // As text through the debugger's door: the page's policy forbids scripts that are not its own.
    await page.evaluate((await import('node:fs')).readFileSync(AXE, 'utf8'));
  }
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}
