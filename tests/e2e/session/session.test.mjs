// The shared session on a virtual clock: every test is a table of what happens and what follows.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Bench, HI, ME, result, room, start, user } from './bench.mjs';

const names = (events) => events.map(([name]) => name);
/** Only the named fields. */
const view = (from, fields) => Object.fromEntries(Object.keys(fields).map((key) => [key, from[key]]));

test('hello names the player, version 2, and the session of an earlier page', () => {
  for (const [token, session] of [[undefined, {}], ['old', { session: 'old' }]]) {
    const bench = new Bench({ token });
    bench.game.open();
    assert.deepEqual(bench.sent(), [], 'nothing before the socket is open');
    bench.socket.handlers.opened();
    assert.deepEqual(bench.sent(), [
      ['hello', { user: { uname: 'Ada', uavatar: 'builtin:2' }, v: 2, ...session }], ['ping'],
    ]);
    bench.says('hi', HI);
    assert.deepEqual(bench.tokens, ['token-1']);
    assert.equal(bench.state.link, 'online');
  }
});

test('a signed token goes with every hello, and one that is none is no news for the player', () => {
  let signed = '';
  const bench = new Bench({ token: 'old', signed: () => signed });
  bench.game.open();
  bench.socket.handlers.opened();
  assert.equal('token' in bench.sent()[0][1], false);
  bench.says('hi', HI);
  bench.says('problem', { code: 'bad-token', message: 'its claim exp', event: 'hello' });
  bench.says('pong');
  assert.deepEqual([bench.state.link, bench.state.phase, bench.state.note], ['online', 'free', '']);
  // It is asked for anew by each connection. Then the session is the person's: mine stays for later.
  signed = 'a.b.c';
  bench.breaks();
  bench.retry();
  bench.socket.handlers.opened();
  assert.equal(bench.sent()[0][1].token, 'a.b.c');
  bench.says('hi', { ...HI, session: 'hers', resumed: true, totalScore: 7 });
  bench.says('pong');
  assert.deepEqual(bench.tokens, ['token-1', 'hers beside']);
  assert.equal(bench.state.me.totalScore, 7);
  // The store was away and says only now who I am.
  bench.says('hi', { ...HI, uid: 'p-her', session: 'hers-too', resumed: true, totalScore: 9 });
  assert.deepEqual([bench.tokens.at(-1), bench.state.me.uid], ['hers-too', 'p-her']);
  bench.returns();
  assert.deepEqual(bench.sent(), []);
});

test('what a signed token calls me is what I am shown, until a hello says otherwise', () => {
  let signed = 'a.b.c';
  const bench = new Bench({ signed: () => signed });
  bench.game.open();
  bench.socket.handlers.opened();
  bench.says('hi', { ...HI, uname: 'Dr Ann', uavatar: '', board: true });
  bench.says('pong');
  assert.deepEqual([bench.state.named, bench.state.signed], [{ uname: 'Dr Ann', uavatar: '' }, true]);
  bench.says('hi', { ...HI, uavatar: 'builtin:3', uname: 7 });
  assert.deepEqual(bench.state.named, { uavatar: 'builtin:3' });
  // The next connection's token is none, and then there is no token.
  bench.returns();
  assert.deepEqual(bench.state.named, {});
  bench.says('problem', { code: 'bad-token', message: 'its claim exp', event: 'hello' });
  assert.equal(bench.state.signed, false);
  signed = '';
  bench.returns();
  assert.equal(bench.state.signed, false);
});

test('who is refused at the door goes on without a name, and says so if that is refused, too', () => {
  const refused = (bench) => {
    bench.says('problem', { code: 'bad-payload', message: 'no', event: 'hello' });
    bench.says('problem', { code: 'unknown-event', message: 'no', event: 'ping' });
  };
  const bench = new Bench({ token: 'old' });
  bench.game.open();
  bench.socket.handlers.opened();
  bench.sent();
  refused(bench);
  assert.deepEqual(bench.sent(), [['hello', { user: {}, v: 2, session: 'old' }], ['ping']]);
  assert.deepEqual([bench.state.link, bench.state.note], ['connecting', '']);
  bench.says('hi', HI);
  bench.says('pong');
  assert.deepEqual([bench.state.link, bench.state.phase, bench.state.note], ['online', 'free', '']);
  // The pongs are counted right: what comes after leaving counts again once its own is here.
  bench.game.play();
  bench.game.leave();
  bench.advance(6000);
  bench.says('pong');
  bench.game.play();
  bench.says('start', start());
  assert.equal(bench.state.phase, 'playing');
  // The next connection says the name again, and one that is refused twice says why.
  bench.breaks();
  bench.retry();
  bench.socket.handlers.opened();
  assert.deepEqual(bench.sent()[0][1].user, { uname: 'Ada', uavatar: 'builtin:2' });
  refused(bench);
  refused(bench);
  assert.deepEqual([bench.state.link, bench.state.reason], ['stopped', 'bad-payload']);
  assert.equal(bench.socket.open, false);
  bench.game.comeBack();
  bench.online();
  assert.equal(bench.state.link, 'online');
});

test('back-off doubles to half a minute, with full jitter', () => {
  const most = [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000];
  for (const random of [0, 0.25, 0.999]) {
    const bench = new Bench({ random: () => random });
    bench.game.open();
    most.forEach((ms, index) => {
      bench.breaks();
      assert.equal(bench.state.link, 'retrying');
      const before = bench.now;
      const wait = random * ms;
      bench.advance(Math.ceil(wait));
      assert.equal(bench.sockets.length, index + 2, `attempt ${index + 2} after ${ms}`);
      assert.ok(Math.abs(bench.socket.at - before - wait) < 1e-6);
    });
  }
});

test('a connection that lasted starts the back-off afresh, a short one does not', () => {
  for (const [lasted, most] of [[4999, 4000], [5000, 1000]]) {
    const bench = new Bench({ random: () => 1 });
    bench.game.open();
    bench.breaks();
    bench.advance(1000);
    bench.breaks();
    bench.advance(2000);
    bench.online();
    bench.advance(lasted);
    bench.breaks();
    // The attempt that succeeded counts, too.
    const expected = most === 1000 ? 500 : 4000;
    bench.advance(expected - 1);
    assert.equal(bench.sockets.length, 3, `after ${lasted}`);
    bench.advance(1);
    assert.equal(bench.sockets.length, 4, `after ${lasted}`);
  }
});

