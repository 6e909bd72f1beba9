// The stage: two arms, two avatars, the countdown, and a round's end as a small drama: first the
// hands, then the word, then the points.
//
// Absent: the session's protocol, and any button.

import { animate, wants } from './asks.js';

const $ = (selector, root = document) => root.querySelector(selector);
const FIST = 2;
/** When the word comes after the hands, and the points after the word. */
const WORD_MS = 750;
const POINTS_MS = 550;
/** How long the points take to count up, at most. */
const COUNT_MS = 500;
const FACE_MS = 2500;
const SPIN_MS = 1100;
const VERDICTS = { win: ['won', 'lost'], lose: ['lost', 'won'], draw: ['even', 'even'] };

/** Changes a text only when it differs, so that it is read aloud only then. */
export function say(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

export const draw = (use, id) => use.getAttribute('href') !== `#${id}` && use.setAttribute('href', `#${id}`);

/** An arm that shows a hand and how it fared. */
function arm(root) {
  root.append($('#arm').content.cloneNode(true));
  const use = $('.shown', root);
  // 0 is a hand that was not shown, null a fist.
  return (hand, look) => {
    if (hand !== 0) draw(use, `hand${hand || FIST}`);
    root.dataset.hand = hand === 0 ? 'none' : hand || 'fist';
    root.dataset.look = look;
  };
}

/** An avatar turns while its player chooses, and ends its turn when that is over. */
function spinner(element) {
  let spinning = false;
  return (now) => {
    if (now === spinning) return;
    spinning = now;
    if (now) return element.classList.add('turning');
    const [a, b] = (/matrix\(([^,]+),([^,]+)/.exec(getComputedStyle(element).transform) || []).slice(1);
    element.classList.remove('turning');
    const turned = a ? (Math.atan2(b, a) * 180 / Math.PI + 360) % 360 : 0;
    // No jump: it goes on to where it stands upright, slower and slower.
    if (turned) {
      animate(element, [{ transform: `rotate(${turned}deg)` }, { transform: 'rotate(360deg)' }],
        { duration: SPIN_MS * (1.6 - turned / 360), easing: 'cubic-bezier(.2,.7,.3,1)' });
    }
  };
}

/** Name, numbers and avatar of a player. */
function side(root, t) {
  root.append($('#side').content.cloneNode(true));
  const [image, pop, rounds] = ['img', '.pop', '.rounds'].map((selector) => $(selector, root));
  const spin = spinner($('.spin', root));
  let timer;
  return {
    spin,
    show(player, { name, address, score, streak }) {
      image.hidden = !address;
      if (address && image.getAttribute('src') !== address) image.src = address;
      say($('.name bdi', root), name);
      root.title = name;
      $('.tag', root).hidden = !(player && player.robot);
      $('.tally', root).hidden = !player || Boolean(player.robot);
      say($('.score b', root), score);
      say($('.streak b', root), streak);
    },
    /** The hands of the last rounds, each in the colour of its end. */
    rounds(shown) {
      const key = shown.map(Object.values).join();
      if (rounds.dataset.key === key) return;
      rounds.dataset.key = key;
      rounds.textContent = '';
      shown.forEach(({ hand, look }) => {
        const item = document.createElement('li');
        item.className = look;
        item.innerHTML = hand ? `<svg aria-hidden="true"><use href="#hand${hand}"/></svg>` : '–';
        item.setAttribute('aria-label', t(`hand${hand}`));
        rounds.append(item);
      });
    },
    pop(face) {
      if (!(face >= 1 && face <= 4)) return;
      draw($('use', pop), `face${face}`);
      // Hidden and shown again, so that the same face pops up anew.
      pop.setAttribute('hidden', '');
      pop.getBoundingClientRect();
      pop.removeAttribute('hidden');
      clearTimeout(timer);
      timer = setTimeout(() => pop.setAttribute('hidden', ''), FACE_MS);
    },
  };
}

/** Counts a round down in whole seconds. What comes after them is told by an event. */
function countdown(root, now) {
  const number = $('span', root);
  let timer;
  const tick = (endsAt) => {
    clearTimeout(timer);
    const left = endsAt ? endsAt - now() : 0;
    say(number, left > 0 ? Math.ceil(left / 1000) : '');
    root.classList.toggle('last', left <= 1000);
    if (left > 0) timer = setTimeout(() => tick(endsAt), (left % 1000) + 5);
  };
  return tick;
}

/**
 * now() is the session's clock; `moment(name)` is called when the drama goes on: 'clash', 'word',
 * 'points', and 'rest' for what has been seen already, or ''.
 */
export function createStage({ t, now, moment }) {
  const main = $('main');
  const [stage, outcome, points] = ['#stage', '#outcome', '#points'].map((selector) => $(selector));
  const sides = { mine: side($('#me'), t), theirs: side($('#other'), t) };
  const arms = { mine: arm($('#mine')), theirs: arm($('#theirs')) };
  const tick = countdown($('#count'), now);
  let timer;
  let beat = 0;

  function step(name) {
    main.dataset.moment = name;
    moment(name);
  }

  /** The end of a round, as it happens: hands, word, points. */
  function reveal() {
    clearTimeout(timer);
    const calm = wants('prefers-reduced-motion: reduce') ? 0.6 : 1;
    step('clash');
    timer = setTimeout(() => {
      step('word');
      timer = setTimeout(() => step('points'), POINTS_MS * calm);
    }, WORD_MS * calm);
  }

  function cut(name) {
    clearTimeout(timer);
    if (main.dataset.moment !== name) step(name);
  }

  return {
    sides,
    get moment() {
      return main.dataset.moment;
    },
    /** The beginning of a round: fists shake once a second, in time with the countdown. */
    begin(endsAt) {
      cut('');
      if (beat === endsAt) return;
      beat = endsAt;
      const left = endsAt - now();
      stage.style.setProperty('--beat', `${Math.round(left % 1000) - 1000}ms`);
      stage.style.setProperty('--round', `${Math.round(left)}ms`);
    },
    reveal,
    /** What is over has been seen: `rest`; nothing is: ''. */
    cut,
    tick,
    hands(mine, theirs, outcomeNow) {
      const [my, their] = VERDICTS[outcomeNow] || ['', ''];
      // Who asks for the next round makes a fist again.
      arms.mine(mine, mine === null ? '' : my);
      arms.theirs(theirs, theirs === null ? '' : their);
    },
    words(big, how) {
      say(outcome.firstChild, big);
      say(outcome.lastChild, how);
    },
    /** "+3" beside the winner's hand, counting up. */
    points(earned, side) {
      points.dataset.side = side;
      if (!earned) return say(points, '');
      const begun = now();
      const each = Math.min(120, COUNT_MS / earned);
      const more = () => {
        const shown = Math.min(earned, 1 + Math.floor((now() - begun) / each));
        say(points, `+${shown}`);
        if (shown < earned && points.textContent) setTimeout(more, each);
      };
      return more();
    },
    /** A nudge on top of the spin: the other one has just taken a hand. */
    bump() {
      if (wants('prefers-reduced-motion: reduce')) return;
      animate($('#other .avatar'), [{ transform: 'scale(1)' }, { transform: 'scale(1.14)' },
        { transform: 'scale(1)' }], { duration: 260, easing: 'ease-out' });
    },
  };
}
