// A phone that runs the mini program's own files, unmodified, each phone in a world of its own.
//
// The stand-in of `wx` keeps the documented rules that matter here: at most five sockets; domains
// have to be allowed and encrypted; text or ArrayBuffer only; callbacks, never at once; five
// seconds after the mini program is hidden its sockets are cut and its timers stand still, and in
// the background no socket opens. Nobody promises a monotonic clock, and there is none; the time of
// day may be set. A dead line swallows what is sent, and reports the close of a socket late. What the
// program does not need is not there: a call of it fails.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import WebSocket from 'ws';
import { everything, parse, render, textOf } from './wxml.mjs';

export const ROOT = fileURLToPath(new URL('../../../src/client/miniprogram/', import.meta.url));
const DOMAIN = 'example.com';
const SOCKETS_MAX = 5;
/** How long a hidden program goes on running. */
const BACKGROUND_MS = 5000;
const STACK_MAX = 10;
const SET_DATA_BYTES_MAX = 1024 * 1024;
const PATIENCE_MS = 60000;

const read = (path) => readFileSync(ROOT + path, 'utf8');
const plain = (value) => JSON.parse(JSON.stringify(value));

const phones = new Set();

/** Ends what a failed test left behind, which would keep the test process alive. */
export function endAll() {
  phones.forEach((phone) => phone.stop());
}

export class Phone {
  constructor(server, { language = 'en', storage = {} } = {}) {
    this.server = server;
    this.language = language;
    this.storage = { ...storage };
    this.pages = [];
    this.sockets = new Set();
    this.socketsMost = 0;
    this.opened = 0;
    this.sent = [];
    this.hidden = true;
    this.asleep = false;
    this.waiting = []; // what happens when it wakes up
    this.timers = new Map();
    this.lastTimer = 0;
    this.watchers = new Set();
    this.clipboard = '';
    this.consents = true; // the player agrees to the privacy guide
    this.asked = 0; // how often the player was asked to
    this.full = false; // the storage takes nothing more
    this.toast = '';
    this.sheet = null; // the system's menu, or its question, while it is open
    this.buzzes = [];
    this.saved = new Set(); // files of the program
    this.updates = []; // whom to tell that a new version is ready
    this.restarts = 0;
    this.clockShift = 0; // by how much the player has set the time of day
    this.connected = true;
    this.networkListeners = [];
    this.dead = []; // how to report the close of each socket whose line died
    this.faults = [];
    this.definitions = new Map();
    this.modules = new Map();
    phones.add(this);
  }

  /** Cold start at a page, as from the list of programs or a shared card. */
  async start(path = 'pages/index/index') {
    const phone = this;
    this.context = vm.createContext({
      wx: this.wx(),
      App: (app) => {
        this.app = app;
      },
      Page: (page) => this.definitions.set(this.loading, page),
      getApp: () => this.app,
      console,
      Date: class extends Date {
        static now() {
          return Date.now() + phone.clockShift;
        }
      },
      setTimeout: (run, ms = 0) => this.setTimer(run, ms),
      clearTimeout: (id) => this.clearTimer(id),
    });
    await this.load('app.js');
    for (const page of JSON.parse(read('app.json')).pages) {
      this.loading = page;
      await this.load(`${page}.js`);
    }
    this.hidden = false;
    this.call(this.app, 'onLaunch', {});
    this.call(this.app, 'onShow', {});
    this.navigate(`/${path}`);
    return this;
  }

  // ---- The program's modules --------------------------------------------------------------

  async load(path) {
    const module = this.module(path);
    await module.link((specifier, from) => this.module(
      new URL(specifier, `file:///${from.identifier}`).pathname.slice(1),
    ));
    await module.evaluate();
  }

  module(path) {
    if (!this.modules.has(path)) {
      const made = new vm.SourceTextModule(read(path), { identifier: path, context: this.context });
      this.modules.set(path, made);
    }
    return this.modules.get(path);
  }

  // ---- Time -------------------------------------------------------------------------------

  /** Runs a callback of the system, or keeps it until the program runs again. */
  later(run) {
    setImmediate(() => (this.asleep ? this.waiting.push(run) : this.guard(run)));
  }