test('bye decides, whatever the socket says afterwards', () => {
  const rows = [
    [{ code: 1012, reason: 'restart', retry_ms: 1800 }, 'retrying', 1800],
    [{ code: 1012, reason: 'restart', retry_ms: 0 }, 'retrying', 0],
    [{ code: 4002, reason: 'timeout', retry_ms: -5 }, 'retrying', 0],
    [{ code: 1012, reason: 'restart', retry_ms: 1e12 }, 'retrying', 600000],
    [{ code: 4001, reason: 'taken-over' }, 'stopped', null],
    [{ code: 4408, reason: 'no-hello' }, 'stopped', null],
    [{ code: 1008, reason: 'too-fast', retry_ms: 'soon' }, 'stopped', null],
  ];
  for (const [bye, link, wait] of rows) {
    const bench = new Bench().online();
    const { handlers } = bench.socket;
    bench.says('bye', bye);
    handlers.closed();
    assert.deepEqual([bench.state.link, bench.state.reason], [link, bye.reason]);
    assert.equal(bench.socket.open, false);
    if (wait === null) {
      bench.advance(3600000);
      bench.game.wake();
      assert.equal(bench.sockets.length, 1, 'it stays away');
      bench.game.comeBack();
    } else {
      bench.game.wake();
      bench.advance(Math.max(wait - 1, 0));
      assert.equal(bench.sockets.length, wait ? 1 : 2, 'not before its time, not even when woken');
      bench.advance(1);
    }
    assert.equal(bench.sockets.length, 2);
  }
});

test('what an old socket still says does not count', () => {
  const bench = new Bench().online();
  const old = bench.socket.handlers;
  bench.breaks();
  bench.advance(1000);
  bench.online({ resumed: true });
  old.received(JSON.stringify(['bye', { reason: 'restart' }]));
  old.opened();
  old.closed();
  assert.equal(bench.state.link, 'online');
  assert.equal(bench.sockets.length, 2);
});

test('silence ends a connection, any word keeps it', () => {
  const rows = [
    ['no socket', (bench) => bench.game.open(), 10000],
    ['no answer to hello', (bench) => {
      bench.game.open();
      bench.socket.handlers.opened();
    }, 10000],
    ['no answer to a ping', (bench) => bench.online(), 30000],
    ['no answer after waking', (bench) => {
      bench.online();
      bench.advance(1000);
      bench.game.wake();
    }, 3000],
  ];
  for (const [what, begin, ms] of rows) {
    const bench = new Bench({ random: () => 0.9 });
    begin(bench);
    bench.advance(ms - 1);
    assert.notEqual(bench.state.link, 'retrying', what);
    bench.advance(1);
    assert.equal(bench.state.link, 'retrying', what);
  }
  const bench = new Bench().online();
  for (let minute = 0; minute < 6; minute += 1) {
    bench.advance(20000);
    assert.deepEqual(bench.sent(), [['ping']]);
    bench.advance(9999);
    bench.says(minute % 2 ? 'pong' : 'movement', {});
    bench.advance(1);
    bench.game.wake();
    bench.says('pong');
    bench.sent();
  }
  assert.equal(bench.state.link, 'online');
  assert.equal(bench.sockets.length, 1);
});

test('away is said, and kept quiet about, until somebody looks', () => {
  const bench = new Bench().online();
  bench.game.away();
  bench.game.away();
  bench.advance(600000);
  assert.deepEqual(bench.sent(), [['away']], 'a ping would take it back');
  assert.equal(bench.state.link, 'online');
  bench.game.wake();
  assert.deepEqual(bench.sent(), [['ping']]);
  bench.says('pong');
  bench.game.away();
  bench.returns();
  assert.deepEqual(bench.sent(), [['away']], 'a new connection is away as well');
  bench.breaks();
  const { length } = bench.sockets;
  bench.game.wake();
  assert.equal(bench.sockets.length, length + 1, 'waking goes before the back-off');
});

test('woken while it connects: what hangs is begun again, what has just begun is left alone', () => {
  for (const [passed, opened, again] of [
    [0, false, 0], [2999, false, 0], [3000, false, 1], [9999, true, 1],
  ]) {
    const bench = new Bench();
    bench.game.wake();
    assert.equal(bench.sockets.length, 0, 'nobody has asked for a connection yet');
    bench.game.open();
    if (opened) bench.socket.handlers.opened();
    const first = bench.socket;
    bench.advance(passed);
    bench.game.wake();
    assert.equal(bench.sockets.length, 1 + again, `after ${passed} ms`);
    assert.equal(first.open, !again);
    bench.game.wake();
    assert.equal(bench.sockets.length, 1 + again, 'once');
  }
});

test('a refused connection asks why', () => {
  const rows = [
    ['full, come back in a moment\n', 'full'],
    ['restarting, come back in a moment\n', 'restart'],
    ['too many connections from your address\n', 'too many'],
    ['Bad gateway', 'lost'], ['', 'lost'],
  ];
  for (const [why, reason] of rows) {
    const bench = new Bench({ probe: (told) => told(why), random: () => 0.9 });
    bench.game.open();
    bench.breaks();
    assert.equal(bench.state.reason, reason);
  }
  // After a restart was announced, a silent server is restarting; at last it is just gone.
  const bench = new Bench({ probe: (told) => told('') });
  bench.online();
  bench.says('bye', { reason: 'restart', retry_ms: 100 });
  const reasons = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    bench.retry();
    bench.breaks();
    reasons.push(bench.state.reason);
  }
  assert.equal(reasons[0], 'restart');
  assert.equal(reasons.at(-1), 'lost');
});

test('quick clicks become few messages, and the last one arrives', () => {
  const rows = [
    // [clicks as [ms, choice], sent as [ms, choice]]
    [[[0, 1]], [[0, 1]]],
    [[[0, 1], [10, 2], [20, 3]], [[0, 1], [120, 3]]],
    [[[0, 1], [10, 2], [20, 1]], [[0, 1], [120, 1]]],
    [[[0, 1], [130, 2]], [[0, 1], [130, 2]]],
    [[[0, 1], [60, 2], [180, 3], [200, 1]], [[0, 1], [120, 2], [240, 1]]],
    // Half a second before the end nothing waits.
    [[[2490, 1], [2505, 2], [2990, 3]], [[2490, 1], [2505, 2], [2990, 3]]],
    // What is over is over.
    [[[0, 1], [3100, 2]], [[0, 1]]],
  ];
  for (const [clicks, wanted] of rows) {
    const bench = new Bench().online({}, ['room', room([user(ME), user('bob')])], ['start', start()]);
    const zero = bench.now;
    let over = false;
    for (const [at, choice] of clicks) {
      bench.advance(zero + at - bench.now);
      if (at > 3000 && !over) {
        bench.says('result', result());
        over = true;
      }
      bench.game.choose(choice);
    }
    bench.advance(5000);
    const sent = bench.socket.sent.filter(({ event }) => event[0] === 'choice')
      .map(({ at, event }) => [at - zero, event[1].choice]);
    assert.deepEqual(sent, wanted, JSON.stringify(clicks));
  }
});

