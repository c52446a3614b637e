// The microbenchmark: one sum by three programs, in turns.
import { load, simd128IsAvailable } from './kldiv.mjs';

const LENGTH = 16384;
const ROUNDS = 21;
const ROUND_MS = 12; // many of the steps in which a browser's clock moves

function loopOverMathLog(x, t) {
  let sum = 0;
  for (let i = 0; i < t.length; i++) if (t[i] > 0) sum += t[i] * (Math.log(t[i]) - x[i]);
  return sum;
}

/** Of each program { name, nanoseconds an element, sum }; `progress` is told the share that is done. */
export async function race(progress = () => {}) {
  const { x, t } = pairs();
  const programs = [{ name: 'loop over Math.log', run: () => loopOverMathLog(x, t) }];
  programs.push({ name: 'kldiv, plain WASM', run: await sumIn({ simd128: false }, x, t) });
  if (simd128IsAvailable()) programs.push({ name: 'kldiv, simd128', run: await sumIn({ simd128: true }, x, t) });

  for (const program of programs) {
    program.sum = program.run();
    program.samples = [];
    // Compilers of the engine have to see some calls first.
    const end = performance.now() + 5 * ROUND_MS;
    for (program.calls = 0; performance.now() < end; program.calls++) program.run();
    program.calls = Math.ceil(program.calls / 5);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const program of programs) {
      const start = performance.now();
      for (let call = 0; call < program.calls; call++) program.run();
      program.samples.push(((performance.now() - start) * 1e6) / program.calls / LENGTH);
    }
    progress((round + 1) / ROUNDS);
    await new Promise((resume) => setTimeout(resume)); // the page stays alive
  }
  return programs.map(({ name, sum, samples }) => ({ name, sum, nanoseconds: median(samples) }));
}

/** Log-probabilities, and probabilities that are no more likely to be small than large in their logarithm. */
function pairs() {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const x = Float32Array.from({ length: LENGTH }, () => -12 + 8 * random());
  const t = Float32Array.from({ length: LENGTH }, () => Math.exp(-12 + 8 * random()));
  return { x, t };
}

/** The sum by one of the modules, of numbers that already lie in its memory. */
async function sumIn(options, x, t) {
  const kldiv = await load(options);
  const [input, target] = [x, t].map(({ length }) => kldiv.room(Float32Array, length));
  input.array.set(x);
  target.array.set(t);
  return () => kldiv.reduce(input.array, target.array, { reduction: 'sum' });
}

const median = (samples) => samples.sort((a, b) => a - b)[samples.length >> 1];
