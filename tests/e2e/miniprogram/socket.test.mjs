// The mini program's socket alone, on a platform that reports late, twice, or not at all.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import { ROOT } from './phone.mjs';

const read = (path) => readFileSync(ROOT + path, 'utf8');

/** Runs modules of the mini program, and what they import, in a world of these globals. */
async function load(path, globals) {
  const context = vm.createContext(globals);
  const modules = new Map();
  const module = (name) => {
    if (!modules.has(name)) {
      modules.set(name, new vm.SourceTextModule(read(name), { identifier: name, context }));
    }
    return modules.get(name);
  };
  const root = module(path);
  await root.link((specifier, from) => module(
    new URL(specifier, `file:///${from.identifier}`).pathname.slice(1),
  ));
  await root.evaluate();
  return root.namespace;
}

/** A platform with a clock of its own. `rules` take the place of what it does when asked. */
class Platform {
  constructor(rules = {}) {
    this.now = 0;
    this.timers = new Map();
    this.lastTimer = 0;
    this.tasks = [];
    this.rules = rules;
  }

  async start() {
    const { connect } = await load('lib/socket.js', {
      wx: { connectSocket: (options) => this.connectSocket(options) },
      setTimeout: (run, ms) => {
        this.lastTimer += 1;
        this.timers.set(this.lastTimer, { at: this.now + ms, run });
        return this.lastTimer;
      },
      clearTimeout: (id) => this.timers.delete(id),
    });
    this.connect = connect;
    return this;
  }

  connectSocket(options) {
    if (this.rules.refuse) return this.rules.refuse(options);
    const on = {};
    const task = { options, on, asked: 0, sent: [] };
    const listen = (name) => (run) => {
      on[name] = run;
    };
    this.tasks.push(task);
    return {
      onOpen: listen('open'),
      onMessage: listen('message'),
      onError: listen('error'),
      onClose: listen('close'),
      send: (message) => {
        task.sent.push(message.data);
        if (this.rules.send) this.rules.send(message);
      },
      close: (how) => {
        task.asked += 1;
        if (this.rules.close) this.rules.close(how, task);
      },
    };
  }

  advance(ms) {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end)
        .sort(([one, a], [other, b]) => a.at - b.at || one - other)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.now = due[1].at;
      due[1].run();
    }
    this.now = end;
  }

  /** A session's connection that writes down what it is told. */
  session() {
    const heard = [];
    const calls = { inside: true };
    const hear = (what) => (text) => {
      assert.equal(calls.inside, false, `${what} is told within connect()`);
      heard.push(text === undefined ? what : `${what} ${text}`);
    };
    const socket = this.connect({
      opened: hear('opened'), received: hear('received'), closed: hear('closed'),
    });
    calls.inside = false;
    return Object.assign(socket, { heard });
  }
}

/** Each of these is one way for a task to end that nobody asked to end. */
const ENDINGS = [
  ['its close', ({ on }) => on.close({ code: 1006 })],
  ['its error, and nothing more', ({ on }) => on.error({})],
  ['its error, and its close', ({ on }) => {
    on.error({});
    on.close({});
  }],
  ['its failure, its error and its close', ({ options, on }) => {
    options.fail({});
    on.error({});
    on.close({});
  }],
  ['its close, twice', ({ on }) => {
    on.close({});
    on.close({});
  }],
];

for (const [what, end] of ENDINGS) {
  test(`a task ends by ${what}: it is told once, and the next one begins`, async () => {
    for (const open of [true, false]) {
      const phone = await new Platform().start();
      const first = phone.session();
      if (open) phone.tasks[0].on.open({});
      end(phone.tasks[0]);
      phone.advance(0);
      assert.deepEqual(first.heard, open ? ['opened', 'closed'] : ['closed']);
      phone.session();
      phone.advance(2000);
      assert.equal(phone.tasks.length, 2);
      phone.advance(600000);
      assert.equal(phone.tasks.length, 2);
      assert.equal(phone.timers.size, 0);
    }
  });
}

