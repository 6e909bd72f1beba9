// Which tab has which session: a browser with several tabs, its locks or none, and no server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const SOURCE = new URL('../../../src/client/web/tokens.js', import.meta.url);
const { createTokens } = await import(
  `data:text/javascript,${encodeURIComponent(readFileSync(SOURCE, 'utf8'))}`
);

/** A browser: what it remembers, and the locks of its tabs. */
class Browser {
  constructor(ways) {
    this.ways = ways; // 'locks', 'asking', 'refused'
    this.kept = new Map();
    this.tabs = new Set();
    this.held = new Map();
    this.waiting = [];
    this.date = 100000;
    this.drawn = 0;
    this.timers = [];
    this.slow = 0; // so long it takes to answer who asks for a lock
  }

  /** Runs until this is done: all that tabs say to each other at once, then the next timer. */
  async until(promise) {
    let over = false;
    const done = promise.finally(() => {
      over = true;
    });
    while (!over) {
      for (let n = 0; n < 4 && !over; n += 1) await new Promise((go) => setImmediate(go));
      if (over) break;
      const next = Math.min(...this.timers.map(({ at }) => at));
      this.date = Math.max(this.date, next);
      const due = this.timers.filter(({ at }) => at <= this.date);
      this.timers = this.timers.filter(({ at }) => at > this.date);
      due.forEach(({ run, tab }) => this.tabs.has(tab) && !tab.busy && run());
      if (this.at && this.at.when <= this.date) this.at.run();
    }
    return done;
  }

  /** Opens a tab; `memory` is what it remembers by itself, as a duplicate or a reload does. */
  open(memory = new Map()) {
    const tab = { memory, watchers: [], browser: this, busy: false };
    this.tabs.add(tab);
    const env = {
      device: {
        get: (key) => this.kept.get(key) ?? null,
        set: (key, text) => {
          if (this.ways === 'refused' || !this.tabs.has(tab)) return;
          this.kept.set(key, text);
          for (const other of this.tabs) {
            if (other === tab) continue;
            const tell = () => (other.busy
              ? setImmediate(tell)
              : this.tabs.has(other) && other.watchers.forEach((told) => told(key, text)));
            setImmediate(tell);
          }
        },
        watch: (told) => tab.watchers.push(told),
      },
      tab: { get: (key) => memory.get(key) ?? null, set: (key, text) => memory.set(key, text) },
      locks: this.ways === 'asking' ? undefined : { request: (...asked) => this.lock(tab, ...asked) },
      date: () => this.date++,
      setTimer: (run, ms) => this.timers.push({ at: this.date + ms, run, tab }),
      random: () => this.drawn++,
    };
    tab.tokens = createTokens(env);
    return tab;
  }

  async lock(tab, name, { signal, ifAvailable }, run) {
    if (this.ways === 'refused') throw Object.assign(new Error(), { name: 'SecurityError' });
    const aborted = (stop) => signal && signal.addEventListener('abort', () => {
      stop(Object.assign(new Error(), { name: 'AbortError' }));
    });
    if (this.slow) {
      await new Promise((go, stop) => {
        this.timers.push({ at: this.date + this.slow, run: go, tab });
        aborted(stop);
      });
    }
    if (this.held.has(name)) {
      if (ifAvailable) return run(null);
      await new Promise((go, stop) => {
        const each = { name, go };
        this.waiting.push(each);
        signal.addEventListener('abort', () => {
          this.waiting = this.waiting.filter((one) => one !== each);
          stop(Object.assign(new Error(), { name: 'AbortError' }));
        });
      });
    }
    this.held.set(name, tab);
    await run({ name });
    return this.free(name);
  }

  free(name) {
    this.held.delete(name);
    const next = this.waiting.findIndex((each) => each.name === name);
    if (next >= 0) this.waiting.splice(next, 1)[0].go();
  }

  /** Ends a tab: closed, or reloaded. */
  close(tab) {
    tab.tokens.rest();
    return this.crash(tab);
  }

  /** Ends a tab that can say nothing any more. */
  crash(tab) {
    this.tabs.delete(tab);
    for (const [name, holder] of [...this.held]) if (holder === tab) this.free(name);
    return tab.memory;
  }

