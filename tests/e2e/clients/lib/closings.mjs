// Every close by the server, as each kind of client meets it: who comes back, and who does not.

import { PlainV2 } from "./raw.mjs";
import { check, same } from "./util.mjs";

/** The server is restarted: an answer for everybody, and who comes back finds the new one. */
async function drain(stage) {
  await stage.open("--drain-spread", "300ms");
  await stage.greet();
  const next = await stage.serve();
  stage.wire.target = next.port;
  await stage.server.stop();
  check(stage.server.count(/rounds: closed 1012 /) === 1, stage.server.lines.join("; "));
  await stage.returned();
  await stage.ended(1012, { word: "restart", stay: false });
  await next.stop();
}

/** The network swallows every sign of life: the server gives up, and whoever returns does. */
async function silence(stage) {
  const { kind } = stage;
  // A library of EIO3 pings by itself and would give up first: it is given time to, and as a v2
  // client it has to answer the server's pings sooner than that.
  const watches = kind.packets && kind.dialect === "eio3";
  // Time enough for a client on a busy machine to answer while the network is still well.
  const limits = ["--ping-interval", "1s", "--ping-timeout-eio4", "3s", "--ping-timeout-v2", "3s"];
  await stage.open(...limits, "--ping-timeout", watches ? "60s" : "3s");
  await (watches ? stage.greetV2() : stage.greet());
  stage.wire.hush();
  await stage.server.line(/rounds: closed 4002 /);
  await stage.returned();
  await stage.ended(4002, { word: "timeout", stay: false });
  await stage.server.stop();
}

/** Somebody else shows its token: the older connection stays away, or both would fight forever. */
async function takenOver(stage) {
  await stage.open();
  const { uid, session } = await stage.greetV2();
  const newer = new PlainV2("newer");
  newer.session = session;
  await stage.beside(newer);
  newer.hello();
  const { name, payload } = await newer.inbox.next("hi");
  same([name, payload.uid, payload.resumed], ["hi", uid, true], "the newer one has the session");
  await stage.server.line(/rounds: closed 4001 /);
  await stage.counts(1);
  await stage.ended(4001, { word: "taken-over", stay: true });
  same([newer.connects, newer.notes], [1, []], "the newer one stays");
  await stage.server.stop();
}

/** Not one packet gets through. */
async function nothingSaid(stage) {
  await stage.prepare("--hello-timeout", "1s");
  // Libraries of EIO4 speak as soon as they can, so the network swallows it.
  stage.wire.mute = true;
  stage.client.tryToConnect(stage.wire);
  await stage.server.line(/rounds: closed 4408 /);
  await stage.counts(1);
  await stage.ended(4408, { stay: true });
  await stage.server.stop();
}

/** A fault of the client's own: it stays away, whatever its library likes. */
const fault = (code, word, commit) => async (stage) => {
  // However late a client reads the goodbye, and whatever it still sends: no reset overtakes it.
  await stage.open("--linger", "30s", "--drain-timeout", "35s");
  await stage.greet();
  commit(stage.client);
  await stage.server.line(new RegExp(`rounds: closed ${code} `));
  await stage.counts(1);
  await stage.ended(code, { word, stay: true });
  await stage.server.stop();
};

const flood = fault(1008, "too-fast", (client) => {
  for (let sent = 0; sent < 150; sent++) client.send("face", { face: 1 });
});
const binary = fault(1003, "fault", (client) => client.sendBinary());
const tooLong = fault(1009, "fault", (client) => {
  client.send("face", { face: 1, padding: "x".repeat(5_000) });
});

/** By the columns of the table: for whom, and what. */
export const CLOSINGS = {
  drain: { of: () => true, run: drain, what: "SIGTERM, 1012: back once, or not at all" },
  silence: { of: () => true, run: silence, what: "no sign of life, 4002: back once, or not at all" },
  flood: { of: () => true, run: flood, what: "too many events, 41 and 1008: never back" },
  binary: { of: () => true, run: binary, what: "binary data, 41 and 1003: never back" },
  "too long": { of: () => true, run: tooLong, what: "5000 bytes, 41 and 1009: never back" },
  "taken over": {
    of: (kind) => !kind.page,
    run: takenOver,
    what: "its session is taken over, 41 and 4001: never back",
  },
  "said nothing": {
    // Nobody knows yet that it is a v2 client, so it is not told to stay away, and comes back.
    of: (kind) => !kind.v2 && !kind.hasty,
    run: nothingSaid,
    what: "not one packet in time, 41 and 4408: never back",
  },
};
