// One player's session: its connection, its resumption and the state of its game.
//
// Absent: DOM, wx, storage and a clock. All of these come in through `env`, so the same file
// serves the web page, the mini program and tests on a virtual clock. It decides by `bye`, never
// by a close code: not every platform tells the truth.
//
// env.connect(handlers, query)  opens a socket and returns { send(text), close() }; it calls
//                        handlers.opened(), .received(text) and .closed() later, never at once.
//                        `query` goes behind the address: '', or '?i=b' for one server of several
// env.probe(told, query) optional: asks `readyz` after a refused connection and calls told with
//                        the words of its 503, or with '' when there is nothing to say
// env.now()              milliseconds of a clock that never goes back, whoever sets the time of day
// env.setTimer(run, ms) env.clearTimer(id) env.random()
// env.profile()          { uname, uavatar }
// env.token              the token of an earlier page, or nothing, by the time of open();
//                        env.keepToken(token, stays) keeps one; `stays`: the one before it is good, too
// env.signed()           optional: a signed token that says who plays, or ''; asked at every `hello`
// env.points()           optional: how many points that token had when it was last heard of
// env.changed(state, event)   called after every change; event.name says what happened

const PING_MS = 20000;
const PATIENCE_MS = 10000;
/** After a sleep a connection is more often dead than slow. */
const WAKE_PATIENCE_MS = 3000;
/** Without a network no answer will come; a server on this device answers at once. */
const DOUBT_PATIENCE_MS = 1500;
const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 30000;
/** A connection that lasted this long starts the back-off afresh. */
const STEADY_MS = 5000;
const RETRY_MAX_MS = 600000;
/** Quick taps become one message; the server allows ten a second. */
const GAP_MS = { choice: 120, face: 300 };
/** How `readyz` begins to say why it refuses. */
const REFUSALS = ['full', 'restart', 'too many'];
/** So close to the end nothing is held back. */
const URGENT_MS = 500;
/** A tap meant for the last round's end is no wish for the next one. */
const DEAD_MS = 400;
/** So long leaving can be undone; the seat waits. */
const UNDO_MS = 5000;
/** Where servers are several, and one that is gone has a room: how often, and after how long, it is
 * asked for again. The others know after five seconds. */
const ELSEWHERE_TRIES = 20;
const ELSEWHERE_MS = 500;
/** So often one is sent from server to server for one room. */
const HOPS_MAX = 2;
/** So long after its end a round's result is still to come, on a slow line. */
const LATE_MS = 2000;

const ROBOT = 'robot';

