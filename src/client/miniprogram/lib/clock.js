// A clock that never goes back.
//
// Absent: the time of day. A player may set it while a round runs, so nothing is measured by it.

/** Makes a clock of one that may jump: what it jumps back is counted as no time at all. */
export function guarded(read) {
  let last = read();
  let passed = 0;
  return () => {
    const at = read();
    passed += Math.max(0, at - last);
    last = at;
    return passed;
  };
}

/**
 * Milliseconds since some moment. The documents of the platform promise no monotonic clock to a
 * program's own code; where it has the one that browsers have, that is taken.
 */
export const now = typeof performance === 'object' && performance
  && typeof performance.now === 'function'
  ? () => performance.now() : guarded(() => Date.now());
