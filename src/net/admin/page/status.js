// Asks for the figures every few seconds and shows them. Nothing is kept here.
"use strict";

const PERIOD_MS = 5000;
// How much a plot shows: the last hour, or less while there is less; a sample every ten seconds.
const SPANS = [[60, "10 min ago"], [180, "30 min ago"], [360, "an hour ago"]];
const WIDTH = 360;
const HEIGHT = 100;

const byId = (id) => document.getElementById(id);
const count = new Intl.NumberFormat("en").format;

function duration(seconds) {
  const [d, h, m] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  if (d > 0) return `${d} d ${h % 24} h`;
  if (h > 0) return `${h} h ${m % 60} min`;
  return m > 0 ? `${m} min` : `${seconds} s`;
}

function micros(us) {
  return us < 1000 ? `${us} µs` : us < 1e6 ? `${us / 1000} ms` : `${us / 1e6} s`;
}

const bytes = (n) => (n < 2 ** 20 ? `${Math.round(n / 1024)} KiB` : `${(n / 2 ** 20).toFixed(1)} MiB`);

// A plot of at most an hour; the newest value is at the right edge.
function plot(name, values, show) {
  const svg = byId(`plot-${name}`);
  const top = Math.max(1, ...values);
  const [samples, begin] = SPANS.find(([samples]) => values.length <= samples) ?? SPANS.at(-1);
  const x = (index) => ((samples - values.length + index) / (samples - 1)) * WIDTH;
  const y = (value) => HEIGHT - (value / top) * (HEIGHT - 4) - 2;
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren();
  const add = (tag, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    svg.append(node);
  };
  for (const quarter of [0, 1, 2, 3, 4]) {
    const at = (quarter * WIDTH) / 4;
    add("line", { class: "grid", x1: at, x2: at, y1: 0, y2: HEIGHT });
  }
  if (points.length > 0) {
    const [first, last] = [x(0).toFixed(1), x(values.length - 1).toFixed(1)];
    add("polygon", { class: "area", points: `${first},${HEIGHT} ${points.join(" ")} ${last},${HEIGHT}` });
    add("polyline", { class: "curve", points: points.join(" ") });
  }
  let scale = svg.nextElementSibling;
  if (scale === null) {
    scale = document.createElement("div");
    scale.className = "scale";
    scale.append(...[0, 1, 2].map(() => document.createElement("span")));
    svg.after(scale);
  }
  const [left, middle, right] = scale.children;
  left.textContent = begin;
  middle.textContent = `highest ${show(top)}`;
  right.textContent = "now";
  byId(`now-${name}`).textContent = values.length > 0 ? show(values.at(-1)) : "–";
}

function table(caption, rows) {
  const card = document.createElement("div");
  card.className = "card";
  const element = document.createElement("table");
  element.createCaption().textContent = caption;
  if (rows.length === 0) element.insertRow().insertCell().textContent = "nothing yet";
  for (const [name, value] of rows) {
    const row = element.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head);
    row.insertCell().textContent = typeof value === "number" ? count(value) : value;
  }
  card.append(element);
  return card;
}

// No sample is no time.
const atMost = (ms) => (ms === 0 ? "–" : `≤ ${ms} ms`);
const GENERATIONS = { new: "not greeted yet", old: "first generation", v2: "with a session (v2)" };

const some = (map) => Object.entries(map).filter(([, value]) => value !== 0);

function show(status) {
  byId("version").textContent = status.version;
  const state = status.draining ? "draining" : "serving";
  const line = byId("line");
  line.textContent = `${state} for ${duration(status.uptime_s)}: ${count(status.open)} of at most ${count(status.limit)} connections`;
  line.className = status.draining ? "bad" : "";

  const history = status.history;
  plot("open", history.map(([open]) => open), count);
  // Six samples are a minute.
  const minute = (index) => history.slice(Math.max(0, index - 5), index + 1).reduce((sum, [, rounds]) => sum + rounds, 0);
  plot("rounds", history.map((_, index) => minute(index)), count);
  plot("turn", history.map(([, , p99]) => p99), micros);

  const rounds = status.rounds_human + status.rounds_robot;
  const share = rounds === 0 ? "–" : `${Math.round((100 * status.rounds_human) / rounds)} %`;
  byId("tables").replaceChildren(
    table("Game", [
      ["rounds running", status.rounds_running],
      ["rounds played", rounds],
      ["of them between humans", share],
      ["players", status.players],
      ["rooms", status.rooms],
      ["sessions", status.sessions],
      ["wait for a human, p99", atMost(status.wait_human_p99_ms)],
      ["wait for a robot, p99", atMost(status.wait_robot_p99_ms)],
      ["rounds end late by, p99", atMost(status.lateness_p99_ms)],
    ]),
    table("Connections", [
      ...Object.entries(status.dialects),
      ...Object.entries(status.generations).map(([name, value]) => [GENERATIONS[name] ?? name, value]),
    ]),
    table("Process", [
      ["memory", bytes(status.resident_bytes)],
      ["processor time", duration(status.cpu_s)],
      ["descriptors", `${count(status.descriptors)} of ${count(status.descriptors_max)}`],
      ["sockets", status.sockets],
      ["timers", status.timers],
      ["received", bytes(status.bytes.in)],
      ["sent", bytes(status.bytes.out)],
    ]),
    table("Store", kept(status.store)),
    ...(status.instance ? [table("Instances", everywhere(status))] : []),
    table("TLS", sealed(status.tls)),
    table("Persons", known(status.persons)),
    table("Refused", some(status.refusals)),
    table("Ended", some(status.endings)),
    table("Events in", some(status.events_in)),
    table("Events out", some(status.events_out)),
  );
  byId("config").textContent = status.config;
}

/** How TLS fares; nothing where it is not spoken. */
function sealed(tls) {
  if (!tls) return [];
  const days = tls.left_s === null ? 0 : Math.floor(tls.left_s / 86400);
  let certificate = `ends in ${days} days`;
  if (tls.left_s === null) certificate = "none yet";
  else if (tls.left_s < 0) certificate = "has ended: nobody who checks it connects";
  else if (days < 10) certificate += " and was not renewed";
  return [
    ["certificate", certificate],
    ["handshakes", count(tls.handshakes)],
    ["handshakes that failed", count(tls.failed)],
  ];
}

/** Who is online, here and at the other instances. */
function everywhere({ instance, online, others }) {
  const rows = Object.entries(others).concat([[`${instance}, this one`, online]]).sort();
  return [...rows, ["online in all", rows.reduce((sum, [, count]) => sum + count, 0)]];
}

/** Who signed in, and how many tokens were none; nothing where there are no keys. */
function known(persons) {
  if (!persons) return [];
  const { good, ...none } = persons.tokens;
  return [
    ["here, offline ones too", persons.here],
    ["tokens that are good", good],
    ...some(none).map(([reason, number]) => [`tokens refused: ${reason}`, number]),
  ];
}

/** How the store is; nothing where there is none. */
function kept(store) {
  if (!store) return [];
  return [
    ["state", store.trouble ?? "well"],
    ["orders committed", count(store.committed)],
    ["orders waiting", count(store.queued)],
    ["last commit", store.last_commit_age_ms === undefined ? "–" : `${duration(Math.floor(store.last_commit_age_ms / 1000))} ago`],
    ["size", bytes(store.bytes)],
  ];
}

async function renew() {
  try {
    const answer = await fetch("statusz", { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    const line = byId("line");
    line.className = "bad";
    line.textContent = `no answer (${error.message}); the figures below are old`;
  }
  setTimeout(renew, PERIOD_MS);
}

renew();