  /** A tab that plays: it claims a token, or the server gives it this one. */
  async play(fresh, memory) {
    const tab = this.open(memory);
    const token = await this.until(tab.tokens.claim());
    tab.tokens.keep(token || fresh);
    return [tab, token];
  }

  get tokens() {
    return JSON.parse(this.kept.get('sessions')).map(({ token }) => token);
  }
}

const everywhere = (name, run) => {
  for (const ways of ['locks', 'asking']) test(`${name} (${ways})`, () => run(new Browser(ways)));
};

everywhere('the first tab begins anew, the next one after it goes on', async (browser) => {
  const [first, nothing] = await browser.play('a');
  assert.equal(nothing, '');
  browser.close(first);
  const [, again] = await browser.play('b');
  assert.equal(again, 'a');
});

everywhere('two open tabs are two players, and so are three', async (browser) => {
  await browser.play('a');
  assert.equal((await browser.play('b'))[1], '');
  const [third] = await browser.play('c');
  assert.deepEqual(browser.tokens.sort(), ['a', 'b', 'c']);
  browser.close(third);
  assert.equal((await browser.play('d'))[1], 'c', 'the one that nobody has');
  assert.equal((await browser.play('e'))[1], '');
});

everywhere('a tab that is reloaded keeps its own, whatever else lies there', async (browser) => {
  const [first] = await browser.play('a');
  const [second] = await browser.play('b');
  browser.close(second);
  const memory = browser.close(first);
  assert.equal((await browser.play('c', memory))[1], 'a');
});

test('a reload waits for the page before it to let go', async () => {
  const browser = new Browser('locks');
  const [first] = await browser.play('a');
  const next = browser.open(first.memory);
  const claimed = next.tokens.claim();
  browser.close(first);
  assert.equal(await browser.until(claimed), 'a');
});

test('what nobody holds is got, however late a busy browser answers', async () => {
  const browser = new Browser('locks');
  const [first] = await browser.play('a');
  // Its process ended; the browser opens it again, and has a lot to do.
  const memory = browser.crash(first);
  browser.slow = 3000;
  assert.equal((await browser.play('b', memory))[1], 'a');
});

test('a reload waits longer for a page that said that it ends than a duplicate does for one that lives', async () => {
  const browser = new Browser('locks');
  const [first] = await browser.play('a');
  const before = browser.date;
  assert.equal((await browser.play('b', new Map(first.memory)))[1], '', 'a duplicate is another player');
  assert.ok(browser.date - before < 1500, `${browser.date - before} ms`);
  first.tokens.rest();
  const next = browser.open(first.memory);
  const claimed = next.tokens.claim();
  browser.at = { when: browser.date + 5000, run: () => browser.crash(first) };
  browser.timers.push({ at: browser.date + 5000, run() {}, tab: next });
  assert.equal(await browser.until(claimed), 'a');
});

everywhere('a tab that crashed says nothing, and is not waited for long', async (browser) => {
  const [first] = await browser.play('a');
  const before = browser.date;
  browser.crash(first);
  assert.equal((await browser.play('b'))[1], 'a');
  assert.ok(browser.date - before <= 6000, `${browser.date - before} ms`);
});

everywhere('one that is too busy to answer at once is waited for', async (browser) => {
  const [first] = await browser.play('a');
  // It has been there for a minute.
  await browser.until(new Promise((over) => {
    browser.timers.push({ at: browser.date + 60000, run: over, tab: first });
  }));
  first.busy = true;
  browser.at = { when: browser.date + 3000, run: () => Object.assign(first, { busy: false }) };
  assert.equal((await browser.play('b'))[1], '');
  first.busy = false;
});

everywhere('one that slept for long answers when it is asked', async (browser) => {
  await browser.play('a');
  // Its timers are held back, as those of pages that nobody sees.
  browser.timers = [];
  browser.date += 100000;
  assert.equal((await browser.play('b'))[1], '');
});