test('faces are for those who can see them', () => {
  const robot = user('robot-1', { robot: true });
  const rows = [
    ['nobody', [], false],
    ['a round', [['room', room([user(ME), user('bob')])], ['start', start()]], true],
    ['after it', [['room', room([user(ME), user('bob')])], ['start', start()],
      ['result', result()]], true],
    ['left', [['room', room([user(ME), user('bob')])], ['start', start()],
      ['leave', { uid: 'bob' }]], false],
    ['a robot gone', [['room', room([user(ME), robot])], ['start', start('robot-1')],
      ['result', result({}, {}, 'robot-1')]], false],
  ];
  for (const [what, events, seen] of rows) {
    const bench = new Bench().online();
    events.forEach(([name, payload]) => bench.says(name, payload));
    assert.equal(bench.game.face(1), seen, what);
    assert.equal(names(bench.sent()).includes('face'), seen, what);
  }
});

/**
 * Plays steps: ['play', wish] and other methods are what the player does, ['<name', payload] what
 * the server says, { … } what the state has to be, ['>', …] what has to have been sent; 'breaks',
 * 'online' and 'returns' are the connection's.
 */
function walk(bench, steps) {
  steps.forEach((step, index) => {
    const where = `step ${index}: ${JSON.stringify(step)}`;
    if (!Array.isArray(step)) {
      assert.deepEqual(view({
        ...bench.state, there: bench.state.other?.present, left: bench.state.other?.left, streak: bench.state.me.winStreak,
      }, step), step, where);
    } else if (step[0] === '>') {
      assert.deepEqual(bench.sent(), step.slice(1), where);
    } else if (['online', 'returns', 'breaks'].includes(step[0])) {
      bench[step[0]](...step.slice(1));
    } else if (step[0].startsWith('<')) {
      bench.says(step[0].slice(1), step[1]);
    } else {
      bench.game[step[0]](...step.slice(1));
    }
  });
}
const play = (title, steps) => test(title, () => walk(new Bench().online(), steps));

const two = (mine = {}, theirs = {}, code) => room([user(ME, mine), user('bob', theirs)], code);
const met = [['play'], ['<room', room([user(ME)])], ['<room', two()], ['<start', start()]];

