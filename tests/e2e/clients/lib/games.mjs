// The matrix: each kind plays a whole game against each other kind, and against its own.
//
// Two rounds: the first player wins the first one, the second player the second one, which they
// reach by asking for "again"; then the winner leaves. Everything that either of them receives is
// compared as text, so that a key too many or in another place is seen.

import { checkOldBytes } from "./bytes.mjs";
import { KINDS } from "./kinds.mjs";
import { Server } from "./server.mjs";
import { Wire } from "./wire.mjs";
import { check, same, until } from "./util.mjs";

/** What is looked at in a game, by the letter that stands for it in the table. */
export const STEPS = {
  h: "hi answers hello",
  s: "start names both players",
  m: "movement tells that the other one chose",
  f: "movement brings the other one's face (·: the other one has none to show)",
  r: "result is right for both",
  a: "again: the second round starts and ends",
  l: "leave is told",
  o: "only the original's events, keys and order (·: a v2 client, which is told more)",
  n: "nothing else was said",
};

/** A round is long enough for a client on a busy machine to choose in it. */
const FLAGS = ["--game-time", "5s", "--robot-after", "60s", "--rematch-wait", "60s", "--linger", "500ms"];

/** One seat of a game: the client, what was seen, and where it stands. */
class Seat {
  /** What was seen: each letter, or a dot for what there was nothing of. */
  seen = new Map();
  score = { totalScore: 0, winStreak: 0 };
  /** Rooms of a second-generation client that were not looked at yet. */
  rooms = [];
  /** What it was told, rooms left out, in the order in which that was due. */
  told = [];

  constructor(kind, name) {
    this.client = kind.make(name);
    this.kind = kind;
    this.uid = this.client.user.uid;
  }

  /** The next event but `room`, which only v2 clients may get; it has to have this name. */
  async next(name, what = name, isWanted = () => true) {
    const { client } = this;
    for (;;) {
      const event = this.kind.threads
        ? await client.inbox.pick((event) => event.name === name && isWanted(event), what)
        : await client.inbox.next(`${client.name}: ${what}`);
      if (event.name !== "room") {
        this.told.push(event);
        return event;
      }
      check(client.v2, `${client.name} is no v2 client and got a room`);
      this.rooms.push(event.payload);
    }
  }

  see(letter, mark = letter) {
    this.seen.set(letter, mark);
  }

  async expect(name, payload, what = name) {
    const wanted = JSON.stringify(payload);
    const event = await this.next(name, what, (event) => JSON.stringify(event.payload) === wanted);
    same([event.name, event.payload], [name, payload], `${this.client.name}, ${what}`);
  }

  async hello(nearby) {
    this.client.hello();
    const event = await this.next("hi");
    let want = { message: "welcome", nearby };
    if (this.client.v2) {
      const { uid, session } = event.payload;
      check(/^p-\w{12}$/.test(uid) && 20 <= session.length, `a uid and a token: ${uid}`);
      this.uid = uid;
      want = { ...want, uid, session, resumed: false, ...this.score };
    }
    same([event.name, event.payload], ["hi", want], this.client.name);
    this.see("h");
  }

