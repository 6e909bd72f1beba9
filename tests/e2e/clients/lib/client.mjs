// What all clients of the matrix have in common, whatever they are made of.
//
// A driver connects through a Wire, sends events, and hands on what it receives, in order.

import { Inbox } from "./util.mjs";

export class Client {
  /** Events as `{ name, payload }`, in the order they came. */
  inbox = new Inbox();
  /** How often the library said that it is connected. */
  connects = 0;
  /** What else it said: disconnects, errors. */
  notes = [];
  /** Whether it names itself a client of the second generation. */
  v2 = false;
  /** Whether it shows its opponent faces. */
  faces = true;

  constructor(name) {
    this.name = name;
    this.user = { uid: `u-${name}`, uname: `${name} 剪刀`, uavatar: "https://example.org/a.png" };
  }

  receive(name, payload) {
    this.inbox.push({ name, payload });
  }

  note(text) {
    this.notes.push(text);
  }

  hello() {
    this.send("hello", { user: this.user });
  }

  /** Names itself a client of the second generation, whatever it is, and shows a token if it has one. */
  helloV2(session) {
    this.v2 = true;
    this.send("hello", { user: this.user, v: 2, session });
  }

  /** Asks for a round, or for another one. */
  join() {
    this.send("join");
  }

  /** To be called at every start. */
  choose(choice) {
    this.send("choice", { choice });
  }

  face(face) {
    this.send("face", { face });
  }
}
