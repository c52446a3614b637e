// KL divergence as a loss, for JavaScript: the C interface of the crate kldiv, as WebAssembly.
//
//   import { load } from './kldiv.mjs';
//   const kldiv = await load();
//   kldiv.reduce(Float32Array.of(Math.log(0.25), Math.log(0.75)), Float32Array.of(0.5, 0.5)); // 0.0719205, the mean
//
// Typed arrays go in, numbers and typed arrays come out. Arrays are copied into the module's memory and
// back, unless they lie in it: see `room`. kldiv.d.ts says what each function takes.

/** As a label: the row takes no part. */
export const IGNORED = 0xffffffff;

const PAGE = 65536;
const OPTIONS_BYTES = 128; // more than either kind has
const OFFENDER_BYTES = 16; // its row, its index, its value
const NO_ROW = 0xffffffff; // more rows than memory can hold
// Values of kldiv.h, by the names that callers use.
const INPUTS = { logProbs: 0, probs: 1 };
const TARGETS = { probs: 0, logProbs: 1 };
const REDUCTIONS = { mean: 0, sum: 1, batchMean: 2 };
const ISAS = { best: 0, scalar: 1, simd128: 6 };
const TEACHERS = { logits: 0, logProbs: 1, probs: 2 };
const DIVERGENCES = { forward: 0, reverse: 1, jensenShannon: 2 };
const STATUS = { ok: 0, isaUnavailable: 6, length: 7, classes: 9 };
// Number types: what holds them, and the type of a result that is one number.
const TYPES = {
  f32: { Array: Float32Array, real: 'f32' },
  f64: { Array: Float64Array, real: 'f64' },
  f16: { Array: Uint16Array, real: 'f32' },
  bf16: { Array: Uint16Array, real: 'f32' },
};

/** A call that was refused; nothing has been written. `status` is the number of kldiv.h, `offender` what was found. */
export class KldivError extends Error {
  constructor(message, status, offender) {
    super(message);
    this.name = 'KldivError';
    this.status = status;
    this.offender = offender;
  }
}

/** Whether this engine runs modules with simd128. */
export function simd128IsAvailable() {
  // A function without parameters that returns i8x16.splat(i32.const 0).
  const types = [1, 5, 1, 0x60, 0, 1, 0x7b];
  const functions = [3, 2, 1, 0];
  const code = [10, 8, 1, 6, 0, 0x41, 0, 0xfd, 15, 0x0b];
  return WebAssembly.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...types, ...functions, ...code));
}

/** Fetches and starts the module that this engine runs fastest: `kldiv-simd128.wasm` or `kldiv.wasm`. */
export async function load({ folder = new URL('./', import.meta.url), simd128 = simd128IsAvailable() } = {}) {
  const url = new URL(simd128 ? 'kldiv-simd128.wasm' : 'kldiv.wasm', folder);
  return new Kldiv(await WebAssembly.compile(await bytesOf(url)));
}