  guard(run) {
    try {
      run();
    } catch (error) {
      this.faults.push(error);
    }
    this.watchers.forEach((watcher) => watcher());
  }

  setTimer(run, ms) {
    this.lastTimer += 1;
    const id = this.lastTimer;
    const due = () => {
      if (this.asleep) return this.waiting.push(() => this.timers.has(id) && fire());
      return this.guard(fire);
    };
    const fire = () => {
      this.timers.delete(id);
      run();
    };
    this.timers.set(id, setTimeout(due, ms));
    return id;
  }

  clearTimer(id) {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
  }

  // ---- Coming and going -------------------------------------------------------------------

  /** The player looks at something else; after a while the system stops what is hidden. */
  hide() {
    assert.ok(!this.hidden);
    this.call(this.page, 'onHide');
    this.call(this.app, 'onHide');
    this.hidden = true;
    this.cut = setTimeout(() => {
      this.asleep = true;
      for (const socket of this.sockets) socket.terminate();
      this.watchers.forEach((watcher) => watcher());
    }, BACKGROUND_MS);
  }

  /** The network comes, goes or changes, and the system says so. Sockets of before say nothing. */
  network(connected) {
    if (this.connected) this.sockets.forEach((socket) => socket.die());
    this.connected = connected;
    const networkType = connected ? 'wifi' : 'none';
    this.networkListeners.forEach((run) => this.later(() => run({ isConnected: connected, networkType })));
  }

  /** At last the system notices the dead lines. */
  bury() {
    this.dead.splice(0).forEach((report) => report());
  }

  /** Hidden for so long that nothing runs any more. */
  async sleep() {
    this.hide();
    await this.until(() => this.asleep, 'the cut in the background');
  }

  /** The player is back, perhaps through a card: then its page takes the place of all others. */
  show(path) {
    assert.ok(this.hidden);
    clearTimeout(this.cut);
    this.asleep = false;
    this.hidden = false;
    this.call(this.app, 'onShow', {});
    if (path) {
      this.pages.splice(0).reverse().forEach((page) => this.unload(page));
      this.navigate(path);
    } else {
      this.call(this.page, 'onShow');
    }
    this.waiting.splice(0).forEach((run) => this.later(run));
  }

  /** The system's own way back from a page. */
  back() {
    assert.ok(this.pages.length > 1, 'there is no page to go back to');
    this.unload(this.pages.pop());
    this.call(this.page, 'onShow');
  }

  /** The system ends the program. */
  stop() {
    clearTimeout(this.cut);
    this.timers.forEach((timer) => clearTimeout(timer));
    this.timers.clear();
    this.hidden = true;
    this.asleep = true;
    this.sockets.forEach((socket) => socket.terminate());
    phones.delete(this);
  }

  /** The same, and nothing was wrong until then. */
  end() {
    this.stop();
    assert.deepEqual(this.faults, []);
    assert.ok(this.sent.every((event) => Array.isArray(event)), 'events as text, nothing else');
  }

  // ---- Pages ------------------------------------------------------------------------------

  get page() {
    return this.pages.at(-1);
  }

  navigate(url) {
    const [path, query = ''] = url.slice(1).split('?');
    const definition = this.definitions.get(path);
    assert.ok(definition, `there is no page ${path}`);
    assert.ok(this.pages.length < STACK_MAX, 'too many pages on each other');
    const page = Object.create(definition);
    page.route = path;
    page.data = plain(definition.data);
    page.markup = parse(read(`${path}.wxml`));
    page.setData = (change) => {
      assert.ok(this.pages.includes(page), `${path} is gone, and still changed`);
      // What JSON cannot say does not arrive at the page.
      const text = JSON.stringify(change, (key, value) => {
        assert.notEqual(typeof value, 'undefined', `setData: ${key} is undefined`);
        assert.notEqual(typeof value, 'function', `setData: ${key} is a function`);
        return value;
      });
      assert.ok(text.length < SET_DATA_BYTES_MAX);
      Object.assign(page.data, JSON.parse(text));
      setImmediate(() => this.watchers.forEach((watcher) => watcher()));
    };
    if (this.page) this.call(this.page, 'onHide');
    this.pages.push(page);
    this.call(page, 'onLoad', Object.fromEntries(new URLSearchParams(query)));
    this.call(page, 'onShow');
  }

