// What a browser may refuse, throw at or not know. Nothing in here throws: it says whether it could.
//
// Absent: any knowledge of the game.

/** The value of `run()`, or `otherwise` where the browser refuses. */
export function attempt(run, otherwise) {
  try {
    return run();
  } catch (_) {
    return otherwise;
  }
}

/** The same for what is only refused later. */
const promised = (run) => new Promise((done) => done(run())).then(() => true, () => false);

/** A storage of the browser: it may be forbidden, or full. Other tabs can be watched setting it. */
export function memory(which) {
  return {
    get: (key) => attempt(() => window[which].getItem(`roshambo.${key}`), null),
    set: (key, value) => attempt(() => window[which].setItem(`roshambo.${key}`, value)),
    watch: (told) => addEventListener('storage', ({ key, newValue }) => {
      const [, name] = /^roshambo\.(\w+)$/.exec(key || '') || [];
      if (name) told(name, newValue || '');
    }),
  };
}

/** Whether the address asks for a look inside. */
export const asksInside = () => /[?&]inside\b/.test(location.search);

/** Names a room, or none, in the address, if that differs: Safari throws at the hundredth change in 10 s. */
export function address(room) {
  const wishes = [room && `room=${room}`, asksInside() && 'inside'].filter(Boolean).join('&');
  const search = wishes && `?${wishes}`;
  if (location.search !== search) {
    attempt(() => history.replaceState(null, '', location.pathname + search));
  }
}

/** Whether the browser asks for `media`, such as less motion. */
export const wants = (media) => attempt(() => matchMedia(`(${media})`).matches, false);

/** Copies the text of a field: by the newer call where there is one, by the older one on plain http. */
export async function copy(field) {
  if (await promised(() => navigator.clipboard.writeText(field.value))) return true;
  attempt(() => {
    field.focus();
    field.setSelectionRange(0, field.value.length);
  });
  return attempt(() => document.execCommand('copy'), false);
}

export const canShare = () => attempt(() => typeof navigator.share === 'function', false);
export const share = (what) => promised(() => navigator.share(what));
export const vibrate = (pattern) => attempt(() => navigator.vibrate && navigator.vibrate(pattern));

/** Plays an animation where the browser can; says when it is over, in any case. */
export function animate(element, frames, options) {
  return attempt(() => element.animate(frames, options), null);
}