  /** What travelled is what was due, in this order, and old bytes for an old client. */
  checkTexts(texts) {
    const events = texts.filter((text) => /^(42)?\[/.test(text)).map((text) => text.replace(/^42/, ""));
    const told = events.filter((text) => !text.startsWith('["room"'));
    const due = this.told.map(({ name, payload }) => JSON.stringify([name, payload]));
    same(told, due, `${this.client.name}, on the wire`);
    if (!this.client.v2) checkOldBytes(this.kind.dialect, texts);
  }

  user() {
    const { uname, uavatar } = this.client.user;
    const { totalScore, winStreak } = this.score;
    return { uid: this.uid, uname, uavatar, choice: null, roundScore: 0, totalScore, winStreak };
  }
}

/** One round; `letters` are marked off as its steps are seen. Returns the order of the seats. */
async function round(seats, winner, letters, order) {
  const [a, b] = seats;
  for (const seat of seats) {
    const choice = seat === winner ? 2 : 1;
    seat.client.choice = choice;
    seat.choice = choice;
  }
  a.client.join();
  b.client.join();
  for (const seat of seats) {
    const event = await seat.next("start");
    // Who asked first is the network's secret; from then on the order stays.
    order ??= event.payload?.roomUsers?.[0]?.uid === a.uid ? [a, b] : [b, a];
    const want = { gameTime: 5, roomUsers: order.map((other) => other.user()) };
    same([event.name, event.payload], ["start", want], `${seat.client.name}, start`);
    if (seat.client.v2) {
      check(seat.rooms.at(-1)?.full === true, `${seat.client.name}: room comes before start`);
    }
    seat.see(letters.start);
  }
  for (const seat of seats) seat.client.choose(seat.choice);
  for (const seat of seats) seat.client.face(seat.choice + 2);
  for (const [seat, other] of [[a, b], [b, a]]) {
    await seat.expect("movement", { uid: other.uid, movement: "choice" });
    seat.see(letters.choice);
    if (other.client.faces) {
      const face = other.choice + 2;
      await seat.expect("movement", { uid: other.uid, movement: "face", face });
      seat.see(letters.face);
    } else {
      seat.see(letters.face, "·");
    }
  }
  const rows = order.map((seat) => {
    const winStreak = seat === winner ? seat.score.winStreak + 1 : 0;
    const roundScore = winStreak;
    const totalScore = seat.score.totalScore + roundScore;
    seat.score = { totalScore, winStreak };
    return { uid: seat.uid, roundScore, totalScore, winStreak, choice: seat.choice };
  });
  for (const seat of seats) {
    await seat.expect("result", { result: rows });
    seat.see(letters.result);
  }
  return order;
}

/**
 * Plays one pair; returns what each of the two saw, and what went wrong if anything did.
 *
 * `openFront(server)` puts something between: `{ port, tls, close() }`.
 */
export async function play(first, second, { flags = [], openFront } = {}) {
  const seats = [[first, "a"], [second, "b"]].map(
    ([kind, letter]) => new Seat(KINDS[kind], `${letter}-${kind}`),
  );
  const [a, b] = seats;
  let server;
  let front;
  let failure;
  try {
    server = await Server.start(...FLAGS, ...flags);
    front = await openFront?.(server);
    const wires = [];
    for (const seat of seats) {
      const wire = await Wire.to(front?.port ?? server.port);
      wire.tls = front?.tls;
      wires.push(wire);
      await seat.client.connect(wire);
      await seat.hello(wires.length - 1);
    }
    const letters = { start: "s", choice: "m", face: "f", result: "r" };
    const order = await round(seats, a, letters);
    // Marked only by the last step of the second round.
    await round(seats, b, { result: "a" }, order);
    b.client.send("leave");
    await a.expect("leave", { uid: b.uid });
    for (const seat of seats) seat.see("l");
    // The answers to these come after everything else that is still on its way.
    for (const seat of seats) {
      if (seat.client.faces) {
        seat.client.send("dance");
        const problem = { code: "unknown-event", message: "there is no such event", event: "dance" };
        await seat.expect("problem", problem, "nothing but the answer to a nonsense");
      } else {
        seat.client.hello();
        await seat.expect("hi", { message: "welcome", nearby: 1 }, "nothing but another welcome");
      }
      check(seat.client.connects === 1, `${seat.client.name} connected ${seat.client.connects} times`);
      check(wires[seats.indexOf(seat)].connections === 1, `${seat.client.name} came back`);
    }
    for (const seat of seats) seat.client.disconnect();
    const ends = /rounds: (left|closed 1000 the client left)$/;
    await until(() => server.count(ends) === 2, "the log tells of two good ends");
    await server.stop();
    for (const seat of seats) {
      const rest = seat.client.inbox.items.filter((event) => event.name !== "room");
      same(rest, [], `${seat.client.name} got more`);
      // Behind TLS only the client itself sees its texts.
      const wire = wires[seats.indexOf(seat)];
      const texts = wire.tls ? seat.client.texts : wire.said(0).texts;
      if (texts) seat.checkTexts(texts);
      seat.see("o", seat.client.v2 ? "·" : "o");
      seat.see("n");
    }
  } catch (error) {
    failure = error;
  } finally {
    for (const seat of seats) seat.client.destroy();
    await front?.close();
    server?.kill();
  }
  return { a: a.seen, b: b.seen, failure };
}