play('a game of two rounds', [
  { phase: 'free' }, ['play'], ['>', ['join']], { phase: 'waiting', friend: false },
  ['<room', room([user(ME)])], { phase: 'waiting' },
  ['<room', two()], { phase: 'waiting', there: true },
  ['<start', start()], { phase: 'playing', endsAt: 3000 },
  ['choose', 2], ['>', ['choice', { choice: 2 }]],
  ['<movement', { uid: 'bob', movement: 'choice' }],
  ['<result', result({ roundScore: 1, totalScore: 1, winStreak: 1, choice: 2 }, { choice: 1 })],
  { phase: 'between', outcome: 'win', again: false },
  ['<room', two({ ready: false }, { ready: false })], { phase: 'between' },
  ['play'], ['>', ['join']], { again: true, phase: 'between' },
  ['<room', two({}, { ready: false })], { again: true },
  ['<room', two()], { again: true },
  ['<start', start()], { phase: 'playing', outcome: '', again: false },
  ['leave'], ['>', ['leave'], ['ping']], { phase: 'free', other: null },
]);
play('the words of a result', [
  ...met, ['<result', result({}, { roundScore: 2, choice: 3 })], { outcome: 'lose' },
  ['<start', start()], ['<result', result({ choice: 1 }, { choice: 1 })], { outcome: 'draw' },
  ['<result', result({ roundScore: 1 })], { outcome: 'draw' },
]);
play('the other one leaves while I wait for it: I look for somebody else', [
  ...met, ['<result', result()], ['<room', two({ ready: false }, { ready: false })],
  ['play'], ['<leave', { uid: 'bob' }], { phase: 'waiting', note: 'left' },
  ['>', ['join'], ['join'], ['join']],
]);
play('the other one leaves while I think', [
  ...met, ['<result', result()], ['<leave', { uid: 'bob' }],
  { phase: 'between', there: false, again: false }, ['play'], { phase: 'waiting' },
]);
play('a new opponent', [
  ...met, ['<result', result()], ['>', ['join']], ['play', { new: true }],
  ['>', ['join', { new: true }]], { phase: 'waiting', other: null },
]);
play('a private room: made, entered, left by the friend, entered again', [
  ['play', { room: 'new' }], { phase: 'waiting', friend: true, code: '' },
  ['<room', room([user(ME)], 'K7M2QX')], { phase: 'waiting', code: 'K7M2QX', friend: true },
  ['<room', two({}, {}, 'K7M2QX')], ['<start', start()], { phase: 'playing', code: 'K7M2QX' },
  ['<result', result({ roundScore: 1 })],
  ['<room', two({ ready: false }, { ready: false }, 'K7M2QX')], { phase: 'between', again: false },
  ['play'], ['>', ['join', { room: 'new' }], ['join']],
  ['<leave', { uid: 'bob' }], ['<room', room([user(ME)], 'K7M2QX')],
  { phase: 'between', there: false, again: false, code: 'K7M2QX', outcome: 'win' },
  ['>'],
  ['<room', room([user(ME), user('cy')], 'K7M2QX')], { outcome: '', there: true },
  ['<start', start('cy')], { phase: 'playing' },
]);
play('a friend is greeted, and the first round waits until both have tapped a hand', [
  ['play', { room: 'new', ready: false }],
  ['<room', room([user(ME, { ready: false })], 'K7M2QX')], { phase: 'waiting', code: 'K7M2QX' },
  ['<room', two({ ready: false }, { ready: false }, 'K7M2QX')],
  { phase: 'between', outcome: '', again: false, there: true },
  ['<room', two({ ready: false }, {}, 'K7M2QX')], { phase: 'between', again: false },
  ['choose', 2], { phase: 'between', again: true, next: 2 },
  ['>', ['join', { room: 'new', ready: false }], ['join']],
  ['<room', two({}, {}, 'K7M2QX')], ['<start', start()],
  { phase: 'playing' }, ['>', ['choice', { choice: 2 }]],
]);
play('a friend that left and is back is greeted again', [
  ['play', { room: 'new' }], ['<room', two({}, {}, 'K7M2QX')], ['<start', start()],
  ['<result', result({ roundScore: 1 })], ['<room', two({ ready: false }, { ready: false }, 'K7M2QX')],
  ['<leave', { uid: 'bob' }], ['<room', room([user(ME, { ready: false })], 'K7M2QX')],
  { there: false, left: true, outcome: 'win' },
  ['<room', two({ ready: false }, { ready: false }, 'K7M2QX')],
  { there: true, left: false, outcome: '', phase: 'between' },
]);
play('a friend comes while I am away: it waits', [
  ['play', { room: 'k7m2qx' }], ['<room', two({}, { online: false, ready: false }, 'K7M2QX')],
  { phase: 'between', outcome: '', again: true, code: 'K7M2QX' },
  ['<room', two({}, {}, 'K7M2QX')], ['<start', start()], { phase: 'playing' },
]);
play('a room that is not there, or full, or ends', [
  ['play', { room: 'AAAAAA' }], ['<problem', { code: 'room-unknown', event: 'join' }],
  { phase: 'free', note: 'room-unknown', friend: false },
  ['>', ['join', { room: 'AAAAAA' }], ['leave'], ['ping']],
  ['play', { room: 'AAAAAA' }], ['<problem', { code: 'room-full', event: 'join' }],
  { phase: 'free', note: 'room-full' },
  ['play', { room: 'new' }], { note: '' }, ['<room', room([user(ME)], 'K7M2QX')],
  ['<problem', { code: 'room-unknown', event: 'join' }], { phase: 'free', code: '' },
]);
play('other problems', [
  ['play'], ['<problem', { code: 'draining', event: 'join' }], { phase: 'free', note: 'draining' },
  ...met, ['<problem', { code: 'too-fast', event: 'choice' }], { phase: 'playing' },
  ['<problem', { code: 'already-playing', event: 'join' }], { phase: 'playing', note: 'too-fast' },
]);
play('lost in the lobby, resumed there: the place is still mine', [
  ['play'], ['<room', room([user(ME)])],
  ['returns', {}, ['room', room([user(ME)])]], { phase: 'waiting' }, ['>', ['join']],
]);
play('lost in mid-round, resumed in it', [
  ...met, ['choose', 3],
  ['returns', {}, ['room', two()], ['start', start('bob', { choice: 3 }, 2)]],
  { phase: 'playing' }, ['>'],
]);
play('lost in mid-round, back after its end', [
  ...met, ['returns', {}, ['room', two({ ready: false }, { ready: false })],
    ['result', result({ roundScore: 1 }, { choice: 1 })]],
  { phase: 'between', outcome: 'win', there: true }, ['>'],
]);
play('lost in mid-round, back when the other one is gone', [
  ...met, ['returns', {}, ['result', result({ roundScore: 1 })]],
  { phase: 'between', outcome: 'win', there: false },
]);
play('lost while waiting for the next round: I am ready again', [
  ...met, ['<result', result()], ['<room', two({ ready: false }, { ready: false })], ['play'],
  ['returns', {}, ['room', two({ ready: false }, {})]], ['>', ['join']], { again: true },
]);
play('lost in a private room, alone: the seat is still mine', [
  ['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')],
  ['returns', {}, ['room', room([user(ME)], 'K7M2QX')]],
  { phase: 'waiting', code: 'K7M2QX' }, ['>'],
]);
play('lost in a private room after a round: only the player says again', [
  ['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')],
  ['<room', two({}, {}, 'K7M2QX')], ['<start', start()], ['<result', result()],
  ['returns', {}, ['room', two({ ready: false }, { ready: false }, 'K7M2QX')]],
  { phase: 'between', again: false }, ['>'],
]);
play('the server forgot me in a private room: I ask for the same one', [
  ['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')],
  ['returns', { resumed: false, session: 'token-2' }],
  ['>', ['join', { room: 'K7M2QX', ready: false }]], { phase: 'waiting', friend: true },
]);
play('a hand tapped before there was a connection goes out when the round begins', [
  ['breaks'], ['choose', 2], { phase: 'waiting', next: 2 },
  ['returns'], ['>', ['join']], { phase: 'waiting', next: 2 },
  ['<room', two()], ['<start', start()], ['>', ['choice', { choice: 2 }]], { next: null },
]);
play('a friend\'s link after a hand, before there was a connection: the hand was not for the friend', [
  ['breaks'], ['choose', 2], ['play', { room: 'K7M2QX' }], { next: null },
  ['returns'], ['>', ['join', { room: 'K7M2QX' }]], { next: null },
]);
play('asked while there was no connection', [
  ['breaks'], ['play'], { phase: 'waiting', link: 'retrying' },
  ['returns'], ['>', ['join']], { phase: 'waiting' },
]);
// What a new page does with a link: it asks before it knows where the server still has me.
const resumes = (wish, code) => [
  ['breaks'], ['play', wish], { phase: 'waiting' },
  ['returns', {}, ['room', two({}, {}, code)], ['start', start()]],
];
play('a friend\'s link, and a round still runs: the link goes before it', [
  ...resumes({ room: 'k7m2qx' }), ['>', ['leave'], ['ping'], ['join', { room: 'k7m2qx' }]],
  { phase: 'waiting', friend: true, code: '', other: null },
  ['<result', result()], ['<room', room([user(ME)])], { phase: 'waiting', outcome: '' },
  ['<pong'], ['<room', two({}, {}, 'K7M2QX')], ['<start', start()],
  { phase: 'playing', code: 'K7M2QX' }, ['>'], ['returns', {},
    ['room', two({}, {}, 'K7M2QX')], ['start', start()]], { phase: 'playing' }, ['>'],
]);
play('a friend\'s link, and a round runs in another private room', [
  ...resumes({ room: 'K7M2QX' }, 'AAAAAA'),
  ['>', ['leave'], ['ping'], ['join', { room: 'K7M2QX' }]], { phase: 'waiting', code: '' },
]);
play('a friend\'s link in mid-round, and the connection breaks at once: once more', [
  ...resumes({ room: 'K7M2QX' }), ['returns', {}, ['room', two()], ['start', start()]],
  ['>', ['leave'], ['ping']], ['<pong'], ['>', ['join', { room: 'K7M2QX' }]],
  { phase: 'waiting', friend: true },
]);
for (const [what, wish, code] of [
  ['the link of the room that it runs in', { room: 'k7m2qx' }, 'K7M2QX'],
  ['the wish for a room of my own', { room: 'new' }],
  ['the wish for another opponent', { new: true }],
  ['the wish for any round'],
]) {
  play(`a round still runs: ${what} leaves me there`, [
    ...resumes(wish, code), ['>'], { phase: 'playing', there: true },
  ]);
}
// Leaving is done when the pong behind it has come: what was on its way before does not count.
const left = [['>', ['leave'], ['ping']], { phase: 'free', other: null, code: '' }];
play('cancelled in the moment of meeting', [
  ['play'], ['<room', room([user(ME)])], ['>', ['join']], ['leave'], ...left,
  ['<room', two()], ['<start', start()], { phase: 'free', other: null },
  ['<pong'], ['<room', two()], ['<start', start()], { phase: 'playing' },
]);
play('who gives up loses the streak, who leaves afterwards keeps it', [
  ...met, ['<result', result({ roundScore: 2, totalScore: 3, winStreak: 2 })], { streak: 2 },
  ['leave'], ['<pong'], { streak: 2 }, ['play'], ['<start', start('cy', { winStreak: 2 })],
  ['leave'], { streak: 0 },
]);
play('left and started again at once: only the second round counts', [
  ...met, ['>', ['join']], ['leave'], ['play'], ['>', ['leave'], ['ping'], ['join']],
  ['<result', result({ roundScore: 1 })], { phase: 'waiting', outcome: '' },
  ['<pong'], ['<room', two()], ['<start', start()], { phase: 'playing' },
]);
play('left while an earlier ping is unanswered: its pong is another one', [
  ['play'], ['wake'], ['>', ['join'], ['ping']], ['leave'], ...left,
  ['<pong'], ['<start', start()], { phase: 'free' },
  ['<pong'], ['<start', start()], { phase: 'playing' },
]);
const offline = [
  ['the lobby', [['play'], ['<room', room([user(ME)])]], [['room', room([user(ME)])]]],
  ['a round', met, [['room', two()], ['start', start()]]],
  ['a finished round', [...met, ['<result', result()]],
    [['room', two({ ready: false }, { ready: false })], ['result', result()]]],
  ['a private room', [['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')]],
    [['room', room([user(ME)], 'K7M2QX')]]],
];
for (const [where, before, resumed] of offline) {
  play(`left ${where} while there was no connection: it is said once there is one`, [
    ...before, ['breaks'], ['leave'], { phase: 'free', link: 'retrying' },
    ['returns', {}, ...resumed], ...left, ['<pong'], { phase: 'free', link: 'online' },
    ['returns'], ['>'], { phase: 'free' },
  ]);
  play(`left ${where} and asked for another round, both without a connection`, [
    ...before, ['breaks'], ['leave'], ['play'], { phase: 'waiting' },
    ['returns', {}, ...resumed], ['>', ['leave'], ['ping']], { phase: 'waiting', other: null },
    ['<pong'], ['>', ['join']], ['<room', room([user(ME)])], { phase: 'waiting', code: '' },
  ]);
  play(`left ${where}, and the connection broke before the server can have known`, [
    ...before, ['leave'], ['breaks'], ['returns', {}, ...resumed], ...left,
    ['<pong'], { phase: 'free' },
  ]);
}
test('left while there was no connection, and the page ended: the next one says it', () => {
  for (const [where, before, resumed] of offline) {
    const bench = new Bench().online();
    walk(bench, [...before, ['breaks'], ['leave']]);
    const token = bench.tokens.at(-1);
    const next = new Bench({ token }).online({ resumed: true }, ...resumed);
    assert.equal(next.socket.sent[0].event[1].session, 'token-1', where);
    // Until the server is known to know it, a third page would have to say it, too.
    assert.equal(next.tokens.at(-1), token, where);
    walk(next, [...left, ['<pong'], { phase: 'free' }]);
    assert.equal(next.tokens.at(-1), 'token-1', where);
    const forgotten = new Bench({ token }).online();
    walk(forgotten, [['>'], { phase: 'free', note: '' }]);
    assert.equal(forgotten.tokens.at(-1), 'token-1', where);
  }
});
play('left, but the server had forgotten me anyway', [
  ...met, ['breaks'], ['leave'], ['returns', { resumed: false }], ['>'], { phase: 'free', note: '' },
]);
play('left after the session was taken over: the seat is the other one\'s', [
  ...met, ['<bye', { code: 4001, reason: 'taken-over' }], ['leave'], ['comeBack'],
  ['online', { resumed: true }, ['room', two()], ['start', start()]], ['>'], { phase: 'playing' },
]);

