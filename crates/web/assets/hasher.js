// SHA-256 of files of any size, a slice at a time, away from the page: crypto.subtle wants the whole file in memory.

const K = new Uint32Array(64);
const INITIAL = new Uint32Array(8);
{
  // The fractional parts of the roots of the first primes (FIPS 180-4).
  const frac = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  let count = 0;
  for (let n = 2; count < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    if (count < 8) INITIAL[count] = frac(Math.sqrt(n));
    K[count++] = frac(Math.cbrt(n));
  }
}

const W = new Int32Array(64);

function compress(state, bytes, from, to) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let [h0, h1, h2, h3, h4, h5, h6, h7] = state;
  for (let at = from; at + 64 <= to; at += 64) {
    for (let i = 0; i < 16; i++) W[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const x = W[i - 15];
      const y = W[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      W[i] = (W[i - 16] + s0 + W[i - 7] + s1) | 0;
    }
    let a = h0, b = h1, c = h2, d = h3, e = h4, f = h5, g = h6, h = h7;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    h0 = (h0 + a) | 0; h1 = (h1 + b) | 0; h2 = (h2 + c) | 0; h3 = (h3 + d) | 0;
    h4 = (h4 + e) | 0; h5 = (h5 + f) | 0; h6 = (h6 + g) | 0; h7 = (h7 + h) | 0;
  }
  state.set([h0, h1, h2, h3, h4, h5, h6, h7]);
}

// Slices are whole blocks but for the last, which gets the padding.
const SLICE = 4 * 1024 * 1024;

async function digest(file, progress) {
  const state = new Int32Array(INITIAL);
  for (let at = 0; ; at += SLICE) {
    const bytes = new Uint8Array(await file.slice(at, at + SLICE).arrayBuffer());
    const whole = bytes.length - (bytes.length % 64);
    compress(state, bytes, 0, whole);
    if (bytes.length === SLICE) {
      progress(at + SLICE);
      continue;
    }
    const rest = bytes.length - whole;
    const last = new Uint8Array(rest < 56 ? 64 : 128);
    last.set(bytes.subarray(whole));
    last[rest] = 0x80;
    const view = new DataView(last.buffer);
    view.setUint32(last.length - 8, Math.floor(file.size / 2 ** 29));
    view.setUint32(last.length - 4, (file.size % 2 ** 29) * 8);
    compress(state, last, 0, last.length);
    return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

let before = Promise.resolve();
self.addEventListener("message", ({ data: { id, file } }) => {
  const progress = (done) => self.postMessage({ id, done });
  before = before
    .then(() => digest(file, progress))
    .then((sha256) => self.postMessage({ id, sha256 }))
    .catch((error) => self.postMessage({ id, error: String(error) }));
});