test('the late report of a close begins nothing a second time', async () => {
  for (const late of [5000, 60000]) {
    const phone = await new Platform().start();
    const first = phone.session();
    phone.tasks[0].on.open({});
    first.close();
    const second = phone.session();
    assert.equal(phone.tasks.length, 1, 'one at a time');
    phone.advance(1999);
    assert.equal(phone.tasks.length, 1);
    phone.advance(1);
    assert.equal(phone.tasks.length, 2, 'the first one is given up');
    phone.tasks[1].on.open({});
    phone.advance(late - 2000);
    phone.tasks[0].on.close({ code: 1006 });
    phone.advance(600000);
    assert.equal(phone.tasks.length, 2, `a close after ${late} ms`);
    assert.deepEqual([first.heard, second.heard], [['opened'], ['opened']]);
    second.send('["ping"]');
    assert.deepEqual(phone.tasks[1].sent, ['["ping"]']);
  }
});

test('whoever gave up while waiting for its turn gets none', async () => {
  const phone = await new Platform().start();
  const sessions = [phone.session()];
  for (let more = 0; more < 5; more += 1) {
    sessions.at(-1).close();
    sessions.push(phone.session());
  }
  assert.equal(phone.tasks.length, 1);
  phone.tasks[0].on.close({});
  assert.equal(phone.tasks.length, 2, 'only the last one');
  phone.tasks[1].on.open({});
  assert.deepEqual(sessions.map(({ heard }) => heard.length), [0, 0, 0, 0, 0, 1]);
  sessions.at(-1).close();
  assert.equal(phone.tasks[1].asked, 1);
});

test('no task at all: it is told, later and once', async () => {
  const rows = [
    ['none is given', () => undefined],
    ['none is given, and a failure told', ({ fail }) => {
      fail({});
      return undefined;
    }],
    ['the call itself is refused', () => {
      throw new Error('no permission');
    }],
  ];
  for (const [what, refuse] of rows) {
    const phone = await new Platform({ refuse }).start();
    const session = phone.session();
    phone.advance(0);
    assert.deepEqual(session.heard, ['closed'], what);
    session.send('["ping"]');
    session.close();
    phone.rules = {};
    phone.session();
    phone.advance(2000);
    assert.equal(phone.tasks.length, 1, `${what}: the next attempt`);
  }
});

test('a line that takes no message is over at once', async () => {
  const rows = [
    ['told within the call', ({ fail }) => fail({})],
    ['thrown', () => {
      throw new Error('the socket is closed');
    }],
  ];
  for (const [what, send] of rows) {
    const phone = await new Platform({ send }).start();
    const session = phone.session();
    session.send('["hello"]');
    assert.deepEqual(phone.tasks[0].sent, [], 'not before it is open');
    phone.tasks[0].on.open({});
    session.send('["ping"]');
    session.send('["ping"]');
    assert.deepEqual(session.heard, ['opened'], `${what}: not within send()`);
    phone.advance(0);
    assert.deepEqual(session.heard, ['opened', 'closed'], what);
    assert.ok(phone.tasks[0].asked, 'and the server hears of it, if it can');
    phone.tasks[0].on.message({ data: '["pong"]' });
    session.send('["ping"]');
    assert.deepEqual(session.heard, ['opened', 'closed'], what);
    assert.equal(phone.tasks[0].sent.length, 2);
  }
});

test('a close that fails because it came too early is asked for again', async () => {
  const phone = await new Platform({ close: ({ fail }) => fail({}) }).start();
  const session = phone.session();
  session.close();
  assert.equal(phone.tasks[0].asked, 1);
  phone.rules = {
    close: () => {
      throw new Error('not open');
    },
  };
  phone.tasks[0].on.open({});
  assert.equal(phone.tasks[0].asked, 2);
  phone.tasks[0].on.message({ data: '["hi"]' });
  assert.deepEqual(session.heard, []);
});

test('only text is a message', async () => {
  const phone = await new Platform().start();
  const session = phone.session();
  phone.tasks[0].on.open({});
  [new ArrayBuffer(2), undefined, 7, '["pong"]'].forEach((data) => phone.tasks[0].on.message({ data }));
  assert.deepEqual(session.heard, ['opened', 'received ["pong"]']);
});