// My own `leave`: what I had went while I was away or without a connection.
const absent = ['leave', { uid: ME, reason: 'absent' }];
const inRoom = [['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')],
  ['>', ['join', { room: 'new' }]]];
const back = [['>', ['away']], ['wake'], ['>', ['ping']], [`<${absent[0]}`, absent[1]]];
play('away for too long in the lobby: it is said, and nothing begins by itself', [
  ['play'], ['<room', room([user(ME)])], ['>', ['join']], ['away'], ...back,
  { phase: 'free', note: 'absent', again: false }, ['<pong'], ['>'], { phase: 'free', note: 'absent' },
  ['play'], ['>', ['join']], { phase: 'waiting', note: '' },
]);
play('away for too long in my own room: I ask for it again', [
  ...inRoom, ['away'], ...back, ['>', ['join', { room: 'K7M2QX', ready: false }]],
  { phase: 'waiting', friend: true }, ['<pong'], ['>'],
  ['<room', two({}, {}, 'K7M2QX')], ['<start', start()], { phase: 'playing', code: 'K7M2QX' },
]);
play('away for too long in my own room, and others sit there now: it is said', [
  ...inRoom, ['away'], ...back, ['>', ['join', { room: 'K7M2QX', ready: false }]],
  ['<problem', { code: 'room-full', event: 'join' }], { phase: 'free', note: 'room-full' },
]);
play('away when a round ended, and the seat went with it', [
  ...met, ['away'], ['<result', result({ roundScore: 1 })], ['<leave', { uid: 'bob' }],
  ['>', ['join'], ['away']], ['wake'], [`<${absent[0]}`, absent[1]], ['<pong'],
  { phase: 'between', outcome: 'win', there: false, note: '' }, ['>', ['ping']],
]);
play('without a connection for too long in the lobby: who looked all the time asks again', [
  ['play'], ['<room', room([user(ME)])], ['returns', {}, absent], ['>', ['join']],
  { phase: 'waiting', note: '' },
]);
play('away and then without a connection in the lobby: it is said', [
  ['play'], ['<room', room([user(ME)])], ['away'], ['breaks'], ['wake'], ['online',
    { resumed: true }, absent], ['>'], { phase: 'free', note: 'absent' },
]);
play('without a connection for too long in my own room: I ask for it again', [
  ...inRoom, ['returns', {}, absent], ['>', ['join', { room: 'K7M2QX', ready: false }]],
  { phase: 'waiting', friend: true },
]);
play('without a connection for too long between two rounds in a private room', [
  ...inRoom, ['<room', two({}, {}, 'K7M2QX')], ['<start', start()], ['<result', result()],
  ['<room', two({ ready: false }, { ready: false }, 'K7M2QX')], ['returns', {}, absent],
  ['>', ['join', { room: 'K7M2QX', ready: false }]], { phase: 'waiting', friend: true },
]);
play('without a connection when the round ended and the other one went', [
  ...met, ['returns', {}, ['result', result({ roundScore: 1 })], absent],
  { phase: 'between', outcome: 'win', there: false, note: '' }, ['>'],
]);
play('what was left behind is not missed', [
  ...inRoom, ['breaks'], ['leave'], ['returns', {}, absent], ...left, ['<pong'],
  { phase: 'free', note: '' }, ['>'],
]);
play('nobody looks while the connection comes back: what I wanted waits until somebody does', [
  ['play'], ['<room', room([user(ME)])], ['away'], ['returns', {}, ['room', room([user(ME)])]],
  ['>', ['away']], { phase: 'waiting' }, ['wake'], ['>', ['ping']], ['<pong'], ['>', ['join']],
  { phase: 'waiting' },
]);
play('forgotten in mid-round', [
  ...met, ['returns', { resumed: false }], { phase: 'free', note: 'forgotten', other: null }, ['>'],
]);

