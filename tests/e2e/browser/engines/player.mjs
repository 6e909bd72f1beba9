// A player at a page, whatever browser shows it: looks again and again until something is there, and taps
// where it stands.

import assert from 'node:assert/strict';
import { PATIENCE_MS } from '../lib.mjs';

const LOOK_MS = 50;

/** In the page: the middle of what can be tapped there and moves no more, or nothing. */
function spot(selector) {
  const element = [...document.querySelectorAll(selector)].find((each) => each.offsetWidth);
  if (!element || element.getAttribute('aria-disabled') === 'true') return null;
  const { left, top, width, height } = element.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  const hit = document.elementFromPoint(x, y);
  return hit && (element.contains(hit) || hit.contains(element)) ? [x, y] : null;
}

/** In the page: keeps every state that it goes through; some last no longer than a look. */
function remember() {
  if (window.passed) return;
  window.passed = [];
  const keep = () => {
    const status = document.querySelector('#status').textContent;
    if (window.passed[window.passed.length - 1] !== status) window.passed.push(status);
  };
  keep();
  new MutationObserver(keep).observe(document.body, { subtree: true, childList: true, characterData: true });
}

export class Player {
  constructor(driver) {
    this.run = driver.run;
    this.tap = driver.tap;
    this.driver = driver;
    this.close = driver.close;
  }

  async open(url) {
    await this.driver.open(url);
    await this.run(remember);
  }

  /** Waits until the page answers a question with more than nothing, and returns that. */
  async until(what, question, ...args) {
    for (const end = Date.now() + PATIENCE_MS; ;) {
      const answer = await this.run(question, ...args);
      if (answer) return answer;
      if (end < Date.now()) {
        assert.fail(`waited in vain for ${what}; there is ${await this.run(() => JSON.stringify([
          Object.assign({}, document.querySelector('main').dataset), document.querySelector('#status').textContent,
        ]))}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  is(state) {
    return this.until(JSON.stringify(state), (wanted) => Object.keys(wanted).every(
      (name) => document.querySelector('main').dataset[name] === wanted[name],
    ), state);
  }

  /** Something is there, and says this. */
  there(selector, pattern = /(?:)/) {
    return this.until(selector, (which, text) => [...document.querySelectorAll(which)].some(
      (each) => new RegExp(text).test(each.textContent),
    ), selector, pattern.source);
  }

  /** The status says this, or has said it since the last such wait. */
  says(pattern) {
    return this.until(pattern, (text) => {
      const index = window.passed.findIndex((each) => new RegExp(text).test(each));
      if (0 <= index) window.passed.splice(0, index);
      return 0 <= index;
    }, pattern.source);
  }

  /** What the status has said until now counts for no wait. */
  forget() {
    return this.run(() => { window.passed.length = 0; });
  }

  text(selector) {
    return this.run((which) => document.querySelector(which).textContent.trim(), selector);
  }

  async click(selector) {
    const [x, y] = await this.until(`${selector}, to tap it`, spot, selector);
    await this.tap(x, y);
  }

  /** Two taps at a place, as a thumb does it: nobody looks what is there the second time. */
  async tapTwice(selector) {
    const [x, y] = await this.until(`${selector}, to tap it twice`, spot, selector);
    await this.tap(x, y);
    await this.tap(x, y);
  }

  /** Closes whatever sheet is open. */
  escape() {
    return this.run(() => document.querySelectorAll('.sheet:not([hidden]) .close').forEach((each) => each.click()));
  }
}
