// Where one client is watched alone: a server started for it, and a wire that counts.

import { checkOldBytes } from "./bytes.mjs";
import { KINDS } from "./kinds.mjs";
import { Server } from "./server.mjs";
import { Wire } from "./wire.mjs";
import { check, same, sleep, until } from "./util.mjs";

/** Libraries come back 100 ms after a loss here: who has not in this time does not. */
const WATCHED_MS = 1_500;

/** Everything a check needs; it is closed afterwards. */
export class Stage {
  #closers = [];

  constructor(kind) {
    this.kind = KINDS[kind];
    this.client = this.keep(this.kind.make(kind));
  }

  keep(client) {
    this.#closers.push(() => client.destroy());
    return client;
  }

  async serve(...flags) {
    const server = await Server.start("--game-time", "2s", "--linger", "500ms", ...flags);
    this.#closers.push(() => server.kill());
    return server;
  }

  /** A server, and the wire to it; nobody is connected yet. */
  async prepare(...flags) {
    this.server = await this.serve(...flags);
    this.wire = await Wire.to(this.server.port);
  }

  async open(...flags) {
    await this.prepare(...flags);
    await this.client.connect(this.wire);
  }

  /** Another client, on a wire of its own. */
  async beside(client) {
    this.keep(client);
    await client.connect(await Wire.to(this.server.port));
    return client;
  }

  /** The client works: it is greeted. */
  async greet(hello = () => this.client.hello()) {
    hello();
    for (;;) {
      const event = await this.client.inbox.next("hi");
      if (event.name === "hi") return event.payload;
    }
  }

  /** The same, as a client of the second generation. */
  greetV2() {
    return this.greet(() => this.client.helloV2());
  }

  /** Exactly so many connections, and not one more while we watch. */
  async counts(connections) {
    await until(() => connections <= this.wire.connections, `${connections} connections are made`);
    await sleep(WATCHED_MS);
    check(
      this.wire.connections === connections,
      `${this.wire.connections} connections instead of ${connections}; ${this.client.notes}`,
    );
  }

  /** The client came back by itself, once, and is connected: or did not, as its kind does. */
  async returned() {
    if (!this.kind.returns) return this.counts(1);
    await until(() => 2 <= this.client.connects, "the client is back");
    await this.counts(2);
    check(this.client.connects === 2, `it connected ${this.client.connects} times`);
    await this.greet();
  }

  /**
   * How the server ended the first connection: the code of the close frame; right before it `41`
   * if the client is to `stay` away and its dialect has such a thing; `bye` for a v2 client.
   */
  async ended(code, { word, stay }) {
    const { client, kind } = this;
    const said = this.wire.said(0);
    if (kind.codes) {
      await until(() => client.notes.includes(`close: ${code}`), `close: ${code}`).catch((error) => {
        throw new Error(`${error.message}; it noted ${JSON.stringify(client.notes)} of ${JSON.stringify(said)}`);
      });
    }
    same(said.code, code, "the code of the close frame");
    const told = said.texts.filter((text) => text === "41").length;
    same(told, stay && kind.dialect !== "plain" ? 1 : 0, "how often 41 was sent");
    same(said.texts.indexOf("41"), told ? said.texts.length - 1 : -1, "the place of 41");
    const texts = said.texts.filter((text) => text.includes('["bye"'));
    if (!client.v2) return same(texts, [], "an old client knows no bye");
    same(texts.length, 1, "how often bye was said");
    check(said.texts.indexOf(texts[0]) === said.texts.length - 1 - told, "bye is the last word");
    const [, { retry_ms: retry, ...bye }] = JSON.parse(texts[0].replace(/^42/, ""));
    same(bye, { code, reason: word }, "bye");
    check(stay ? retry === undefined : Number.isInteger(retry), `retry_ms ${retry}`);
  }

  /** What an old client was sent, on all its connections, is what the original would send. */
  checkBytes() {
    if (this.client.v2) return;
    for (const number of this.wire.received.keys()) {
      checkOldBytes(this.kind.dialect, this.wire.said(number).texts);
    }
  }

  close() {
    for (const closer of this.#closers) closer();
  }
}