  unload(page) {
    this.call(page, 'onUnload');
    // From here on a change of it is a fault.
    this.pages = this.pages.filter((other) => other !== page);
  }

  call(target, name, ...args) {
    if (target && target[name]) this.guard(() => target[name](...args));
  }

  /** The page as its WXML shows it now. */
  tree() {
    return render(this.page.markup, this.page.data, this.page);
  }

  text() {
    return textOf(this.tree());
  }

  /** The first element that a test on (node, its text) holds for. */
  find(test) {
    return everything(this.tree()).find((node) => node.tag && test(node, textOf([node])));
  }

  has(name) {
    return Boolean(this.find((node) => this.wears(node, name)));
  }

  wears(node, name) {
    return String(node.attributes.class || '').split(/\s+/).includes(name);
  }

  /** Taps what says exactly this, or wears this label. */
  tap(words) {
    const node = this.find((one, text) => (one.handlers.tap || one.attributes['open-type'])
      && (text === words || one.attributes['aria-label'] === words));
    assert.ok(node, `nothing to tap says ${words}: ${this.text()}`);
    if (node.attributes.disabled) return;
    if (node.attributes['open-type'] === 'share') {
      this.card = this.page.onShareAppMessage({ from: 'button' });
    } else {
      this.fire(node, 'tap', {});
    }
  }

  /** Chooses from the system's menu, or answers its question. */
  choose(words) {
    assert.ok(this.sheet, 'no menu is open');
    const { items, chosen } = this.sheet;
    const index = items.findIndex((item) => (words instanceof RegExp ? words.test(item) : item === words));
    assert.ok(index >= 0, `nothing in the menu says ${words}: ${items}`);
    this.sheet = null;
    this.later(() => chosen(index));
  }

  /** Opens the page's own menu, which the system shows. */
  async menu(words) {
    this.tap(this.language === 'en' ? 'More' : '更多');
    await this.until(() => this.sheet, 'the menu');
    this.choose(words);
  }

  /** Fires an input's or a button's own event. */
  put(name, event, detail) {
    const node = this.find((one) => one.handlers[event] && (!name || this.wears(one, name)
      || one.attributes.type === name));
    assert.ok(node, `nothing listens to ${event}`);
    this.fire(node, event, detail);
  }

  fire(node, event, detail) {
    const target = { dataset: plain(node.dataset) };
    this.call(this.page, node.handlers[event], { type: event, detail, currentTarget: target, target });
  }

  /** Waits until a test holds on this phone; it is asked after everything that happens. */
  until(test, what = String(test)) {
    return new Promise((resolve, reject) => {
      const done = (end, value) => {
        clearTimeout(timer);
        this.watchers.delete(look);
        end(value);
      };
      const look = () => {
        try {
          if (this.faults.length) done(reject, this.faults[0]);
          else if (test(this)) done(resolve);
        } catch (error) {
          done(reject, error);
        }
      };
      const timer = setTimeout(() => {
        done(reject, new Error(`waited in vain for ${what}: ${this.text()}`));
      }, PATIENCE_MS);
      this.watchers.add(look);
      look();
    });
  }

  says(pattern) {
    return this.until(() => pattern.test(this.text()), pattern);
  }

  // ---- wx ---------------------------------------------------------------------------------

