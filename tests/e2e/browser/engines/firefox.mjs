// Firefox, as Debian has it, by WebDriver BiDi.

import playwright from 'playwright-core';
import { PATIENCE_MS, PHONE } from '../lib.mjs';

/** A new profile takes its time, on a busy machine. */
const START_MS = 240000;

/** Starts it; `player()` is a fresh device. */
export async function firefox() {
  const browser = await playwright._bidiFirefox.launch({
    channel: 'moz-firefox',
    executablePath: process.env.FIREFOX || '/usr/bin/firefox-esr',
    timeout: START_MS,
    firefoxUserPrefs: { 'ui.prefersReducedMotion': 1 },
  });
  return {
    async player() {
      const context = await browser.newContext({ viewport: PHONE, locale: 'en-US' });
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      return {
        open: (url) => page.goto(url),
        run: (script, ...args) => page.evaluate(`(${script})(...${JSON.stringify(args)})`),
        tap: (x, y) => page.mouse.click(x, y),
        close: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}
