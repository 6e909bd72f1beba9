// The rounds against the present opponent: who won how many, and the last five.
//
// Absent: the score, which the server keeps. This is forgotten with the opponent.

const LAST = 5;

export function duel() {
  let whom = null;
  let wins = [0, 0];
  let last = [];
  return {
    /** Counts a round that has ended, once. Robots are one: each lives for one round. */
    count({ me, other, outcome }) {
      const now = other.robot ? 'robot' : other.uid;
      if (now !== whom) {
        whom = now;
        wins = [0, 0];
        last = [];
      }
      if (outcome === 'win') wins[0] += 1;
      if (outcome === 'lose') wins[1] += 1;
      const { number } = last[last.length - 1] || { number: 0 };
      last = last.concat({ number: number + 1, hand: me.choice || 0, outcome }).slice(-LAST);
    },
    /** What there is to tell about this one. */
    against(other) {
      const known = other && last.length && (other.robot ? 'robot' : other.uid) === whom;
      return known ? { wins, last } : { wins: null, last: [] };
    },
  };
}
