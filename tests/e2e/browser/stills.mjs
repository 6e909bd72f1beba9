// Stills of a page: the elements that it shows at a moment, without script or connection, so that they
// can be drawn at every size and in every colour while the game itself goes on.

import { PATIENCE_MS, device } from './lib.mjs';

/** The page as it was when it first was in this state: `main` has these data, `says` matches its status,
 * and `selector` is there. Taken in that very moment: some states last no longer than a look. */
export function take(page, { selector = 'main', says = '', ...data } = {}) {
  return page.evaluate(([there, status, wanted, patience]) => new Promise((done, failed) => {
    const still = () => {
      const copy = document.documentElement.cloneNode(true);
      // What is typed and chosen is no part of the markup.
      const inputs = copy.querySelectorAll('input');
      document.querySelectorAll('input').forEach(({ value, checked }, index) => {
        inputs[index].setAttribute('value', value);
        inputs[index].toggleAttribute('checked', checked);
      });
      copy.querySelectorAll('script, link[rel=modulepreload]').forEach((each) => each.remove());
      return `<!doctype html>${copy.outerHTML}`;
    };
    const observer = new MutationObserver(look);
    function look() {
      const main = document.querySelector('main');
      const is = Object.entries(wanted).every(([name, value]) => main.dataset[name] === value);
      const heard = new RegExp(status).test(document.querySelector('#status').textContent);
      if (!is || !heard || !document.querySelector(there)) return;
      observer.disconnect();
      done(still());
    }
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    look();
    setTimeout(() => failed(new Error(`never seen: ${JSON.stringify([there, status, wanted])}`)), patience);
  }), [selector, says, data, PATIENCE_MS]);
}

/** A page that shows stills, one after the other. */
export async function mirror(browser, server) {
  const own = await device(browser, server, { reducedMotion: 'no-preference' });
  let html = '';
  await own.context.route(`${server.url}still`, (route) => route.fulfill({ contentType: 'text/html', body: html }));
  // A window has no edges that the system keeps for itself, as phones have: they can be set.
  await own.context.route(/\.css$/, async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replace(/env\(safe-area-inset-(\w+)\)/g, 'var(--inset-$1, 0px)');
    return route.fulfill({ response: answer, body });
  });
  const page = await own.context.newPage();
  return {
    page,
    async show(still) {
      html = still;
      await page.goto(`${server.url}still`);
      await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode().catch(() => {}))));
    },
    /** In a window of this size, of these colours, with edges of so many pixels. What moves has come
     * to where it stays. What is only measured is not `painted`, which takes a second in a large window. */
    async at({ width, height }, { scheme = 'light', insets = {}, painted = false } = {}) {
      await page.evaluate((shown) => { document.body.style.opacity = shown ? '' : 0; }, painted);
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme });
      await page.evaluate((edges) => {
        for (const side of ['top', 'right', 'bottom', 'left']) {
          document.documentElement.style.setProperty(`--inset-${side}`, `${edges[side] || 0}px`);
        }
        for (const one of document.getAnimations()) {
          const { duration, endTime } = one.effect.getComputedTiming();
          if (endTime === Infinity) {
            one.cancel();
          } else if (one.animationName === 'round') {
            // The clock of a round stands somewhere in its midst.
            one.currentTime = duration * 0.4;
            one.pause();
          } else {
            one.finish();
          }
        }
      }, insets);
    },
    /** Letters of so many per cent, as one sets them in the browser: what is measured in them changes,
     * too. */
    async letters(percent) {
      const cdp = await own.context.newCDPSession(page);
      await cdp.send('Page.setFontSizes', { fontSizes: { standard: 0.16 * percent } });
      await cdp.detach();
    },
    close: () => own.close(),
  };
}
