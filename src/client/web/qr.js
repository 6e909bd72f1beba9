// A link as a QR code (ISO/IEC 18004), drawn here so that nobody else learns of it: bytes, error
// correction level M, versions 2 to 6, mask 0. Loaded when a room is open.
//
// Absent: DOM. A code is a list of rows of true and false.

/** Per version: error correction codewords in a block, blocks, data codewords in a block. */
const VERSIONS = {
  2: [16, 1, 28], 3: [26, 1, 44], 4: [18, 2, 32], 5: [24, 2, 43], 6: [16, 4, 27],
};
/** Mode and length come before the bytes: one and a half of them. */
const HEAD_BYTES = 2;
const PAD = [0xec, 0x11];
/** Level M and mask 0 with their check bits, masked: table C.1. */
const FORMAT = 0x5412;

/** In GF(256) with the polynomial 0x11d. */
function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

/** The coefficients of the generator of this degree, without the leading one. */
function generator(degree) {
  const result = new Array(degree).fill(0);
  result[degree - 1] = 1;
  let root = 1;
  for (let i = 0; i < degree; i += 1) {
    for (let j = 0; j < degree; j += 1) {
      result[j] = times(result[j], root) ^ (j + 1 < degree ? result[j + 1] : 0);
    }
    root = times(root, 2);
  }
  return result;
}

/** What is left of the data divided by the generator. */
function remainder(data, divisor) {
  const result = divisor.map(() => 0);
  data.forEach((byte) => {
    const factor = byte ^ result.shift();
    result.push(0);
    divisor.forEach((coefficient, i) => { result[i] ^= times(coefficient, factor); });
  });
  return result;
}

/** All codewords in the order in which they are drawn. */
function codewords(bytes, [check, blocks, each]) {
  const nibbles = [4, bytes.length >> 4, bytes.length & 15];
  bytes.forEach((byte) => nibbles.push(byte >> 4, byte & 15));
  nibbles.push(0);
  const data = [];
  for (let i = 0; i < nibbles.length; i += 2) data.push((nibbles[i] << 4) | nibbles[i + 1]);
  for (let i = 0; data.length < blocks * each; i += 1) data.push(PAD[i % 2]);
  const divisor = generator(check);
  const parts = [];
  for (let i = 0; i < blocks; i += 1) parts.push(data.slice(i * each, (i + 1) * each));
  const checks = parts.map((part) => remainder(part, divisor));
  const mixed = (lists) => lists[0].map((_, i) => lists.map((list) => list[i]))
    .reduce((all, some) => all.concat(some), []);
  return mixed(parts).concat(mixed(checks));
}

/** The fixed patterns: undefined where data goes. */
function frame(version) {
  const size = 17 + 4 * version;
  const rows = Array.from({ length: size }, () => new Array(size).fill(undefined));
  const set = (x, y, dark) => {
    if (rows[y] !== undefined && x >= 0 && x < size) rows[y][x] = dark;
  };
  for (let i = 0; i < size; i += 1) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  const square = (cx, cy, radius, light) => {
    for (let dy = -radius; dy <= radius; dy += 1) {
      for (let dx = -radius; dx <= radius; dx += 1) {
        set(cx + dx, cy + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  };
  [[3, 3], [size - 4, 3], [3, size - 4]].forEach(([x, y]) => square(x, y, 4, [2, 4]));
  square(size - 7, size - 7, 2, [1]);
  const bit = (i) => ((FORMAT >> i) & 1) === 1;
  for (let i = 0; i < 15; i += 1) {
    // Once around the first finder, and once split between the other two.
    if (i < 6) set(8, i, bit(i));
    else if (i < 8) set(8, i + 1, bit(i));
    else if (i === 8) set(7, 8, bit(i));
    else set(14 - i, 8, bit(i));
    if (i < 8) set(size - 1 - i, 8, bit(i));
    else set(8, size - 15 + i, bit(i));
  }
  set(8, size - 8, true);
  return rows;
}

/** The rows of the code for a text, or null if it is too long. */
export function encode(text) {
  const bytes = Array.from(unescape(encodeURIComponent(text)), (letter) => letter.charCodeAt(0));
  const version = Object.keys(VERSIONS).map(Number)
    .find((each) => bytes.length + HEAD_BYTES <= VERSIONS[each][1] * VERSIONS[each][2]);
  if (!version) return null;
  const words = codewords(bytes, VERSIONS[version]);
  const rows = frame(version);
  const size = rows.length;
  let at = 0;
  for (let right = size - 1; right > 0; right -= 2) {
    // The column of the timing pattern holds no data.
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      for (let x = right; x > right - 2; x -= 1) {
        if (rows[y][x] === undefined) {
          const dark = ((words[at >> 3] >> (7 - (at & 7))) & 1) === 1;
          rows[y][x] = dark !== ((x + y) % 2 === 0);
          at += 1;
        }
      }
    }
  }
  return rows;
}

/** The same as a path in a square of `size`, with the margin of four that the standard asks for. */
export function draw(text) {
  const rows = encode(text);
  if (!rows) return null;
  const path = rows.map((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : '')).join('')).join('');
  return { path, size: rows.length + 8 };
}