  wx() {
    const answer = (options, how, result) => this.later(() => {
      if (options[how]) options[how](result);
      if (options.complete) options.complete(result);
    });
    return {
      getAppBaseInfo: () => ({ language: this.language }),
      getStorageSync: (key) => (key in this.storage ? this.storage[key] : ''),
      setStorageSync: (key, data) => {
        if (this.full) throw new Error('setStorageSync:fail exceed storage max size');
        this.storage[key] = plain(data);
      },
      vibrateShort: (options) => {
        this.buzzes.push(options.type);
        answer(options, 'fail', { errMsg: 'vibrateShort:fail not supported' });
      },
      showToast: (options) => {
        this.toast = options.title;
        answer(options, 'success', { errMsg: 'showToast:ok' });
      },
      showActionSheet: (options) => {
        assert.ok(options.itemList.length && options.itemList.length <= 6, 'one to six');
        this.sheet = {
          items: options.itemList,
          chosen: (tapIndex) => options.success({ tapIndex, errMsg: 'showActionSheet:ok' }),
        };
        this.watchers.forEach((watcher) => watcher());
      },
      showModal: (options) => {
        // With more than four letters on a button nothing is shown.
        if ([options.cancelText, options.confirmText].some((text) => text.length > 4)) {
          return answer(options, 'fail', { errMsg: 'showModal:fail confirmText length' });
        }
        this.sheet = {
          title: options.title,
          items: [options.cancelText, options.confirmText],
          chosen: (index) => options.success({ confirm: index === 1, cancel: index === 0 }),
        };
        return this.watchers.forEach((watcher) => watcher());
      },
      getUpdateManager: () => ({
        onUpdateReady: (run) => this.updates.push(run),
        applyUpdate: () => {
          this.restarts += 1;
        },
      }),
      requirePrivacyAuthorize: (options) => {
        this.asked += 1;
        answer(options, this.consents ? 'success' : 'fail', {
          errMsg: `requirePrivacyAuthorize:${this.consents ? 'ok' : 'fail privacy permission is not authorized'}`,
        });
      },
      onNetworkStatusChange: (run) => this.networkListeners.push(run),
      setClipboardData: (options) => {
        if (!this.consents) {
          return answer(options, 'fail', {
            errMsg: 'setClipboardData:fail privacy permission is not authorized', errno: 104,
          });
        }
        this.clipboard = options.data;
        return answer(options, 'success', { errMsg: 'setClipboardData:ok' });
      },
      getFileSystemManager: () => ({
        saveFile: (options) => {
          if (this.full) return answer(options, 'fail', { errMsg: 'saveFile:fail exceed' });
          const savedFilePath = options.tempFilePath.replace('tmp', 'usr');
          this.saved.add(savedFilePath);
          return answer(options, 'success', { savedFilePath, errMsg: 'saveFile:ok' });
        },
        removeSavedFile: (options) => answer(options, this.saved.delete(options.filePath)
          ? 'success' : 'fail', { errMsg: 'removeSavedFile' }),
      }),
      reLaunch: (options) => this.later(() => {
        this.pages.splice(0).reverse().forEach((page) => this.unload(page));
        this.navigate(options.url);
      }),
      navigateTo: (options) => this.later(() => {
        if (STACK_MAX <= this.pages.length) {
          return answer(options, 'fail', { errMsg: 'navigateTo:fail webview count limit exceed' });
        }
        this.navigate(options.url);
        return answer(options, 'success', { errMsg: 'navigateTo:ok' });
      }),
      navigateBack: (options = {}) => this.later(() => {
        if (this.pages.length < 2) {
          return answer(options, 'fail', { errMsg: 'navigateBack:fail cannot navigate back' });
        }
        this.back();
        return answer(options, 'success', { errMsg: 'navigateBack:ok' });
      }),
      request: (options) => {
        const url = this.address(options.url, 'https', 'http');
        fetch(url).then(async (response) => {
          answer(options, 'success', { statusCode: response.status, data: await response.text() });
        }, () => answer(options, 'fail', { errMsg: 'request:fail' }));
      },
      connectSocket: (options) => this.connectSocket(options, answer),
    };
  }

  /** Where an allowed, encrypted address really leads. */
  address(url, encrypted, real) {
    const { protocol, host, pathname, search } = new URL(url);
    assert.equal(protocol, `${encrypted}:`, 'phones refuse addresses without encryption');
    assert.equal(host, DOMAIN, 'the domain is not in the list');
    return `${real}://127.0.0.1:${this.server.port}${pathname}${search}`;
  }

