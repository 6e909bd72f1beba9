// Which session this tab plays: the tokens that this browser keeps, of which each belongs to one
// living tab at most. What a tab won that was closed is found again by the next one; two tabs that
// are open are two players, also when one was made by duplicating the other.
//
// Whose a token is, is a lock of the browser's, which ends with its tab however that ends. Browsers
// without them (before 2022, and every page that came by plain http) let tabs ask each other: who
// has a token answers at once, by what the storage tells other tabs; a mark that is renewed says who
// may be too busy for that.
//
// Absent: the server, the DOM, and what happens to two tabs that have one token all the same: the
// newer one has it, and the server tells the older one.
//
// env.device, env.tab    what browser and tab remember: get(key), set(key, text); the browser's also
//                        watch(told), which calls told(key, text) for what another tab has set
// env.locks              navigator.locks, or nothing
// env.date()             milliseconds of the clock that outlives the page
// env.setTimer(run, ms) env.random()

/** So many tokens are kept; of more, the one that is worth least goes. */
const TOKENS_MAX = 8;
/** A duplicate asks for its original's token and does not get it: so long a tab waits for its own. */
const RELOAD_MS = 1000;
/** If the page before it in its tab said that it ends, it lets go within so long, on a busy machine, too. */
const PARTING_MS = 10000;
/** So long the other tabs have time to say what they have, */
const ASK_MS = 300;
/** and who was heard of within so long has that long, */
const LIVELY_MS = 5000;
/** which is why it is heard of so often. */
const BEAT_MS = 2000;
const LOOK_MS = 50;

/** Points first, then what was used last. */
const byWorth = (a, b) => (b.points > 0) - (a.points > 0) || b.used - a.used;

/** What a text of JSON says, or `otherwise`: perhaps somebody else wrote it. */
function parsed(text, otherwise) {
  try {
    return JSON.parse(text) || otherwise;
  } catch (_) {
    return otherwise;
  }
}

/** A token may stand with a word behind it: what its session still has to say. */
const bare = (kept) => kept.split(' ')[0];

/** Holds tokens by the browser's locks. */
function createLocks({ locks, setTimer }) {
  let release = () => {};
  const ask = (token, how) => new Promise((told) => {
    const held = (lock) => {
      told(Boolean(lock));
      return lock && new Promise((over) => {
        release = over;
      });
    };
    // Where a browser refuses all locks, nobody has one.
    locks.request(`roshambo ${token}`, how, held)
      .catch(({ name }) => told(name !== 'AbortError'));
  });
  /** What is held is waited for; a busy browser may take its time to say that it is not. */
  async function take(token, patience) {
    if (await ask(token, { ifAvailable: true })) return true;
    if (!patience) return false;
    const asking = new AbortController();
    setTimer(() => asking.abort(), patience);
    return ask(token, { signal: asking.signal });
  }
  return {
    take,
    /** Takes one that nobody else can have. */
    hold(token) {
      release();
      take(token, RELOAD_MS);
    },
    rest: () => {},
  };
}

/** Holds tokens by answering whoever asks. */
function createAnswers({ device, setTimer, random, date }) {
  let mine = '';
  let askedAt = 0;
  const others = new Set();
  // Two texts that are the same would tell nobody anything.
  const tell = (key, text) => device.set(key, `${text} ${random()}`);
  function marks() {
    const all = parsed(device.get('marks'), {});
    return typeof all === 'object' && !Array.isArray(all) ? all : {};
  }
  const age = (token) => Math.abs(date() - (marks()[token] || 0));

  /** Says that this tab lives, or lives no longer. */
  function mark(lives) {
    const all = marks();
    Object.keys(all).forEach((token) => {
      if (token === mine || LIVELY_MS <= age(token)) delete all[token];
    });
    if (lives) all[mine] = date();
    device.set('marks', JSON.stringify(all));
  }

  function beat() {
    if (mine) mark(true);
    setTimer(beat, BEAT_MS);
  }

  function hold(token) {
    // The first one begins the beat.
    if (!mine) setTimer(beat, BEAT_MS);
    else mark(false);
    mine = token;
    mark(true);
    // For who asked at the same time.
    tell('mine', mine);
  }

  device.watch((key, text) => {
    if (key === 'whose' && mine) tell('mine', mine);
    if (key === 'mine' && text) others.add(bare(text));
  });
  return {
    async take(token) {
      if (!askedAt) {
        askedAt = date();
        tell('whose', '');
      }
      // Who was there a moment ago may be too busy to answer at once.
      const isOpen = () => date() - askedAt < ASK_MS || age(token) < LIVELY_MS;
      while (!others.has(token) && isOpen()) {
        await new Promise((over) => setTimer(over, LOOK_MS));
      }
      if (others.has(token)) return false;
      hold(token);
      return true;
    },
    hold,
    rest: () => mine && mark(false),
  };
}

export function createTokens(env) {
  const { device, tab } = env;
  const holder = env.locks ? createLocks(env) : createAnswers(env);
  let mine = ''; // as it is kept
  let points = 0;

  /** All that are kept, by their worth. */
  function list() {
    const kept = parsed(device.get('sessions'), []);
    const known = ({ token, used }) => typeof token === 'string' && token && Number.isFinite(used);
    return (Array.isArray(kept) ? kept : []).filter((entry) => entry && known(entry)).sort(byWorth);
  }

  /** Writes mine, and in place of one that nobody knows any more. */
  function write(instead) {
    const gone = [bare(mine), instead];
    const others = list().filter(({ token }) => !gone.includes(bare(token)));
    const own = { token: mine, used: env.date(), points };
    const kept = [own].concat(others.slice(0, TOKENS_MAX - 1));
    device.set('sessions', JSON.stringify(kept));
    tab.set('session', mine);
  }

  return {
    /** The token to play on with, or ''. From then on it is this tab's. */
    async claim() {
      const own = tab.get('session') || '';
      const all = list();
      const last = all.find(({ token }) => bare(token) === bare(own)) || { token: own, points: 0 };
      // A duplicate remembers what its original does, and that one has not ended.
      const parts = own && tab.get('parts') === bare(own);
      tab.set('parts', '');
      if (own && await holder.take(bare(own), parts ? PARTING_MS : RELOAD_MS)) {
        [mine, points] = [own, last.points || 0];
        return mine;
      }
      for (const { token, points: won } of all) {
        // One after the other: one is enough.
        if (bare(token) !== bare(own) && await holder.take(bare(token))) {
          [mine, points] = [token, won || 0];
          return mine;
        }
      }
      return '';
    },
    /** What the session is to be known by from now on; the one before it `stays` for another day. */
    keep(kept, stays) {
      if (!bare(kept)) return;
      const before = bare(mine);
      mine = kept;
      if (bare(kept) === before) return write();
      points = 0;
      holder.hold(bare(kept));
      write(stays ? '' : before);
    },
    /** How many points it has. */
    count(total) {
      // A server that could not ask for them yet tells of none.
      if (!mine || total <= points) return;
      points = total;
      write();
    },
    points: () => points,
    /** The page was put aside and is back. */
    back() {
      tab.set('parts', '');
      if (mine) holder.hold(bare(mine));
    },
    /** The page ends, or is put aside. */
    rest() {
      tab.set('parts', bare(mine));
      holder.rest();
    },
    /** Whether the browser keeps anything. */
    lasts: () => list().some(({ token }) => token === mine),
  };
}