play('back before the store is: nothing is forgotten, and the points come with the next hi', [
  ...met, ['returns', { resumed: false, pending: true }],
  { phase: 'between', note: '', there: false, streak: 0 },
  ['<hi', { ...HI, resumed: true, totalScore: 9, winStreak: 4 }], { phase: 'between', streak: 4 },
]);

test('the token stays while the store is away, and goes when the session is erased', () => {
  const bench = new Bench({ token: 'mine' });
  bench.online({ session: 'mine', pending: true });
  bench.says('hi', { ...HI, session: 'mine', resumed: true, totalScore: 9, winStreak: 4 });
  assert.deepEqual([bench.state.me.totalScore, bench.state.me.winStreak], [9, 4]);
  assert.deepEqual([...new Set(bench.tokens)], ['mine']);
  bench.says('hi', { ...HI, session: 'fresh', uid: 'other' });
  assert.deepEqual([bench.state.me.uid, bench.state.me.totalScore], ['other', 0]);
  assert.equal(bench.tokens.at(-1), 'fresh');
});

test('what is no event of ours changes nothing and throws nothing', () => {
  const rows = ['', 'x', '1', 'null', '{}', '[]', '[1]', '["nobody"]', '["toString"]',
    '["__proto__",{}]', '["room"]', '["room",null]', '["room",{"users":[null]}]', '["start",7]',
    '["start",{"roomUsers":[]}]', '["result",{"result":7}]', '["movement",[]]', '["leave",""]'];
  for (const row of rows) {
    const bench = new Bench().online();
    met.slice(0, 1).forEach(([name]) => bench.game[name]());
    const before = JSON.stringify(bench.state);
    bench.socket.handlers.received(row);
    assert.equal(JSON.stringify(bench.state), before, row);
  }
});

// ---- From round to round ----

const robot = user('robot-1', { robot: true });
const over = [['<result', result()], ['<room', two({ ready: false }, { ready: false })]];

test('a hand between two rounds asks for the next one and goes out in it; a second tap changes it', () => {
  const bench = new Bench().online();
  walk(bench, [...met, ...over, ['>', ['join']]]);
  bench.advance(400);
  walk(bench, [
    ['choose', 1], ['>', ['join']], { again: true, next: 1, phase: 'between' },
    ['choose', 3], ['>'], { again: true, next: 3 },
    ['<room', two()], ['<start', start()],
    ['>', ['choice', { choice: 3 }]], { next: null, phase: 'playing' },
  ]);
  assert.equal(bench.state.me.choice, 3);
});

test('for 400 ms after a result a tap is none', () => {
  for (const [wait, sent] of [[0, []], [399, []], [400, [['join']]]]) {
    const bench = new Bench().online();
    walk(bench, [...met, ['>', ['join']], ...over]);
    bench.advance(wait);
    walk(bench, [['choose', 2], ['>', ...sent], { again: sent.length > 0 }]);
  }
});

test('a result that is told again to who is back makes no tap none', () => {
  for (const [began, sent] of [[[], [['join']]], [[['<start', start()]], []]]) {
    const bench = new Bench();
    bench.game.open();
    bench.socket.handlers.opened();
    bench.says('hi', { ...HI, resumed: true });
    walk(bench, [['<room', two({ ready: false }, { ready: false })], ...began, ['<result', result()], ['<pong']]);
    bench.sent();
    walk(bench, [['choose', 1], ['>', ...sent]]);
  }
});

test('a kept hand is for whom it was meant', () => {
  const between = [['<room', room([user(ME), robot])], ['<start', start('robot-1')],
    ['<result', result({}, {}, 'robot-1')]];
  const rows = [
    ['whoever comes first', [], 2, [['<room', two()], ['<start', start()]], true],
    ['the same one', [...met, ...over], 2, [['<room', two()], ['<start', start()]], true],
    ['it leaves, another one comes', [...met, ...over], 2,
      [['<leave', { uid: 'bob' }], ['<room', room([user(ME), user('cy')])], ['<start', start('cy')]],
      false],
    ['a robot after a robot', between, 2,
      [['<room', room([user(ME), user('robot-2', { robot: true })])], ['<start', start('robot-2')]],
      true],
    ['somebody after a robot', between, 2, [['<room', two()], ['<start', start()]], false],
    ['a round resumed with a choice', [], 2,
      [['<room', two()], ['<start', start('bob', { choice: 3 })]], false],
  ];
  for (const [what, before, choice, after, goes] of rows) {
    const bench = new Bench().online();
    walk(bench, before);
    bench.advance(400);
    walk(bench, [['choose', choice], ...after]);
    assert.equal(names(bench.sent()).includes('choice'), goes, what);
    assert.equal(bench.state.next, null, what);
  }
});

play('a hand kept while a friend is waited for, and forgotten with the room', [
  ['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')], ['>', ['join', { room: 'new' }]],
  ['choose', 1], ['>'], { next: 1 }, ['leave'], { next: null },
]);
const neither = ['<room', two({ ready: false }, { ready: false }, 'K7M2QX')];
const goesOut = [['>', ['join']], { next: 1, again: true, phase: 'between' },
  ['<room', two({}, {}, 'K7M2QX')], ['<start', start()], ['>', ['choice', { choice: 1 }]], { next: null }];
play('a hand kept while a friend is waited for asks for the round when it comes', [
  ['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')], ['>', ['join', { room: 'new' }]],
  ['choose', 1], ['>'], { next: 1 }, neither, ...goesOut,
]);
play('a hand tapped before a friend\'s room is there asks for the round in it', [
  ['play', { room: 'K7M2QX' }], ['>', ['join', { room: 'K7M2QX' }]],
  ['choose', 1], ['>'], { next: 1 }, neither, ...goesOut,
]);
test('a hand tapped while the server still shows another room asks for the round where the link leads', () => {
  const rows = [
    ['AAAAAA', [['join', { room: 'K7M2QX' }]], { code: '', phase: 'waiting', next: 1 }],
    ['K7M2QX', [['join']], { code: 'K7M2QX', phase: 'between', again: true, next: 1 }],
  ];
  for (const [code, sent, then] of rows) {
    const bench = new Bench();
    bench.game.open();
    bench.game.play({ room: 'K7M2QX' });
    bench.socket.handlers.opened();
    bench.says('hi', { ...HI, resumed: true });
    walk(bench, [['<room', two({ ready: false }, { ready: false }, code)], ['choose', 1]]);
    bench.sent();
    walk(bench, [['<pong'], ['>', ...sent], then]);
    if (code === 'AAAAAA') walk(bench, [neither, ...goesOut]);
  }
});
play('who looks elsewhere when the friend comes is asked when he is back', [
  ['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')], ['choose', 1], ['away'], neither,
  { next: 1, again: false },
]);