test('a clock that never goes back, whatever the time of day does', async () => {
  let day = 1e12;
  const { guarded, now } = await load('lib/clock.js', { Date: { now: () => day } });
  const clock = guarded(() => day);
  const rows = [
    // [the time of day changes by, the clock by]
    [0, 0], [1000, 1000], [-3600000, 0], [20, 20], [-1, 0], [0, 0], [3600000, 3600000],
  ];
  for (const [change, passes] of rows) {
    const before = [clock(), now()];
    day += change;
    assert.deepEqual([clock() - before[0], now() - before[1]], [passes, passes], `${change} ms`);
  }
  // Where there is a clock that nobody can set, it is that one.
  const { now: better } = await load('lib/clock.js', {
    Date: { now: () => day }, performance: { now: () => 17.5 },
  });
  assert.equal(better(), 17.5);
  // Something of that name that is none does no harm.
  const { now: other } = await load('lib/clock.js', {
    Date: { now: () => day }, performance: { mark() {} },
  });
  other();
  day += 5;
  assert.equal(other(), 5);
});

test('looking inside knows every event of the contract, and keeps nothing unasked', async () => {
  const { meaning, recorder } = await load('lib/inside.js', {});
  const reference = readFileSync(`${ROOT}../../wire/reference.md`, 'utf8');
  const unknown = meaning('←', '["nobody"]');
  for (const [way, title] of [['→', 'Events of the client'], ['←', 'Events of the server']]) {
    const part = reference.split(`## ${title}\n`)[1].split('\n## ')[0];
    const names = [...part.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    assert.ok(names.length >= 7, title);
    for (const name of names) assert.notEqual(meaning(way, `["${name}",{}]`), unknown, `${way} ${name}`);
  }
  for (const text of ['', '{}', '[]', '[1]', '["toString"]', '["__proto__"]', 'x'.repeat(9)]) {
    assert.equal(meaning('→', text), unknown, text);
  }
  let at = 0;
  let changes = 0;
  const recorded = recorder(() => at, () => {
    changes += 1;
  });
  let handlers;
  const sent = [];
  const connect = recorded.wrap((given) => {
    handlers = given;
    return { send: (text) => sent.push(text), close() {} };
  });
  const heard = [];
  const socket = connect({
    opened: () => heard.push('opened'), received: (text) => heard.push(text), closed: () => heard.push('closed'),
  });
  handlers.opened();
  handlers.received('["hi",{"session":"abcdefgh"}]');
  assert.deepEqual([recorded.lines().length, changes], [0, 0]);
  assert.equal(recorded.send('["ping"]'), false, 'nobody looks');
  recorded.turn(true);
  at = 20;
  handlers.received('["hi",{"session":"abcdefgh"}]');
  at = 50;
  socket.send('["hello",{"session":"abcdefgh","token":"eyJhbGc"}]');
  const told = () => Array.from(recorded.lines(), ({ way, text, ms }) => `${way} ${text} ${ms}`);
  assert.deepEqual(told(), [
    '→ ["hello",{"session":"abcd…","token":"eyJh…"}] 30', '← ["hi",{"session":"abcd…"}] 0',
  ]);
  assert.equal(sent.at(-1), '["hello",{"session":"abcdefgh","token":"eyJhbGc"}]', 'what travels is whole');
  assert.equal(recorded.send('typed'), true);
  assert.equal(sent.at(-1), 'typed');
  for (let more = 0; more < 300; more += 1) handlers.received(`["movement","${'x'.repeat(1000)}"]`);
  assert.ok(recorded.lines().length <= 100 && recorded.lines()[0].text.length <= 601);
  handlers.closed();
  assert.equal(recorded.send('["ping"]'), false, 'there is no line');
  assert.deepEqual([heard[0], heard.at(-1)], ['opened', 'closed']);
  recorded.turn(false);
  assert.deepEqual(told(), []);
});
