// What a player remembers: the duel with this opponent, round by round, and its own record.
//
// Absent: DOM and the platform. Both come as texts from a storage and go back as texts.

/** So many rounds of a duel are shown. */
const ROUNDS = 5;

const none = () => ({
  uid: '', wins: 0, losses: 0, rounds: [], open: false,
});
const blank = () => ({ wins: 0, best: 0, hands: [0, 0, 0, 0] });
const count = (value) => (Number.isInteger(value) && value >= 0 ? value : 0);

/** A text from a storage may be anybody's. */
function read(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' ? value : {};
  } catch (_) {
    return {};
  }
}

function rememberedDuel(text) {
  const { uid, wins, losses, rounds, open } = read(text);
  if (typeof uid !== 'string') return none();
  const known = (Array.isArray(rounds) ? rounds : []).filter((round) => round
    && ['win', 'lose', 'draw'].includes(round.outcome));
  return {
    uid,
    wins: count(wins),
    losses: count(losses),
    rounds: known.slice(-ROUNDS).map(({ mine, theirs, outcome }) => ({
      mine: count(mine), theirs: count(theirs), outcome,
    })),
    open: Boolean(open),
  };
}

function rememberedRecord(text) {
  const { wins, best, hands } = read(text);
  return {
    wins: count(wins),
    best: count(best),
    hands: [0, 1, 2, 3].map((hand) => count(Array.isArray(hands) ? hands[hand] : 0)),
  };
}

/** `tab` and `device` are storages: get(key), set(key, text). */
export function createDuel(tab, device) {
  const duel = rememberedDuel(tab.get('duel'));
  let record = rememberedRecord(device.get('record'));

  return {
    duel,
    get record() {
      return record;
    },
    /** The hand that was shown most often, or 0. */
    favourite: () => Math.max(0, record.hands.indexOf(Math.max(...record.hands, 1))),
    /** Follows a session: to be called with each of its events; says whether a round counted. */
    follow({ me, other, outcome }, name) {
      const counts = name === 'result' && duel.open && Boolean(outcome && other);
      if (name === 'start' && other) {
        // All robots are one opponent.
        const uid = other.robot ? 'robot' : other.uid;
        if (duel.uid !== uid) Object.assign(duel, none(), { uid });
        duel.open = true;
      } else if (counts) {
        // Counted once, however often a resumption tells it.
        duel.open = false;
        duel.wins += outcome === 'win' ? 1 : 0;
        duel.losses += outcome === 'lose' ? 1 : 0;
        duel.rounds.push({ mine: me.choice || 0, theirs: other.choice || 0, outcome });
        duel.rounds.splice(0, duel.rounds.length - ROUNDS);
        // Another tab may have played meanwhile.
        record = rememberedRecord(device.get('record'));
        if (outcome === 'win') record.wins += 1;
        record.best = Math.max(record.best, me.winStreak);
        if (me.choice in record.hands) record.hands[me.choice] += 1;
        device.set('record', JSON.stringify(record));
      }
      if (name === 'start' || counts) tab.set('duel', JSON.stringify(duel));
      return counts;
    },
    forget() {
      record = blank();
      device.set('record', JSON.stringify(record));
    },
  };
}