async function bytesOf(url) {
  if (url.protocol === 'file:') return (await import('node:fs/promises')).readFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

/** A module and its memory. */
export class Kldiv {
  #inside;
  #options;
  #number;
  #offender;

  /** Of a compiled module, or of its bytes. */
  constructor(module) {
    const compiled = module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module);
    const { exports } = new WebAssembly.Instance(compiled);
    const heap = new Heap(exports);
    this.#inside = {
      exports,
      heap,
      // Views that `room` has handed out, and their lengths: one that has ended has length 0.
      views: new WeakMap(),
      view: (Array, address, length) => new Array(exports.memory.buffer, address, length),
      text: (status) => {
        if (!exports.kldiv_message) return `status ${status}`;
        const bytes = new Uint8Array(exports.memory.buffer, exports.kldiv_message(status));
        return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
      },
    };
    // For options of either kind, for one number, and for what a check finds. Options that are not set stay zero.
    this.#options = heap.allocate(OPTIONS_BYTES);
    this.#number = heap.allocate(8);
    this.#offender = heap.allocate(OFFENDER_BYTES);
  }

  /** Instruction sets of this module, the widest last. */
  get isas() {
    const name = Object.keys(this.#inside.exports).find((name) => name.startsWith('kldiv_reduce_'));
    if (name === undefined) throw new KldivError('isas: this module was built without kldiv_reduce_…');
    return ['scalar', 'simd128'].filter((isa) => {
      const status = this.#inside.exports[name](this.#pairOptions({ isa }), 0, 0, 0, this.#number);
      return status !== STATUS.isaUnavailable;
    });
  }

  /** Types of numbers that this module has functions for. */
  get types() {
    const names = Object.keys(this.#inside.exports);
    return Object.keys(TYPES).filter((type) => names.some((name) => name.endsWith(`_${type}`)));
  }

  /** Bytes of the module's memory. It grows when it must and never shrinks. */
  get bytes() {
    return this.#inside.exports.memory.buffer.byteLength;
  }

  /** Room for `length` numbers in the module's memory, which calls read and write where they are. */
  room(Array, length) {
    const { exports, heap, views, view } = this.#inside;
    let address = heap.allocate(Array.BYTES_PER_ELEMENT * length);
    let array;
    return {
      get array() {
        if (address === undefined) throw new KldivError('room: it has been given back');
        if (array?.buffer !== exports.memory.buffer) {
          array = view(Array, address, length);
          views.set(array, length);
        }
        return array;
      },
      free() {
        if (address !== undefined) heap.free(address);
        address = undefined;
      },
    };
  }

  /** The divergence of the target from the input, as one number, in nats. */
  reduce(input, target, options = {}) {
    const call = this.#call('reduce', input, target, options);
    const [x, t] = [call.read(input), call.read(target)];
    call.run(() => [this.#pairOptions(options), x.address, t.address, input.length, this.#number]);
    return this.#result(call.type);
  }

  /** The entropy of the target, in nats. */
  entropy(target, options = {}) {
    const call = this.#call('entropy', target, target, options);
    const t = call.read(target);
    call.run(() => [this.#pairOptions(options), t.address, target.length, this.#number]);
    return this.#result(call.type);
  }

  /** The cross-entropy of the target and the input, in nats. */
  crossEntropy(input, target, options = {}) {
    const call = this.#call('cross_entropy', input, target, options);
    const [x, t] = [call.read(input), call.read(target)];
    call.run(() => [this.#pairOptions(options), x.address, t.address, input.length, this.#number]);
    return this.#result(call.type);
  }

  /** The divergence's terms, one an element. */
  pointwise(input, target, options = {}) {
    const call = this.#call('pointwise', input, target, options);
    const [x, t] = [call.read(input), call.read(target)];
    const out = call.write(options.out, input.length);
    call.run(() => [this.#pairOptions(options), x.address, t.address, input.length, out.address, out.length]);
    return out.result();
  }

  /** The divergence of each of `rows` rows of one length. */
  rowSums(input, target, rows, options = {}) {
    const call = this.#call('row_sums', input, target, options);
    const [x, t] = [call.read(input), call.read(target)];
    const out = call.write(options.out, rows, call.real);
    if (out.length !== rows) call.refuse(STATUS.length, `out has ${out.length} elements, ${rows} are needed`);
    call.run(() => [this.#pairOptions(options), x.address, t.address, input.length, out.address, rows]);
    return out.result();
  }

  /** The derivative by the input, times the upstream gradient. */
  gradInput(input, target, options = {}) {
    return this.#grad('grad_input', input, target, options);
  }

  /** The derivative by the target, times the upstream gradient. */
  gradTarget(input, target, options = {}) {
    return this.#grad('grad_target', input, target, options);
  }

  #grad(name, input, target, options) {
    const call = this.#call(name, input, target, options);
    const [x, t, factors] = [call.read(input), call.read(target), call.factors(options.upstream)];
    const out = call.write(options.out, input.length);
    call.run(() => [
      this.#pairOptions(options),
      x.address,
      t.address,
      input.length,
      factors.address,
      factors.length,
      out.address,
      out.length,
    ]);
    return out.result();
  }

  /** Throws unless both are distributions in `rows` rows, within a tolerance. */
  validate(input, target, rows, tolerance = 1e-3, options = {}) {
    const call = this.#call('validate', input, target, options);
    const [x, t] = [call.read(input), call.read(target)];
    call.run(() => [this.#pairOptions(options), x.address, t.address, input.length, rows, tolerance]);
  }

  /** Rows of `classes` logits to natural logarithms of probabilities. */
  logSoftmax(logits, classes, options = {}) {
    return this.#softmax('log_softmax', logits, classes, options);
  }

  /** Rows of `classes` logits to probabilities. */
  softmax(logits, classes, options = {}) {
    return this.#softmax('softmax', logits, classes, options);
  }

  #softmax(name, logits, classes, options) {
    const call = this.#call(name, logits, logits, options);
    const x = call.read(logits);
    const out = call.write(options.out, logits.length);
    call.run(() => [x.address, logits.length, classes, out.address, out.length]);
    return out.result();
  }

  /** The divergence of each row between the softmax of a student's logits and a teacher or labels. */
  distill(student, teacher, options) {
    const call = this.#comparison('distill_losses', student, teacher, options);
    const losses = call.write(options.out, call.rows, call.real);
    call.run(() => [...call.compared(), losses.address, losses.length]);
    return losses.result();
  }

  /** The same, and the derivative of each row's divergence by the student's logits. */
  distillGrad(student, teacher, options) {
    const call = this.#comparison('distill_grad', student, teacher, options);
    const factors = call.factors(options.upstream);
    const losses = call.write(options.losses, call.rows, call.real);
    const grad = call.write(options.grad, student.length);
    call.run(() => [
      ...call.compared(),
      factors.address,
      factors.length,
      losses.address,
      losses.length,
      grad.address,
      grad.length,
    ]);
    return { losses: losses.result(), grad: grad.result() };
  }

  /** Throws unless each row that counts is what it is said to be, within a tolerance. */
  distillValidate(student, teacher, options) {
    const call = this.#comparison('distill_validate', student, teacher, options);
    const { tolerance = 1e-3 } = options;
    const offender = () => this.#inside.view(DataView, this.#offender, OFFENDER_BYTES);
    call.run(
      () => {
        offender().setUint32(0, NO_ROW, true);
        return [...call.compared(), tolerance, this.#offender];
      },
      () => {
        const found = offender();
        const row = found.getUint32(0, true);
        if (row !== NO_ROW) return { row, index: found.getUint32(4, true), value: found.getFloat64(8, true) };
      },
    );
  }

  #comparison(name, student, teacher, options = {}) {
    const { classes, weights } = options;
    const labels = teacher instanceof Uint32Array;
    const call = this.#call(name, student, labels ? student : teacher, options);
    const rows = student.length / classes;
    if (!Number.isInteger(rows)) call.refuse(STATUS.classes, `${student.length} elements, ${classes} classes`);
    if (labels && teacher.length !== rows) {
      call.refuse(STATUS.length, `there are ${teacher.length} labels for ${rows} rows`);
    }
    if (weights !== undefined && weights.length !== rows) {
      call.refuse(STATUS.length, `there are ${weights.length} weights for ${rows} rows`);
    }
    const [s, t] = [call.read(student), call.read(teacher, labels ? Uint32Array : undefined)];
    const w = weights === undefined ? { address: 0 } : call.read(weights, TYPES[call.real].Array);
    call.rows = rows;
    call.compared = () => {
      const places = labels ? [0, t.address] : [t.address, 0];
      return [this.#distillOptions(options), s.address, ...places, rows, classes, w.address];
    };
    return call;
  }

  #call(name, first, second, options) {
    const type = typeOf(first, options);
    if (typeOf(second, options) !== type) {
      throw new TypeError(`${name}: a ${first.constructor.name} beside a ${second.constructor.name}`);
    }
    const call = new Call(name, type, this.#inside);
    if (first.length !== second.length) {
      call.refuse(STATUS.length, `one array has ${first.length} elements, the other ${second.length}`);
    }
    return call;
  }

  #result(type) {
    return this.#inside.view(TYPES[TYPES[type].real].Array, this.#number, 1)[0];
  }

  #pairOptions({ input, target, isa, reduction, batch = 0 }) {
    const fields = this.#inside.view(Uint32Array, this.#options, OPTIONS_BYTES / 4).fill(0);
    fields[0] = chosen('input', INPUTS, input);
    fields[1] = chosen('target', TARGETS, target);
    fields[2] = chosen('isa', ISAS, isa);
    fields[3] = chosen('reduction', REDUCTIONS, reduction);
    fields[4] = batch;
    return this.#options;
  }

  #distillOptions({ teacher, divergence, isa, temperature = 1, beta = 0.5 }) {
    const fields = this.#inside.view(DataView, this.#options, OPTIONS_BYTES);
    for (let at = 0; at < OPTIONS_BYTES; at += 8) fields.setFloat64(at, 0);
    fields.setUint32(0, chosen('teacher', TEACHERS, teacher), true);
    fields.setUint32(4, chosen('divergence', DIVERGENCES, divergence), true);
    fields.setUint32(8, chosen('isa', ISAS, isa), true);
    // 0 would stand for 1, where a caller who divides by it is wrong.
    fields.setFloat64(16, temperature === 0 ? NaN : temperature, true);
    fields.setFloat64(24, beta, true);
    return this.#options;
  }
}

/** The value of a named choice; the first where nothing is said. */
function chosen(option, values, name) {
  if (name === undefined) return 0;
  if (Object.hasOwn(values, name)) return values[name];
  throw new TypeError(`${option}: ${String(name)} is none of ${Object.keys(values).join(', ')}`);
}

function typeOf(array, { type }) {
  if (type !== undefined) {
    if (!Object.hasOwn(TYPES, type)) throw new TypeError(`type: ${type} is none of ${Object.keys(TYPES).join(', ')}`);
    if (!(array instanceof TYPES[type].Array)) {
      throw new TypeError(`numbers of type ${type} come in a ${TYPES[type].Array.name}`);
    }
    return type;
  }
  if (array instanceof Float32Array) return 'f32';
  if (array instanceof Float64Array) return 'f64';
  if (array instanceof Uint16Array) throw new TypeError("a Uint16Array holds f16 or bf16: say type: 'f16' or 'bf16'");
  throw new TypeError('numbers come in a Float32Array or a Float64Array');
}

/** One call: what it reads and writes, placed in the module's memory. */
class Call {
  #name;
  #inside;
  #copied = [];

  constructor(name, type, inside) {
    this.#name = `kldiv_${name}_${type}`;
    this.#inside = inside;
    this.type = type;
    this.real = TYPES[type].real;
    if (!inside.exports[this.#name]) throw new KldivError(`this module was built without ${this.#name}`);
  }

  refuse(status, numbers, offender) {
    const text = `${this.#name}: ${this.#inside.text(status)}`;
    throw new KldivError(numbers === undefined ? text : `${text}: ${numbers}`, status, offender);
  }

  /** An array that is read. */
  read(array, Array = TYPES[this.type].Array) {
    return this.#place(array, Array, true);
  }

  /** Factors of a gradient: one for all, or an array. */
  factors(upstream = 1) {
    const { Array } = TYPES[this.real];
    return this.read(typeof upstream === 'number' ? Array.of(upstream) : upstream, Array);
  }

  /** An array that is written: the caller's, or a new one. */
  write(array, length, type = this.type) {
    const { Array } = TYPES[type];
    return this.#place(array ?? new Array(length), Array, false);
  }

  // Where it is, if that is in the module's memory; `run` finds a place for the others.
  #place(array, Array, isRead) {
    if (!(array instanceof Array)) {
      const found = array?.constructor?.name ?? String(array);
      throw new TypeError(`${this.#name}: a ${Array.name} is needed, not ${found}`);
    }
    const { exports, views, view } = this.#inside;
    if (views.has(array) && views.get(array) !== array.length) {
      throw new KldivError(`${this.#name}: the memory has grown since this view was taken; take the room's array anew`);
    }
    const place = { address: array.byteOffset, length: array.length };
    if (array.buffer === exports.memory.buffer) {
      place.result = () => view(Array, place.address, place.length);
    } else {
      this.#copied.push({ place, array, isRead, view: () => view(Array, place.address, place.length) });
      place.result = () => array;
    }
    return place;
  }

  /** Copies in, calls with what `list` returns, copies out. `offender` says what a check has found. */
  run(list, offender = () => undefined) {
    const { exports, heap } = this.#inside;
    const bytes = this.#copied.reduce((sum, { array }) => sum + aligned(array.byteLength), 0);
    const scratch = heap.allocate(bytes);
    try {
      let address = scratch;
      for (const { place, array, isRead, view } of this.#copied) {
        place.address = address;
        address += aligned(array.byteLength);
        if (isRead) view().set(array);
      }
      const status = exports[this.#name](...list());
      if (status !== STATUS.ok) {
        const found = offender();
        this.refuse(status, found && `row ${found.row}, index ${found.index}: ${found.value}`, found);
      }
      for (const { array, isRead, view } of this.#copied) if (!isRead) array.set(view());
    } finally {
      heap.free(scratch);
    }
  }
}

const aligned = (bytes) => (bytes + 15) & ~15;

/** The memory behind what the module uses itself, in blocks. */
class Heap {
  #memory;
  #start;
  // By address, without overlap.
  #blocks = [];

  constructor({ memory, __heap_base }) {
    this.#memory = memory;
    this.#start = aligned(__heap_base.value);
  }

  /** The address of the first gap that is large enough; the memory grows where there is none. */
  allocate(bytes) {
    const size = Math.max(Math.ceil(bytes / 16), 1) * 16;
    let address = this.#start;
    let index = this.#blocks.findIndex((block) => {
      if (address + size <= block.address) return true;
      address = block.address + block.size;
      return false;
    });
    if (index < 0) index = this.#blocks.length;
    const missing = address + size - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE));
    this.#blocks.splice(index, 0, { address, size });
    return address;
  }

  free(address) {
    const index = this.#blocks.findIndex((block) => block.address === address);
    if (index >= 0) this.#blocks.splice(index, 1);
  }
}