  connectSocket(options, answer) {
    const listeners = { open: [], message: [], error: [], close: [] };
    const tell = (event, what) => this.later(() => listeners[event].forEach((run) => run(what)));
    assert.equal(options.tcpNoDelay, true);
    assert.ok(options.timeout <= 60000);
    let socket = null;
    if (this.hidden || !this.connected || SOCKETS_MAX <= this.sockets.size) {
      answer(options, 'fail', { errMsg: 'connectSocket:fail' });
      tell('error', { errMsg: 'connectSocket:fail' });
    } else {
      socket = new WebSocket(this.address(options.url, 'wss', 'ws'), {
        handshakeTimeout: options.timeout,
      });
      this.sockets.add(socket);
      this.opened += 1;
      this.socketsMost = Math.max(this.socketsMost, this.sockets.size);
      let dead = false;
      const alive = (run) => (...what) => dead || run(...what);
      socket.on('open', alive(() => tell('open', { header: {} })));
      socket.on('message', alive((data, binary) => tell('message', {
        data: binary ? new Uint8Array(data).buffer : data.toString(),
      })));
      socket.on('error', alive((error) => tell('error', { errMsg: error.message })));
      const close = () => {
        this.sockets.delete(socket);
        // Phones report codes unreliably, so this one always does.
        tell('close', { code: 1006, reason: 'abnormal closure' });
      };
      socket.on('close', alive(close));
      socket.die = () => {
        if (dead) return;
        dead = true;
        // To the system it is open, or closing, until it notices.
        socket.send = () => {};
        socket.close = () => {};
        this.dead.push(() => {
          socket.terminate();
          close();
        });
      };
      answer(options, 'success', { errMsg: 'connectSocket:ok' });
    }
    return {
      onOpen: (run) => listeners.open.push(run),
      onMessage: (run) => listeners.message.push(run),
      onError: (run) => listeners.error.push(run),
      onClose: (run) => listeners.close.push(run),
      send: (message) => {
        const { data } = message;
        const text = typeof data === 'string';
        // The program's own ArrayBuffer is another one than the test's.
        const sendable = text || Object.prototype.toString.call(data) === '[object ArrayBuffer]';
        if (!sendable || !socket || socket.readyState !== WebSocket.OPEN) {
          return answer(message, 'fail', { errMsg: 'sendSocketMessage:fail' });
        }
        this.sent.push(text ? JSON.parse(data) : data);
        socket.send(data);
        return answer(message, 'success', { errMsg: 'sendSocketMessage:ok' });
      },
      close: (how = {}) => {
        if (socket) socket.close(how.code || 1000);
        answer(how, socket ? 'success' : 'fail', { errMsg: 'closeSocket' });
      },
    };
  }
}

/** What lists hold that are empty at first. */
const SAMPLES = {
  'pages/board/board': {
    players: [{ key: 0, place: 1, medal: 'medal1', own: true, name: 'Ada', portrait: '/avatars/1.svg', points: 3 }],
    around: [{ key: 0, place: 12, medal: '', own: true, name: 'Ada', portrait: '/avatars/1.svg', points: 3 }],
  },
  'pages/game/game': {
    last: [{ number: 1, outcome: 'win', picture: '/drawings/hand1.svg', none: false }],
    lines: [{ number: 1, way: '→', text: '["ping"]', ms: 0, meaning: '', where: '' }],
  },
};

/** What a page's WXML and WXSS name, checked against its data, its methods and the files. */
export function audit(phone, path, markup = read(`${path}.wxml`)) {
  const page = phone.definitions.get(path);
  const tree = render(parse(markup), { ...plain(page.data), ...SAMPLES[path] }, page, true);
  const styles = read('app.wxss') + read(`${path}.wxss`);
  for (const node of everything(tree)) {
    const { src, class: names } = node.attributes || {};
    if (src && src.startsWith('/')) assert.ok(existsSync(ROOT + src.slice(1)), `${src} is missing`);
    for (const name of String(names || '').split(/\s+/).filter(Boolean)) {
      assert.match(styles, new RegExp(`\\.${name}\\b`), `no style knows .${name}`);
    }
  }
  return tree;
}