// ---- Leaving, and undoing it ----

test('leaving can be undone for five seconds, in which the seat waits', () => {
  const bench = new Bench().online();
  walk(bench, [
    ['play', { room: 'new' }], ['<room', room([user(ME)], 'K7M2QX')], ['>', ['join', { room: 'new' }]],
    ['leaveSoon'], ['>', ['away']], { leaving: true, code: 'K7M2QX', phase: 'waiting' },
  ]);
  bench.advance(4999);
  walk(bench, [
    { leaving: true }, ['wake'], ['>'], ['stay'], ['>', ['ping']],
    { leaving: false, code: 'K7M2QX', phase: 'waiting' }, ['<pong'],
  ]);
  bench.advance(6000);
  walk(bench, [['>'], { code: 'K7M2QX' }, ['leaveSoon'], ['>', ['away']]]);
  bench.advance(5000);
  walk(bench, [['>', ['leave'], ['ping']], { phase: 'free', leaving: false, code: '' }]);
  assert.equal(bench.events.at(-1).name, 'left');
  bench.says('pong');
  bench.advance(6000);
  assert.ok(!names(bench.sent()).includes('leave'), 'once');
});

test('who undoes it is ready again if it was', () => {
  const bench = new Bench().online();
  walk(bench, [
    ...met, ...over, ['play'], ['<room', two({}, { ready: false })], ['>', ['join'], ['join']],
    ['leaveSoon'], ['stay'], ['>', ['away'], ['ping'], ['join']], { again: true },
  ]);
});

test('a round that runs, or begins meanwhile, is not given up by leaving', () => {
  for (const begins of [false, true]) {
    const bench = new Bench().online();
    walk(bench, begins ? [['play'], ['leaveSoon'], ...met.slice(1)] : [...met, ['leaveSoon']]);
    bench.sent();
    bench.advance(3000);
    walk(bench, [{ phase: 'playing', streak: 0 }, ['<result', result({ winStreak: 4 })]]);
    bench.advance(2000);
    walk(bench, [['>', ['leave'], ['ping']], { phase: 'free', streak: 4 }]);
  }
});

test('a connection that is lost, a hand, and a new page each make leaving final', () => {
  const lost = new Bench().online();
  walk(lost, [...met, ...over, ['leaveSoon'], ['breaks'], { phase: 'free', leaving: false },
    ['returns', {}, ['room', two()]], ['>', ['leave'], ['ping']]]);
  const other = new Bench().online();
  walk(other, [...met, ...over, ['leaveSoon'], ['>', ['join'], ['away']], ['choose', 2],
    ['>', ['leave'], ['ping']]]);
  const page = new Bench().online();
  walk(page, [...met, ...over, ['leaveSoon']]);
  assert.equal(page.tokens.at(-1), 'token-1 left');
  page.game.stay();
  assert.equal(page.tokens.at(-1), 'token-1');
});

play('taken over while leaving: the seat is the other one\'s', [
  ...met, ...over, ['leaveSoon'], ['<bye', { code: 4001, reason: 'taken-over' }], ['comeBack'],
  ['online', { resumed: true }, ['room', two()]], ['>'], { leaving: false },
]);

test('after a restart nobody is said to have left', () => {
  for (const [bye, note] of [[{ reason: 'restart', retry_ms: 0 }, 'restarted'],
    [{ reason: 'timeout', retry_ms: 0 }, '']]) {
    const bench = new Bench().online();
    walk(bench, [...met, ...over, ['<bye', bye]]);
    bench.retry();
    bench.online({ resumed: true });
    walk(bench, [{ phase: 'between', there: false, note }]);
  }
});

test('of several servers it goes to the one where it was, else to that of its token', () => {
  const query = (token) => {
    const bench = new Bench({ token });
    bench.game.open();
    return bench.socket.query;
  };
  // Only of a server that is one of several a token has a full stop, and a code seven characters.
  assert.equal(query('b.23456789012345678901'), '?i=b');
  for (const token of [undefined, 'bx23456789012345678901', 'B.', '7.']) assert.equal(query(token), '', token);
  const bench = new Bench({ token: 'b.2345678901' });
  bench.online({ resumed: true, session: 'b.2345678901', instance: 'c' });
  bench.returns({ instance: 'd' });
  assert.equal(bench.socket.query, '?i=c');
  // Whoever is sent on is not led back, until somebody says where it is.
  bench.says('bye', { code: 1012, reason: 'gather', retry_ms: 7 });
  assert.deepEqual([bench.state.link, bench.state.reason], ['retrying', 'gather']);
  bench.retry();
  assert.equal(bench.socket.query, '');
  bench.breaks();
  bench.retry();
  assert.equal(bench.socket.query, '');
  bench.online({ resumed: true, instance: 'a' });
  bench.returns();
  assert.equal(bench.socket.query, '?i=a');
  // A server that is alone says nothing.
  bench.returns();
  assert.equal(bench.socket.query, '');
});

test('a room is looked for where its code begins, and where the server says that it is', () => {
  for (const [code, query] of [['BK7M2QX', '?i=b'], ['bk7m2qx', '?i=b'], ['K7M2QX', '?i=a'],
    ['LK7M2QX', '?i=a'], ['7K7M2QX', '?i=a'], ['new', '?i=a']]) {
    const bench = new Bench({ token: 'a.2345678901' });
    bench.game.play({ room: code });
    bench.game.open();
    assert.equal(bench.socket.query, query, code);
  }
  const elsewhere = (bench, instance) => bench
    .says('problem', { code: 'room-elsewhere', message: '', event: 'join', instance });
  const bench = new Bench().online({ instance: 'a' });
  bench.game.play({ room: 'bk7m2qx', ready: false });
  bench.sent();
  elsewhere(bench, 'c');
  assert.deepEqual([bench.sockets.length, bench.socket.query, bench.state.phase], [2, '?i=c', 'waiting']);
  assert.deepEqual(bench.sockets[0].sent.at(-1).event, ['leave']);
  bench.online({ resumed: true, instance: 'c' });
  assert.deepEqual(bench.sent(), [['join', { room: 'bk7m2qx', ready: false }]]);
  bench.says('room', room([user(ME), user('bob')], 'BK7M2QX'));
  assert.deepEqual([bench.state.code, bench.state.note], ['BK7M2QX', '']);
  // Where it sits it comes back to, whatever its code says.
  bench.returns({ instance: 'c' });
  assert.equal(bench.socket.query, '?i=c');
});