export function createSession(env) {
  const state = {
    // connecting, online, retrying, stopped; `reason` says why it is not online:
    // '' (the first time), lost, full, too many, or the word of a `bye`, such as restart.
    link: 'connecting',
    reason: '',
    // free, waiting, playing, between (after a result, or together in a room)
    phase: 'free',
    me: { uid: '', totalScore: 0, winStreak: 0, roundScore: 0, choice: null },
    named: {}, // uname, uavatar: what a signed token calls me, and others see instead of what I say
    signed: false, // a signed token says who I am, as far as is known
    // Who is or was at the other side: uid, uname, uavatar, robot, online, ready, present
    // (shares my room), left, moves (choices seen in this round), and the fields of `me`.
    other: null,
    endsAt: 0,
    outcome: '', // win, lose, draw
    again: false, // asked for the next round
    next: null, // the hand that goes out when the round that I asked for begins
    leaving: false, // I am about to leave, and can undo it
    code: '', // of the private room I sit in
    friend: false, // waiting for a friend, not in the lobby
    nearby: 0,
    board: false, // the server keeps one; what it told of each, by 'week' and 'ever':
    boards: {}, // the best, the first one first
    ranks: {}, // where I stand: place, percent, points and the players around me
    boardAway: false, // it could not be told just now
    note: '', // forgotten, no-points, left, absent, or the code of a `problem`
  };
  // `gone`: I left, and the server may not know it; a page after this one has to know, too.
  let token = '';
  let gone = false;
  let socket = null;
  let current = null; // the handlers whose events count
  let attempts = 0;
  let patience = 0; // how long the newest answer is waited for
  let openedAt = 0; // when the newest connection was asked for
  let onlineSince = null;
  let nameless = false; // the server refused what we call ourselves
  let settling = false; // between `hi` and the `pong` behind it
  let owed = 0; // pongs to come
  let deaf = 0; // so many of them come before the server knows that I left
  let roomSeen = false;
  let wanted = false; // a `join` to send once settled,
  let wish; // with this payload,
  let readied = false; // between two rounds
  let hidden = false;
  let dozed = false; // nobody looked for a while, and the server may not have seen yet who does
  let ordered = false; // the server said when to come back
  let nextFor = ''; // whom `next` is for: a uid, ROBOT, or '' for whoever comes
  let unended = false; // a round began here, and its result has not come
  let endedAt = -DEAD_MS; // when the last result came that was waited for
  let restarted = false; // the connection before this one ended because of that
  let instance = ''; // of several servers the one where I am, or was last
  let homeless = false; // and my token's is to be left alone, until another one greets me
  let asked = ''; // the one that the newest connection is for
  let led = { room: '', to: '', hops: 0, tries: 0 }; // where I was sent for a room
  const timers = {};
  const sentAt = {};

  const changed = (name, more) => env.changed(state, Object.assign({ name }, more));

  function keep(stays = false) {
    // A page that ends while it leaves has left.
    env.keepToken(gone || state.leaving ? `${token} left` : token, stays);
  }

  function disarm(name) {
    if (name in timers) env.clearTimer(timers[name]);
    delete timers[name];
  }

  function arm(name, ms, run) {
    disarm(name);
    timers[name] = env.setTimer(() => {
      delete timers[name];
      run();
    }, ms);
  }

  // ---- Connection ----

  function open() {
    drop();
    state.link = 'connecting';
    attempts += 1;
    openedAt = env.now();
    let reached = false;
    const handlers = {
      opened() {
        if (current !== handlers) return;
        reached = true;
        nameless = false;
        greet(env.profile());
      },
      received(text) {
        if (current === handlers) receive(text);
      },
      closed() {
        if (current !== handlers) return;
        lost(!reached && env.probe ? state.reason : 'lost');
        if (reached || !env.probe) return;
        env.probe((why) => {
          if (current !== null || state.link !== 'retrying') return;
          const known = REFUSALS.find((words) => why.startsWith(words));
          // A restart takes a few attempts.
          const restarts = state.reason === 'restart' && attempts < 8;
          state.reason = known || (restarts ? 'restart' : 'lost');
          changed('link');
        }, query());
      },
    };
    current = handlers;
    wait(PATIENCE_MS);
    asked = belongsTo();
    socket = env.connect(handlers, query());
    changed('link');
  }

  /** The letter of a server of several that a room's code begins with, or ''. */
  const ofCode = (code) => (/^[a-hjkmnp-z].{6}$/i.test(code) ? code[0].toLowerCase() : '');

  /** The room that I am on my way to, and not in. */
  function roomAhead() {
    const room = ((wanted && wish && wish.room) || '').toUpperCase();
    return room === 'NEW' || room === state.code ? '' : room;
  }

  /** Of several servers the one where I belong: that of my room, else where I was, else my token's. */
  function belongsTo() {
    const room = roomAhead();
    if (room && led.room === room) return led.to;
    if (ofCode(room)) return ofCode(room);
    if (instance || homeless) return instance;
    return /^[a-z]\./.test(token) ? token[0] : ofCode(state.code);
  }

  const query = () => (asked ? `?i=${asked}` : '');

  /** Back into my private room: rounds wait there until I ask for one. */
  const ownRoom = () => ({ room: state.code, ready: false });

  /** Forgets the connection; nothing more from it counts. */
  function drop() {
    if (state.leaving) part();
    const old = socket;
    socket = current = null;
    Object.keys(timers).forEach(disarm);
    if (state.phase === 'waiting' || state.again) {
      wanted = true;
      readied = state.again;
      if (state.code) wish = ownRoom();
    }
    if (onlineSince !== null && STEADY_MS <= env.now() - onlineSince) attempts = 0;
    onlineSince = null;
    settling = false;
    owed = deaf = 0;
    if (old) old.close();
  }

  /** Comes back with exponential back-off and full jitter. */
  function lost(reason) {
    drop();
    ordered = false;
    const most = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * Math.pow(2, Math.min(attempts, 10)));
    retryIn(env.random() * most, reason);
  }

  function retryIn(ms, reason) {
    state.link = 'retrying';
    state.reason = reason;
    arm('retry', ms, open);
    changed('link');
  }

  /** The room that I asked for is at another server: there I go. Where that leads back here it is gone
   * or full, and I ask again, until the others know that it is gone. */
  function follow(to) {
    const room = String((wish && wish.room) || '').toUpperCase();
    if (led.room !== room) led = { room, to: '', hops: 0, tries: 0 };
    if (asked !== to && led.hops < HOPS_MAX) {
      Object.assign(led, { to, hops: led.hops + 1 });
      // Whatever place I have here is nobody's then.
      post('leave');
      wanted = true;
      open();
      return true;
    }
    led.tries += 1;
    if (led.tries > ELSEWHERE_TRIES) return false;
    arm('elsewhere', ELSEWHERE_MS, () => send('join', wish));
    return true;
  }

  function post(name, payload) {
    socket.send(JSON.stringify(payload === undefined ? [name] : [name, payload]));
  }

  function send(name, payload) {
    if (state.link === 'online') post(name, payload);
  }

  function greet(user) {
    const hello = { user, v: 2 };
    if (token) hello.session = token;
    const signed = env.signed ? env.signed() : '';
    if (signed) hello.token = signed;
    state.signed = Boolean(signed);
    post('hello', hello);
    // Its pong comes behind all that `hello` causes: only then a missing `room` says "free".
    ping();
  }

  /** Who is refused at the door goes on without a name, or says that it cannot. */
  function refused(code, event) {
    // Before a `hello` a ping has no pong.
    if (event === 'ping' && owed) owed -= 1;
    if (event !== 'hello') return;
    if (nameless) return stop(code);
    nameless = true;
    greet({});
  }

  /** Stays away until the player wants to come back. */
  function stop(reason) {
    drop();
    state.link = 'stopped';
    state.reason = reason;
    changed('link');
  }

  function ping(patienceMs) {
    post('ping');
    owed += 1;
    wait(patienceMs || PATIENCE_MS);
    arm('ping', PING_MS, ping);
  }

  function wait(ms) {
    patience = ms;
    arm('patience', ms, () => lost('lost'));
  }

  /** Any message is a sign of life, but it may have been on its way already when the line died:
   * a pong that I asked for is waited for as long again. */
  function stillThere(name) {
    if (!('patience' in timers)) return;
    if (owed && name !== 'pong') wait(patience);
    else disarm('patience');
  }

  /** What was on its way to me when I left comes before the pong to this, and does not count. */
  function sayLeave() {
    post('leave');
    ping();
    deaf = owed;
  }

  /** Says that nobody looks; any event but a pong would take it back, so there are no pings. */
  function sayAway() {
    if (state.link !== 'online') return;
    disarm('ping');
    disarm('patience');
    post('away');
  }

  // ---- What the server says ----

  function receive(text) {
    let event;
    try {
      event = JSON.parse(text);
    } catch (_) {
      return;
    }
    if (!Array.isArray(event)) return;
    const name = event[0];
    stillThere(name);
    if (!Object.prototype.hasOwnProperty.call(on, name)) return;
    if (deaf && !['hi', 'pong', 'bye', 'problem'].includes(name)) return;
    const payload = event[1];
    const more = on[name](payload && typeof payload === 'object' ? payload : {});
    // A resumption is told when it is complete, a `bye` has been told already.
    if (name !== 'bye' && !(settling && (name === 'hi' || name === 'room'))) changed(name, more);
  }

  /** Of these users me and the other one. */
  function pair(users) {
    const listed = Array.isArray(users) ? users.filter(Boolean) : [];
    return [true, false].map((me) => listed.find(({ uid }) => (uid === state.me.uid) === me));
  }

  function meet(user) {
    if (!state.other || state.other.uid !== user.uid) {
      state.outcome = '';
      state.other = {
        uname: '', uavatar: '', robot: false, online: true, ready: false, left: false, moves: 0,
        totalScore: 0, winStreak: 0, roundScore: 0, choice: null,
      };
    }
    Object.assign(state.other, user, { present: true });
  }

  const on = {
    hi(hi) {
      const renamed = state.link === 'online';
      const { uid, totalScore, winStreak } = hi;
      instance = hi.instance || '';
      homeless = false;
      const had = env.points ? env.points() : state.me.totalScore;
      Object.assign(state.me, { uid, totalScore, winStreak });
      state.nearby = hi.nearby;
      state.board = hi.board === true;
      state.named = {};
      ['uname', 'uavatar'].forEach((key) => {
        if (typeof hi[key] === 'string') state.named[key] = hi[key];
      });
      if (renamed) {
        // Mine was erased, or it is known by now who I am.
        if (hi.session && hi.session !== token) {
          token = hi.session;
          keep();
        }
        return;
      }
      // Who won nothing has lost nothing by a restart; what is `pending` is told by another `hi`.
      const nothing = hi.pending || (state.reason === 'restart' && !had);
      if (token && !hi.resumed && !nothing) {
        if (state.phase !== 'free') {
          const { code } = state;
          free();
          // A private room opens again under its code, for whoever comes with it.
          if (code && !gone) [wanted, wish] = [true, { room: code, ready: false }];
          else state.note = 'forgotten';
        } else if (had && !totalScore) {
          state.note = 'no-points';
        }
      }
      // Only a `start` says that the round still runs.
      if (state.phase === 'playing') state.phase = 'between';
      // Who is signed in has a session that another device began; that of this one stays nobody's.
      const stays = Boolean(token) && hi.resumed && hi.session !== token;
      token = hi.session;
      gone = gone && hi.resumed && !stays;
      keep(stays);
      restarted = state.reason === 'restart' || state.reason === 'gather';
      state.link = 'online';
      state.reason = '';
      state.again = false;
      onlineSince = env.now();
      settling = true;
      roomSeen = false;
      if (gone) sayLeave();
    },

    pong() {
      if (owed) owed -= 1;
      if (deaf) {
        deaf -= 1;
        if (deaf) return;
        gone = false;
        keep();
      }
      dozed = hidden;
      if (settling) {
        settling = false;
        if (!roomSeen) roomless();
        if (hidden) sayAway();
      }
      // Nobody is paired with one that does not look.
      if (hidden) return;
      const room = ((wish && wish.room) || '').toUpperCase();
      // A friend's link goes before a round that runs in another room.
      const elsewhere = room && room !== 'NEW' && room !== state.code;
      const due = wanted && (state.phase !== 'playing' || elsewhere);
      wanted = false;
      const { next } = state;
      if (!due) return;
      if (state.phase === 'playing') leave();
      // In the room already, there is at most to say again that I am ready.
      const there = state.code && room && !elsewhere;
      if (!there) play(wish);
      else if (readied || (next && state.phase === 'between')) play();
      // A hand that was tapped before there was a connection is not forgotten for it.
      state.next = next;
    },

    room({ users, code }) {
      const [me, other] = pair(users);
      if (!me) return;
      roomSeen = true;
      state.code = code || '';
      state.friend = Boolean(code);
      const { phase } = state;
      // What was played stays on the table, also when the other one has gone.
      const table = state.other && (phase === 'playing'
        || (phase === 'between' && (code ? state.outcome : !me.ready)));
      // Who left and is back is greeted like one that comes.
      const isBack = other && state.other && state.other.left && phase !== 'playing';
      if (isBack) state.outcome = '';
      if (other) meet(isBack ? Object.assign({}, other, { left: false }) : other);
      else if (table) state.other.present = false;
      else state.other = null;
      if (phase === 'playing') return;
      state.again = Boolean(me.ready && other);
      if (!other) state.phase = table ? 'between' : me.ready || code ? 'waiting' : phase;
      // Both ready: the `start` is on its way.
      else if (phase !== 'waiting' || !me.ready || !other.ready) between();
      // A hand that was tapped before the friend was here has asked for the round.
      const came = phase === 'waiting' && state.phase === 'between' && !state.again;
      if (came && !state.leaving && !hidden && !(settling && wanted)) askKept();
    },

    start({ gameTime, roomUsers }) {
      const [me, other] = pair(roomUsers);
      if (!me || !other) return;
      disarm('choice');
      unended = true;
      Object.assign(state.me, me);
      meet(Object.assign({}, other, { left: false, moves: 0 }));
      Object.assign(state, { phase: 'playing', outcome: '', again: false, note: '' });
      state.endsAt = env.now() + gameTime * 1000;
      const { next } = state;
      state.next = null;
      const meant = next && (nextFor === '' || nextFor === whom(state.other));
      // One's own choice stands there when a session is resumed.
      if (meant && !state.me.choice && !state.leaving) show(next);
    },

    movement({ uid, movement, face }) {
      if (!state.other || uid !== state.other.uid) return {};
      if (movement === 'choice') state.other.moves += 1;
      return { movement, face };
    },

    leave({ uid, reason }) {
      const { other } = state;
      if (uid === state.me.uid && reason === 'absent') unseated();
      if (!other || uid !== other.uid) return;
      other.left = true;
      other.present = false;
      state.next = null;
      if (state.phase !== 'between') return;
      // It left while I was waiting for it. I am free, but I did ask for a round; in a private
      // room I keep my seat, and `room` comes next.
      if (state.code) state.again = false;
      else if (state.again && !state.leaving) {
        play();
        state.note = 'left';
      }
    },

    result({ result }) {
      const [me, other] = pair(result);
      if (!me || !other) return;
      const same = state.other && state.other.uid === other.uid;
      if (!(same && state.phase === 'playing') && !settling) return;
      disarm('choice');
      Object.assign(state.me, me);
      // Whoever is back in the lobby only needs its scores.
      if (state.phase === 'waiting') return;
      const present = Boolean(same && state.other.present);
      meet(other);
      // A robot lives only for its round.
      state.other.present = present && !state.other.robot;
      state.phase = 'between';
      // One that is told again, since I am back, surprises nobody's thumb.
      if (unended) endedAt = env.now();
      unended = false;
      state.outcome = me.roundScore > 0 ? 'win' : other.roundScore > 0 ? 'lose' : 'draw';
    },

    top({ board, players }) {
      state.boards[board] = players;
      state.boardAway = false;
    },

    rank(rank) {
      state.ranks[rank.board] = rank;
    },

    problem({ code, event, instance: to }) {
      if (state.link !== 'online') return refused(code, event);
      if (event === 'top' || event === 'rank') {
        state.boardAway = true;
        return;
      }
      // That one is for developers: whoever it was to be plays on as anybody.
      if (code === 'bad-token') state.signed = false;
      if (code === 'already-playing' || code === 'bad-token') return;
      if (code === 'room-elsewhere' && state.phase === 'waiting' && to && follow(to)) return;
      led = { room: '', to: '', hops: 0, tries: 0 };
      state.note = code;
      if (event !== 'join' || state.phase === 'playing') return;
      state.again = false;
      if (code.startsWith('room-')) {
        // Wherever the server still has me: the player believes to have gone from there.
        leave();
      } else if (state.phase === 'waiting') {
        free();
      }
    },

    bye({ reason, retry_ms: retryMs }) {
      // The server that I was on sends everybody away from there.
      if (reason === 'gather') [instance, homeless] = ['', true];
      // After a take-over the seat is somebody else's to leave.
      if (typeof retryMs !== 'number') state.leaving = false;
      drop();
      if (typeof retryMs === 'number') {
        ordered = true;
        retryIn(Math.min(Math.max(retryMs, 0), RETRY_MAX_MS), reason);
      } else {
        stop(reason);
      }
    },
  };

  // ---- What the player does ----

  /** Sends at most one such event per gap: the first at once, of the others the last. */
  function paced(name, payload, urgent) {
    const wait = name in sentAt && !urgent ? sentAt[name] + GAP_MS[name] - env.now() : 0;
    if (wait > 0) return arm(name, wait, () => paced(name, payload, true));
    disarm(name);
    sentAt[name] = env.now();
    send(name, payload);
  }

  function free() {
    Object.assign(state, {
      phase: 'free', other: null, again: false, code: '', friend: false, outcome: '',
      next: null, leaving: false,
    });
  }

  /** Goes from the table, here: that the server is to know it outlives connection and page. */
  function part() {
    // After a take-over the seat is somebody else's to leave.
    gone = state.link !== 'stopped';
    // Who gives up loses the streak.
    if (state.phase === 'playing') state.me.winStreak = 0;
    free();
    wanted = false;
    disarm('leaving');
    disarm('elsewhere');
    keep();
  }

  function leave() {
    const told = state.link === 'online';
    part();
    if (told) sayLeave();
  }

  /** The time to undo it is over. A round that began meanwhile ends first: nobody gives up so. */
  function leaveAtLast() {
    const wait = state.phase === 'playing' ? state.endsAt + LATE_MS - env.now() : 0;
    if (wait > 0) return arm('leaving', Math.min(wait, LATE_MS), leaveAtLast);
    leave();
    changed('left');
  }

  /** My seat, or my place in the lobby, went while I was away or had no connection. */
  function unseated() {
    if (state.other) state.other.present = false;
    state.again = false;
    if (state.code) {
      // A friend may be there, or still come.
      const room = ownRoom();
      if (settling) [wanted, wish] = [true, room];
      else play(room);
    } else if (dozed || !wanted) {
      // Who was not looking is not thrown into a round.
      wanted = false;
      if (state.phase === 'between') return;
      free();
      state.note = 'absent';
    }
  }

  /** My room did not outlive its server, and nobody left. A private one opens again under its code. */
  function roomless() {
    const { code } = state;
    state.code = '';
    if (state.phase === 'between' && state.other) {
      state.other.present = false;
      if (restarted && !code) state.note = 'restarted';
      if (code && !wanted && !gone) [wanted, wish] = [true, { room: code, ready: false }];
    } else {
      state.phase = 'free';
    }
  }

  function between() {
    if (state.phase !== 'between') state.outcome = '';
    state.phase = 'between';
  }

  /** Asks who is best in 'week' or 'ever', and where I stand. */
  function askBoard(board) {
    send('top', { board });
    send('rank', { board });
  }

  /** Asks for a round: the first one, or the next with the same opponent. */
  function play(payload) {
    if (state.phase === 'playing') return;
    disarm('elsewhere');
    wish = payload;
    if (state.link !== 'online') wanted = true;
    state.note = '';
    state.next = null;
    if (!payload && state.phase === 'between' && state.other && state.other.present) {
      state.again = true;
    } else {
      if (payload) state.code = '';
      state.friend = Boolean(state.code || (payload && payload.room));
      Object.assign(state, { phase: 'waiting', again: false, other: null });
    }
    send('join', payload);
  }

  /** Asks for the round that a kept hand was for. */
  function askKept() {
    const { next } = state;
    if (next) play();
    state.next = next;
  }

  /** Of a robot nothing stays but that it is one. */
  const whom = (other) => (other ? (other.robot ? ROBOT : other.uid) : '');

  /** Shows a hand in the round that runs. */
  function show(choice) {
    state.me.choice = choice;
    paced('choice', { choice }, state.endsAt - env.now() < URGENT_MS);
  }

  /** A hand in a round counts at once; before one it asks for the round, and is kept for it. */
  function choose(choice) {
    if (state.leaving) leave();
    if (state.phase === 'playing') {
      if (state.link === 'online') show(choice);
      return;
    }
    if (state.link === 'stopped' || env.now() - endedAt < DEAD_MS) return;
    const { other } = state;
    // A link is followed first: whom it leads to is whom the hand is for.
    const led = settling && wanted && wish && wish.room;
    if (state.phase !== 'waiting' && !state.again && !led) play();
    state.next = choice;
    nextFor = led ? '' : whom(other);
  }

  const act = (run) => (...args) => {
    run(...args);
    changed('act');
  };

  return {
    state,
    /** The first connection. */
    open() {
      const [kept, left] = (env.token || '').split(' ');
      token = kept;
      gone = gone || Boolean(left);
      open();
    },
    /** `play()` or, with a `join`'s payload, `play({ new: true })`, `play({ room: 'new' })`. */
    play: act(play),
    leave: act(() => {
      leave();
      state.note = '';
    }),
    /** Leaves in a moment: until then the seat waits, and `stay()` undoes it. */
    leaveSoon: act(() => {
      if (state.link !== 'online' || state.phase === 'free') return leave();
      state.leaving = true;
      keep();
      arm('leaving', UNDO_MS, leaveAtLast);
      return sayAway();
    }),
    stay: act(() => {
      if (!state.leaving) return;
      state.leaving = false;
      keep();
      disarm('leaving');
      ping();
      // Being away took it back.
      if (state.again && state.phase === 'between') send('join');
    }),
    choose: act(choose),
    askBoard,
    /** Says whether the other one can see it. */
    face(face) {
      const { link, phase, other } = state;
      const seen = link === 'online' && Boolean(other && other.present)
        && (phase === 'playing' || phase === 'between');
      if (seen) paced('face', { face });
      return seen;
    },
    /** The profile has changed. */
    rename() {
      send('hello', { user: env.profile() });
      if (hidden || state.leaving) sayAway();
    },
    /** Nobody looks any more, and the platform may cut the connection off. */
    away() {
      if (hidden) return;
      hidden = dozed = true;
      sayAway();
    },
    /** The page or the network woke up: look whether the connection still lives. */
    wake() {
      hidden = false;
      if (state.link === 'retrying' && !ordered) open();
      else if (state.link === 'online' && !state.leaving) ping(WAKE_PATIENCE_MS);
      // What still hangs was begun on a line that is gone, or before the sleep.
      else if (current && state.link === 'connecting'
        && WAKE_PATIENCE_MS <= env.now() - openedAt) open();
    },
    /** The network seems to be gone: look at once. */
    doubt() {
      if (state.link === 'online') ping(DOUBT_PATIENCE_MS);
    },
    /** After a `bye` that asked to stay away: the player wants to come back. */
    comeBack() {
      attempts = 0;
      if (state.link === 'stopped') open();
    },
  };
}