everywhere('no more is remembered of who lives than who does', async (browser) => {
  for (let n = 1; n <= 9; n += 1) {
    const [tab] = await browser.play(`t${n}`);
    browser.crash(tab);
    tab.memory.clear();
    browser.kept.delete('sessions');
    browser.date += 5000;
  }
  const marks = JSON.parse(browser.kept.get('marks') || '{}');
  assert.ok(Object.keys(marks).length <= 1, JSON.stringify(marks));
});

everywhere('a duplicate is another player, and the first one stays who it is', async (browser) => {
  const [first] = await browser.play('a');
  const [copy, token] = await browser.play('b', new Map(first.memory));
  assert.equal(token, '');
  assert.equal(copy.memory.get('session'), 'b');
  assert.equal(first.memory.get('session'), 'a');
});

everywhere('points go before what was used last', async (browser) => {
  const [rich] = await browser.play('rich');
  rich.tokens.count(7);
  const [poor] = await browser.play('poor');
  browser.close(rich);
  browser.close(poor);
  assert.equal((await browser.play('x'))[1], 'rich');
  assert.equal((await browser.play('x'))[1], 'poor');
});

everywhere('eight are kept; what goes is what is worth least', async (browser) => {
  const [rich] = await browser.play('rich');
  rich.tokens.count(1);
  browser.close(rich);
  // Each is a new player, because all before are open.
  await browser.play('');
  for (let n = 1; n <= 9; n += 1) await browser.play(`t${n}`);
  assert.equal(browser.tokens.length, 8);
  assert.ok(browser.tokens.includes('rich'));
  assert.deepEqual(browser.tokens.filter((token) => token !== 'rich').sort(),
    ['t3', 't4', 't5', 't6', 't7', 't8', 't9']);
});

everywhere('a token that the server does not know makes room for its successor', async (browser) => {
  const [first] = await browser.play('a');
  first.tokens.count(3);
  assert.equal(first.tokens.points(), 3);
  first.tokens.keep('b');
  assert.equal(first.tokens.points(), 0);
  assert.deepEqual(browser.tokens, ['b']);
  assert.equal((await browser.play('c'))[1], '', 'the new one is held, too');
  browser.close(first);
  assert.equal((await browser.play('d'))[1], 'b');
});

everywhere('what a session still has to say stays with it', async (browser) => {
  const [first] = await browser.play('a');
  first.tokens.keep('a left');
  browser.close(first);
  const [second, token] = await browser.play('b');
  assert.equal(token, 'a left');
  second.tokens.keep('a');
  assert.deepEqual(browser.tokens, ['a']);
});

everywhere('points only grow, and come back with their token', async (browser) => {
  const [first] = await browser.play('a');
  first.tokens.count(5);
  first.tokens.count(0);
  browser.close(first);
  const [second] = await browser.play('b');
  assert.equal(second.tokens.points(), 5);
  assert.ok(second.tokens.lasts());
});

everywhere('a browser whose data was cleared begins anew', async (browser) => {
  const [first] = await browser.play('a');
  browser.close(first);
  browser.kept.clear();
  assert.equal((await browser.play('b'))[1], '');
});

everywhere('whatever stands in the storage, a tab gets in', async (browser) => {
  for (const text of ['', '{', 'null', '7', '"a"', '{}', '[null,7,"a",{},{"token":1},{"token":""}]',
    '[{"token":"a"}]', '[{"token":"a","used":"b"}]']) {
    browser.kept.set('sessions', text);
    browser.kept.set('marks', text);
    const [tab, token] = await browser.play('x');
    assert.equal(token, '', text);
    assert.deepEqual(browser.tokens, ['x'], text);
    browser.close(tab);
  }
});

test('a browser that keeps nothing and locks nothing: the tab remembers', async () => {
  const browser = new Browser('refused');
  const [first] = await browser.play('a');
  assert.ok(!first.tokens.lasts());
  assert.equal((await browser.play('b', browser.close(first)))[1], 'a');
});

test('a page that comes back after it was put aside holds its token again', async () => {
  const browser = new Browser('locks');
  const [first] = await browser.play('a');
  for (const name of [...browser.held.keys()]) browser.held.delete(name);
  first.tokens.back();
  assert.equal((await browser.play('b'))[1], '');
});