test('who is led in a circle asks again where it is, and at last says so', () => {
  const bench = new Bench().online({ instance: 'a' });
  const elsewhere = (instance) => bench
    .says('problem', { code: 'room-elsewhere', message: '', event: 'join', instance });
  const joins = () => bench.sent().filter(([name]) => name === 'join').length;
  bench.game.play({ room: 'BK7M2QX' });
  // That of its code, and that where it is said to be by then.
  for (const to of ['b', 'c']) {
    elsewhere(to);
    assert.equal(bench.socket.query, `?i=${to}`);
    bench.online({ resumed: true, instance: 'a' });
    assert.equal(joins(), 1);
  }
  // For longer than a server that is gone is taken for alive, and soon after that.
  for (let tried = 0; tried < 20; tried += 1) {
    elsewhere(['c', 'b', 'c'][tried % 3]);
    assert.deepEqual([bench.sockets.length, joins(), bench.state.phase], [3, 0, 'waiting']);
    bench.advance(500);
    assert.equal(joins(), 1);
  }
  elsewhere('c');
  assert.deepEqual([bench.state.phase, bench.state.note], ['free', 'room-elsewhere']);
  bench.advance(9000);
  assert.deepEqual([bench.sockets.length, joins()], [3, 0]);
  // The next one is looked for as the first.
  bench.says('pong');
  bench.game.play({ room: 'BK7M2QX' });
  elsewhere('b');
  assert.equal(bench.sockets.length, 4);
});

test('a private room is entered again by its code when its server is gone', () => {
  for (const ending of [(bench) => bench.breaks(),
    (bench) => bench.says('bye', { code: 1012, reason: 'restart', retry_ms: 0 }),
    (bench) => bench.says('bye', { code: 1012, reason: 'gather', retry_ms: 0 })]) {
    const bench = new Bench().online({ instance: 'b' });
    bench.game.play({ room: 'BK7M2QX' });
    walk(bench, [['<room', two({}, {}, 'BK7M2QX')], ['<start', start()],
      ['<result', result({ roundScore: 1 })],
      ['<room', two({ ready: false }, { ready: false }, 'BK7M2QX')]]);
    ending(bench);
    bench.retry();
    bench.online({ resumed: true, instance: 'a' });
    assert.deepEqual(bench.sent(), [['join', { room: 'BK7M2QX', ready: false }]]);
    assert.equal(bench.state.note, '');
  }
});

test('who is a new player elsewhere still finds the friend in their room', () => {
  const bench = new Bench().online({ instance: 'b' });
  bench.game.play({ room: 'BK7M2QX' });
  walk(bench, [['<room', two({}, {}, 'BK7M2QX')], ['<start', start()], ['breaks']]);
  bench.retry();
  bench.online({ resumed: false, session: 'token-2', instance: 'a' });
  assert.deepEqual(bench.sent(), [['join', { room: 'BK7M2QX', ready: false }]]);
  walk(bench, [{ phase: 'waiting', friend: true, note: '' }]);
});

test('a doubt about the network is settled within a second and a half', () => {
  // What was on its way when the line died settles nothing; a pong does.
  for (const [heard, after] of [[null, 1500], ['room', 2000], ['pong', null]]) {
    const bench = new Bench().online();
    bench.advance(1000);
    bench.game.doubt();
    bench.advance(500);
    if (heard) bench.says(heard, heard === 'room' ? room([user(ME)]) : undefined);
    bench.advance((after || 15000) - 501);
    assert.equal(bench.state.link, 'online');
    bench.advance(1);
    assert.equal(bench.state.link, after ? 'retrying' : 'online', `after ${heard}`);
  }
});

test('a board is what the server told of it last, and that it told nothing is no word to the player', () => {
  const bench = new Bench().online({ board: true });
  assert.equal(bench.state.board, true);
  const before = bench.socket.sent.length;
  bench.game.askBoard('week');
  assert.deepEqual(bench.socket.sent.slice(before).map(({ event }) => event),
    [['top', { board: 'week' }], ['rank', { board: 'week' }]]);
  bench.says('problem', { code: 'board-away', message: '', event: 'top' });
  assert.deepEqual([bench.state.boardAway, bench.state.note], [true, '']);
  const players = [{ place: 1, uid: 'bob', uname: 'Bob', uavatar: '', points: 7 }];
  bench.says('top', { board: 'week', players });
  assert.deepEqual([bench.state.boardAway, bench.state.boards], [false, { week: players }]);
  const rank = { board: 'week', place: 2, percent: null, points: 5, players };
  bench.says('rank', rank);
  assert.deepEqual(bench.state.ranks, { week: rank });
  // The next server may be another one.
  bench.online({ board: undefined });
  assert.equal(bench.state.board, false);
});

const source = readFileSync(new URL('../../../src/client/web/words.js', import.meta.url), 'utf8');
const { speaker, statusText } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

test('why a connection ended is said in words, whether it comes back or not', () => {
  const rows = [
    [{ code: 1012, reason: 'restart', retry_ms: 1800 }, /restarting/, /重启/],
    [{ code: 1008, reason: 'too-fast', retry_ms: 60000 }, /Too many come from your address/, /太多人/],
    [{ code: 4002, reason: 'timeout', retry_ms: 0 }, /Connection lost/, /已断开/],
    [{ code: 1008, reason: 'too-fast' }, /Too much came from here/, /太频繁/],
    [{ code: 4001, reason: 'taken-over' }, /another tab/, /另一个/],
    [{ code: 1003, reason: 'fault' }, /\(fault\)/, /（fault）/],
  ];
  for (const [bye, english, chinese] of rows) {
    const bench = new Bench().online();
    bench.says('bye', bye);
    const said = () => ['en', 'zh-CN'].map((language) => statusText(speaker(language), bench.state));
    assert.match(said()[0], english, bye.reason);
    assert.match(said()[1], chinese, bye.reason);
    // The next attempt has not failed yet.
    if (bye.retry_ms) bench.advance(bye.retry_ms);
    assert.match(said()[0], english, bye.reason);
  }
});

test('a name written from right to left turns nothing but itself', () => {
  const t = speaker('en');
  const rows = [
    ['Bob', 'Bob has left.'], ['小明', '小明 has left.'], ['🐱', '🐱 has left.'], ['', ' has left.'],
    ['דנה', '\u2068דנה\u2069 has left.'], ['Bob ليلى 7', '\u2068Bob ليلى 7\u2069 has left.'],
    ['\u200f!', '\u2068\u200f!\u2069 has left.'], ['\u{1e900}', '\u2068\u{1e900}\u2069 has left.'],
  ];
  for (const [name, want] of rows) assert.equal(t('left', { name }), want);
});
