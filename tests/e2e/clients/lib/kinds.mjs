// Every kind of client there is, and what each of them can and is expected to do.

import { Official } from "./official.mjs";
import { Python } from "./python.mjs";
import { MiniProgram, Plain, PlainV2 } from "./raw.mjs";

/**
 * - `make(name)`: a fresh client;
 * - `dialect`: what the server's log calls it;
 * - `returns`: it comes back by itself after a connection is lost;
 * - `packets`: its library knows acknowledgements and namespaces;
 * - `polls`: it begins with long-polling unless told otherwise;
 * - `protocols`: it can be told to ask for subprotocols;
 * - `threads`: its library handles each packet in a thread of its own, so events that come at once
 *   may be told in any order; the order on the wire is looked at apart;
 * - `hasty`: by itself its library gives a connection up that is not greeted within a second, and until
 *   then it heeds no `41`;
 * - `codes`: it tells the code of a close frame;
 * - `v2`: it names itself a v2 client;
 * - `page`: what it says is what a finished program says, nothing else.
 */
const official = (major) => ({
  make: (name) => new Official(name, major),
  dialect: major < 3 ? "eio3" : "eio4",
  returns: true,
  packets: true,
  polls: true,
  protocols: major === 4,
});

export const KINDS = {
  "sio-1.7": official(1),
  "sio-2.5": official(2),
  "sio-3.1": official(3),
  "sio-4.8": official(4),
  "py-sio": {
    make: (name) => new Python(name, "socketio"),
    dialect: "eio4",
    returns: true,
    packets: true,
    polls: true,
    threads: true,
    hasty: true,
  },
  mini: { make: (name) => new MiniProgram(name), dialect: "eio3", page: true, codes: true },
  ws: { make: (name) => new Plain(name), dialect: "plain", codes: true, protocols: true },
  "py-ws": {
    make: (name) => new Python(name, "websockets"),
    dialect: "plain",
    codes: true,
    protocols: true,
  },
  v2: {
    make: (name) => new PlainV2(name),
    dialect: "plain",
    returns: true,
    codes: true,
    v2: true,
  },
};
