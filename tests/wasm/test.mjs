// The C interface as a WebAssembly module, called from JavaScript on views of its memory, and its
// time beside a loop in JavaScript and a loop over libm in WebAssembly:
//   node tests/wasm/test.mjs FOLDER        (FOLDER as `.ci/cross/wasm.sh` fills it)
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';

const folder = process.argv[2];

class Module {
  constructor(name) {
    const module = new WebAssembly.Module(readFileSync(`${folder}/${name}.wasm`));
    assert.deepEqual(WebAssembly.Module.imports(module), [], 'the module has no imports');
    this.name = name;
    this.exports = new WebAssembly.Instance(module).exports;
    this.end = this.exports.__heap_base.value;
  }
  // Room for numbers behind what the module uses itself. Growing the memory ends earlier views.
  room(count, bytes) {
    const address = (this.end + 15) & ~15;
    this.end = address + count * bytes;
    const missing = this.end - this.exports.memory.buffer.byteLength;
    if (missing > 0) this.exports.memory.grow(Math.ceil(missing / 65536));
    return address;
  }
  f32(address, count) {
    return new Float32Array(this.exports.memory.buffer, address, count);
  }
  f64(address, count) {
    return new Float64Array(this.exports.memory.buffer, address, count);
  }
  text(address) {
    const bytes = new Uint8Array(this.exports.memory.buffer, address);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }
  // input, target, isa, reduction, batch: see kldiv.h.
  options(...fields) {
    const address = this.room(5, 4);
    new Uint32Array(this.exports.memory.buffer, address, 5).set(fields);
    return address;
  }
}

function check(module) {
  const kldiv = module.exports;
  const [input, target, out, result] = [6, 6, 6, 1].map((count) => module.room(count, 8));
  const probs = module.options(1, 0, 0, 1, 0); // probabilities both, sum
  const scalar = module.options(1, 0, 1, 1, 0);
  const q = [1 / 3, 1 / 3, 1 / 3, 0, 0.5, 0.5];
  const p = [0.36, 0.48, 0.16, 0, 0.75, 0.25];
  const divergence = 0.21611163725950758; // Σ p·ln(p/q) in double precision
  for (const [type, near] of [['f32', 1e-6], ['f64', 1e-15]]) {
    module[type](input, 6).set(q);
    module[type](target, 6).set(p);
    assert.equal(kldiv[`kldiv_reduce_${type}`](probs, input, target, 6, result), 0);
    const [sum] = module[type](result, 1);
    assert(Math.abs(sum - divergence) < near, `${sum}`);
    assert.equal(kldiv[`kldiv_reduce_${type}`](scalar, input, target, 6, result), 0);
    assert.equal(module[type](result, 1)[0], sum, 'the same bits without simd128');
    assert.equal(kldiv[`kldiv_row_sums_${type}`](probs, input, target, 6, out, 2), 0);
    const rows = module[type](out, 2);
    assert(Math.abs(rows[0] + rows[1] - divergence) < near);
    assert.equal(kldiv[`kldiv_grad_input_${type}`](probs, input, target, 6, out, 1, out, 6), 4);
    assert.equal(kldiv[`kldiv_softmax_${type}`](target, 6, 4, out, 6), 9);
    module[type](input, 6).set([0, 0, -Infinity, 1e6, -1e6, 0]);
    assert.equal(kldiv[`kldiv_softmax_${type}`](input, 6, 3, out, 6), 0);
    assert.deepEqual([...module[type](out, 6)], [0.5, 0.5, 0, 1, 0, 0]);
  }
  assert.match(module.text(kldiv.kldiv_message(4)), /overlap/);
}

const js = {
  kl: (x, t) => {
    let sum = 0;
    for (let i = 0; i < t.length; i++) if (t[i] > 0) sum += t[i] * (Math.log(t[i]) - x[i]);
    return sum;
  },
  kl_log_target: (x, t) => {
    let sum = 0;
    for (let i = 0; i < t.length; i++) sum += Math.exp(t[i]) * (t[i] - x[i]);
    return sum;
  },
};

// Median nanoseconds an element of each contender, in turn.
function time(contenders, n) {
  const now = () => Number(process.hrtime.bigint());
  for (const c of contenders) {
    const end = now() + 5e7;
    for (c.repeat = 0; now() < end; c.repeat++) c.result = c.run();
    c.repeat = Math.ceil(c.repeat / 5);
    c.samples = [];
  }
  for (let round = 0; round < 15; round++)
    for (const c of contenders) {
      const start = now();
      for (let k = 0; k < c.repeat; k++) c.run();
      c.samples.push((now() - start) / c.repeat / n);
    }
  for (const c of contenders) c.median = c.samples.sort((a, b) => a - b)[7];
}

function race(modules, libm, n) {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const ln = Float32Array.from({ length: n }, () => -12 + 8 * random());
  const rows = { kl: Float32Array.from(ln, Math.exp), kl_log_target: ln };
  const x = Float32Array.from({ length: n }, () => -12 + 8 * random());
  for (const [kernel, t] of Object.entries(rows)) {
    const contenders = [{ name: 'JavaScript loop', run: () => js[kernel](x, t) }];
    const place = (module) => {
      const [input, target] = [module.room(n, 4), module.room(n, 4)];
      module.f32(input, n).set(x);
      module.f32(target, n).set(t);
      return [input, target];
    };
    const [input, target] = place(libm);
    const base = { name: 'libm loop', run: () => libm.exports[`plain_${kernel}`](input, target, n) };
    contenders.push(base);
    for (const module of modules) {
      const [input, target] = place(module);
      const options = module.options(0, Number(kernel !== 'kl'), 0, 1, 0);
      const result = module.room(1, 4);
      const run = () => {
        module.exports.kldiv_reduce_f32(options, input, target, n, result);
        return module.f32(result, 1)[0];
      };
      contenders.push({ name: module.name, run });
    }
    time(contenders, n);
    for (const c of contenders) {
      assert(Math.abs(c.result / contenders[0].result - 1) < 1e-4, c.name);
      const ratio = (c.median / base.median).toFixed(2);
      console.log(`${kernel}, n = ${n}: ${c.name} ${c.median.toFixed(2)} ns an element, ${ratio} of the libm loop`);
    }
    const widest = contenders.at(-1);
    assert(widest.median < (kernel === 'kl' ? 0.35 : 0.4) * base.median, 'simd128 is slow');
  }
}

const modules = ['kldiv', 'kldiv-simd128'].map((name) => new Module(name));
modules.forEach(check);
const libm = new Module('libm');
for (const n of [1000, 100000]) race(modules, libm, n);
console.log('all checks passed');
