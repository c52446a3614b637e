// kldiv.mjs in node, on both modules of a folder that build.sh has filled:
//   KLDIV_WEB=target/web node --test examples/web/tests/module.test.mjs
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const folder = pathToFileURL(`${resolve(process.env.KLDIV_WEB ?? 'target/web')}/`);
const { IGNORED, Kldiv, KldivError, load, simd128IsAvailable } = await import(new URL('kldiv.mjs', folder));
const { readNpy } = await import(new URL('npy.mjs', folder));

const npy = (name) => readNpy(readFileSync(new URL(name, folder)));
const digits = {
  student: npy('digits_student_logits.npy').values,
  teacher: npy('digits_teacher_logits.npy').values,
  labels: npy('digits_labels.npy').values,
};
// From examples/data/README.md.
const KNOWN = { sum: 419.6166480383254, batchMean: 0.233509542592279, at4: 0.5819980894682877, labels: 0.270946559229898 };

const near = (found, wanted, relative = 1e-6) =>
  assert(Math.abs(found - wanted) <= relative * Math.abs(wanted), `${found} instead of ${wanted}`);
const total = (array) => array.reduce((sum, x) => sum + x, 0);
const refused = (call, status, words) =>
  assert.throws(call, (error) => error instanceof KldivError && error.status === status && words.test(error.message));

test('node has simd128 and load takes the module with it', async () => {
  assert(simd128IsAvailable());
  assert.deepEqual((await load()).isas, ['scalar', 'simd128']);
  assert.deepEqual((await load({ simd128: false })).isas, ['scalar']);
  assert.deepEqual((await load({ folder })).types.slice(0, 2), ['f32', 'f64']);
});

for (const simd128 of [false, true]) {
  const kldiv = await load({ simd128 });
  const named = (name) => `${simd128 ? 'simd128' : 'plain'}: ${name}`;
  const q = [1 / 3, 1 / 3, 1 / 3, 0, 0.5, 0.5];
  const p = [0.36, 0.48, 0.16, 0, 0.75, 0.25];
  const divergence = 0.21611163725950758; // Σ p·ln(p/q) in double precision
  const probs = { input: 'probs' };

  for (const [Array, relative] of [[Float32Array, 1e-6], [Float64Array, 1e-14]]) {
    const [input, target] = [Array.from(q), Array.from(p)];
    const entropy = -total(p.map((p) => (p > 0 ? p * Math.log(p) : 0)));

    test(named(`numbers of a ${Array.name}`), () => {
      near(kldiv.reduce(input, target, { ...probs, reduction: 'sum' }), divergence, relative);
      near(kldiv.reduce(input, target, probs), divergence / 6, relative);
      near(kldiv.reduce(input, target, { ...probs, reduction: 'batchMean', batch: 2 }), divergence / 2, relative);
      near(kldiv.entropy(target), entropy, relative);
      near(kldiv.crossEntropy(input, target, probs), divergence + entropy, relative);
      const logs = [input.map(Math.log), target.map(Math.log)];
      near(kldiv.reduce(...logs, { target: 'logProbs', reduction: 'sum' }), divergence, 10 * relative);
    });

    test(named(`arrays of a ${Array.name}`), () => {
      const terms = kldiv.pointwise(input, target, probs);
      assert(terms instanceof Array && terms.length === 6 && terms[3] === 0);
      near(total(terms), divergence, relative);
      near(total(kldiv.rowSums(input, target, 2, probs)), divergence, relative);
      near(kldiv.gradInput(input, target, { ...probs, upstream: 2 })[4], -3, relative);
      near(kldiv.gradInput(input, target, { ...probs, upstream: Array.of(1, 2) })[4], -3, relative);
      near(kldiv.gradTarget(input, target, probs)[4], Math.log(1.5) + 1, relative);
      const logits = Array.of(0, 0, -Infinity, 1e6, -1e6, 0);
      assert.deepEqual([...kldiv.softmax(logits, 3)], [0.5, 0.5, 0, 1, 0, 0]);
      near(kldiv.logSoftmax(logits, 3)[0], Math.log(0.5), relative);
    });

    test(named(`rows of logits of a ${Array.name}`), () => {
      const [student, teacher] = [Array.from(digits.student), Array.from(digits.teacher)];
      const losses = kldiv.distill(student, teacher, { classes: 10 });
      assert(losses instanceof Array && losses.length === 1797);
      near(total(losses), KNOWN.sum, 10 * relative);
      near(total(kldiv.distill(student, teacher, { classes: 10, temperature: 4 })) / 1797, KNOWN.at4, 10 * relative);
      near(total(kldiv.distill(student, digits.labels, { classes: 10 })) / 1797, KNOWN.labels, 10 * relative);
      const some = digits.labels.slice().fill(IGNORED, 1);
      near(total(kldiv.distill(student, some, { classes: 10 })), kldiv.distill(student, digits.labels, { classes: 10 })[0]);
      const weights = new Array(1797).fill(1, 0, 2);
      const both = kldiv.distillGrad(student, teacher, { classes: 10, weights, upstream: 3, divergence: 'reverse' });
      assert(both.losses[1] > 0 && both.losses[2] === 0);
      assert.equal(both.grad.length, 17970);
      assert(Math.abs(total(both.grad.subarray(0, 10))) < 1e-5 && both.grad[0] !== 0 && both.grad[20] === 0);
      const js = kldiv.distill(student, teacher, { classes: 10, divergence: 'jensenShannon' });
      assert(js.every((loss) => loss >= 0 && loss <= Math.LN2));
    });
  }

  test(named('an array may be input and output'), () => {
    const logits = Float32Array.of(0, 0);
    assert.equal(kldiv.softmax(logits, 2, { out: logits }), logits);
    assert.deepEqual([...logits], [0.5, 0.5]);
  });

  test(named('rooms are read and written where they are'), () => {
    const [x, t, out] = [1, 2, 3].map(() => kldiv.room(Float32Array, 1000));
    x.array.fill(Math.log(0.25));
    t.array.fill(0.5);
    const before = kldiv.bytes;
    near(kldiv.reduce(x.array, t.array), 0.5 * Math.LN2);
    const terms = kldiv.pointwise(x.array, t.array, { out: out.array });
    assert.equal(terms.buffer, out.array.buffer);
    near(out.array[999], 0.5 * Math.LN2);
    refused(() => kldiv.pointwise(x.array, t.array, { out: t.array }), 4, /overlaps/);
    assert.equal(kldiv.bytes, before);
    for (const room of [x, t, out]) room.free();
    assert.throws(() => x.array, /given back/);
  });

  test(named('a view that the growing memory has ended is refused'), () => {
    const room = kldiv.room(Float32Array, 10);
    const old = room.array.fill(1);
    const large = new Float32Array(kldiv.bytes / 4 + 1);
    kldiv.entropy(large);
    assert.equal(old.length, 0);
    assert.throws(() => kldiv.entropy(old), /grown/);
    assert.equal(room.array[9], 1);
    room.free();
    const bytes = kldiv.bytes;
    kldiv.entropy(large);
    assert.equal(kldiv.bytes, bytes, 'what calls need for themselves is used again');
  });

  test(named('numbers of 16 bits: what f32 gives, rounded once'), () => {
    const round = (bits) => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    const narrow = (wide) => Uint16Array.from(new Uint32Array(wide.buffer), round);
    const widen = (bits) => new Float32Array(Uint32Array.from(bits, (bits) => bits << 16).buffer);
    const bf16 = { ...probs, type: 'bf16' };
    const [input, target] = [narrow(Float32Array.from(q)), narrow(Float32Array.from(p))];
    const [wideInput, wideTarget] = [widen(input), widen(target)];
    assert(kldiv.reduce(input, target, bf16) > 0);
    assert.equal(kldiv.reduce(input, target, bf16), kldiv.reduce(wideInput, wideTarget, probs));
    assert.deepEqual(kldiv.rowSums(input, target, 2, bf16), kldiv.rowSums(wideInput, wideTarget, 2, probs));
    const terms = kldiv.pointwise(wideInput, wideTarget, probs).slice();
    assert.deepEqual(kldiv.pointwise(input, target, bf16), narrow(terms));
    const { losses, grad } = kldiv.distillGrad(input, target, { classes: 3, type: 'bf16' });
    const wide = kldiv.distillGrad(wideInput, wideTarget, { classes: 3 });
    assert.deepEqual(losses, wide.losses);
    assert.deepEqual(grad, narrow(wide.grad.slice()));
    near(kldiv.entropy(Uint16Array.of(0x3800, 0x3800), { type: 'f16' }), Math.LN2);
  });

  test(named('f16 is not bf16'), () => {
    // Of normal numbers.
    const widen = (bits) => (bits & 0x8000 ? -1 : 1) * 2 ** ((bits >> 10 & 31) - 15) * (1 + (bits & 1023) / 1024);
    const f16 = { type: 'f16', classes: 3 };
    const [student, teacher] = [Uint16Array.of(0x3c00, 0x4000, 0xc200), Uint16Array.of(0x4200, 0x3800, 0xbc00)];
    const wides = [Float32Array.of(1, 2, -3), Float32Array.of(3, 0.5, -1)];
    assert.deepEqual([student, teacher].map((array) => Float32Array.from(array, widen)), wides);
    const [narrow, wide] = [kldiv.distillGrad(student, teacher, f16), kldiv.distillGrad(...wides, { classes: 3 })];
    assert.deepEqual(narrow.losses, wide.losses);
    assert.deepEqual(kldiv.distill(student, teacher, f16), kldiv.distill(...wides, { classes: 3 }));
    narrow.grad.forEach((bits, i) => near(widen(bits), wide.grad[i], 2 ** -11));
    kldiv.softmax(student, 3, f16).forEach((bits, i) => near(widen(bits), kldiv.softmax(wides[0], 3)[i], 2 ** -11));
    const [q, p] = [Uint16Array.of(0x3800, 0x3800), Uint16Array.of(0x3a00, 0x3400)]; // halves; three quarters, a quarter
    const sum = { ...probs, reduction: 'sum' };
    const wideSum = kldiv.reduce(Float32Array.of(0.5, 0.5), Float32Array.of(0.75, 0.25), sum);
    assert.equal(kldiv.reduce(q, p, { ...sum, type: 'f16' }), wideSum);
    assert.deepEqual(kldiv.rowSums(q, p, 1, { ...sum, type: 'f16' }), Float32Array.of(wideSum));
  });

  test(named('numbers of 16 bits in arrays of another kind are refused'), () => {
    const [narrow, wide] = [new Uint16Array(2), new Float32Array(2)];
    for (const type of ['f16', 'bf16']) {
      assert.throws(() => kldiv.reduce(wide, wide, { type }), new RegExp(`type ${type} come in a Uint16Array`));
      assert.throws(() => kldiv.reduce(narrow, wide, { type }), /Uint16Array/);
      assert.throws(() => kldiv.rowSums(narrow, narrow, 1, { type, out: narrow }), /Float32Array is needed, not Uint16/);
      const options = { type, classes: 2 };
      assert.throws(() => kldiv.distill(narrow, narrow, { ...options, weights: narrow.subarray(1) }), /Float32Array/);
      assert.throws(() => kldiv.distillGrad(narrow, narrow, { ...options, grad: wide }), /Uint16Array/);
      refused(() => kldiv.distill(narrow, narrow, { type, classes: 3 }), 9, new RegExp(`distill_losses_${type}`));
    }
    assert.throws(() => kldiv.reduce(narrow, narrow, { type: 'f8' }), /f8 is none of f32, f64, f16, bf16/);
    assert.throws(() => kldiv.distill(narrow, narrow, { classes: 2 }), /say type: 'f16' or 'bf16'/);
  });

  test(named('a check of rows says where something is wrong'), () => {
    const [student, teacher, classes] = [Float32Array.of(1, 2, 0, 0, -Infinity, 1), Float32Array.of(1, 2, 0, 0, 0, 1), 3];
    const found = (offender, status, words, call) => {
      refused(call, status, words);
      assert.throws(call, { offender });
    };
    kldiv.distillValidate(student, teacher, { classes });
    kldiv.distillValidate(student, Uint32Array.of(2, IGNORED), { classes });
    const wrong = student.slice();
    wrong[4] = NaN;
    found({ row: 1, index: 1, value: NaN }, 25, /distill_validate_f32: a logit.*row 1, index 1: NaN/, () =>
      kldiv.distillValidate(wrong, teacher, { classes }));
    kldiv.distillValidate(wrong, teacher, { classes, weights: Float32Array.of(1, 0) });
    kldiv.distillValidate(wrong, Uint32Array.of(2, IGNORED), { classes });
    found({ row: 1, index: 0, value: 7 }, 14, /label.*: 7/, () =>
      kldiv.distillValidate(student, Uint32Array.of(2, 7), { classes }));
    const percentages = Float32Array.of(0, 0, 1, 25, 75, 0);
    found({ row: 1, index: 0, value: 100 }, 13, /sum to 1: row 1.*: 100/, () =>
      kldiv.distillValidate(student, percentages, { classes, teacher: 'probs' }));
    kldiv.distillValidate(student, percentages, { classes, teacher: 'probs', tolerance: 99 });
    // What was found before is not said again.
    found(undefined, 22, /temperature/, () => kldiv.distillValidate(student, teacher, { classes, temperature: 0 }));
    found({ row: 0, index: 1, value: Infinity }, 25, /bf16/, () =>
      kldiv.distillValidate(Uint16Array.of(0, 0x7f80), Uint16Array.of(0, 0), { classes: 2, type: 'bf16' }));
  });

  test(named('refusals say why, with numbers, and leave outputs alone'), () => {
    const [two, three] = [Float32Array.of(0.5, 0.5), Float32Array.of(0.2, 0.3, 0.5)];
    refused(() => kldiv.reduce(two, three), 7, /kldiv_reduce_f32: .*2 elements, the other 3/);
    refused(() => kldiv.rowSums(two, two, 2, { out: new Float32Array(3) }), 7, /3 elements, 2/);
    refused(() => kldiv.softmax(three, 2), 9, /rows of that many classes/);
    refused(() => kldiv.distill(three, three, { classes: 2 }), 9, /3 elements, 2 classes/);
    refused(() => kldiv.distill(three, Uint32Array.of(7), { classes: 3 }), 14, /label/);
    refused(() => kldiv.distill(three, Uint32Array.of(0, 1), { classes: 3 }), 7, /2 labels for 1 row/);
    refused(() => kldiv.distill(three, three, { classes: 3, temperature: 0 }), 22, /temperature/);
    refused(() => kldiv.validate(two, two, 1), 12, /above zero/);
    kldiv.validate(two, two, 1, 1e-3, probs);
    const out = Float32Array.of(7, 7);
    refused(() => kldiv.gradInput(two, two, { upstream: new Float32Array(3), out }), 8, /rows/);
    assert.deepEqual([...out], [7, 7]);
    assert.throws(() => kldiv.reduce([1], [1]), TypeError);
    assert.throws(() => kldiv.reduce(two, new Float64Array(2)), /Float32Array beside a Float64Array/);
    assert.throws(() => kldiv.reduce(two, two, { reduction: 'average' }), /mean, sum, batchMean/);
    assert.throws(() => kldiv.reduce(new Uint16Array(2), new Uint16Array(2)), /f16 or bf16/);
    if (!simd128) refused(() => kldiv.reduce(two, two, { isa: 'simd128' }), 6, /not available/);
  });

  test(named('nothing is left behind by ten thousand calls'), () => {
    const two = Float32Array.of(0.5, 0.5);
    const bytes = kldiv.bytes;
    for (let i = 0; i < 10000; i++) kldiv.pointwise(two, two, probs);
    assert.equal(kldiv.bytes, bytes);
  });
}

test('both modules have the same bits', async () => {
  const [plain, simd128] = [await load({ simd128: false }), await load({ simd128: true })];
  const options = { classes: 10, temperature: 3 };
  const bits = (kldiv) => {
    const { losses, grad } = kldiv.distillGrad(digits.student, digits.teacher, options);
    return [losses, grad].flatMap((array) => [...new Uint32Array(array.buffer)]);
  };
  assert.deepEqual(bits(plain), bits(simd128));
});

test('a module may be given as bytes', () => {
  const kldiv = new Kldiv(readFileSync(new URL('kldiv.wasm', folder)));
  near(kldiv.reduce(Float32Array.of(Math.log(0.25), Math.log(0.75)), Float32Array.of(0.5, 0.5)), 0.0719205);
});

test('npy files: types, byte orders, and what is refused', () => {
  const file = (descr, shape, bytes, fortran = 'False') => {
    const header = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`;
    const text = header.padEnd(117) + '\n';
    const head = [0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, text.length & 255, text.length >> 8];
    return Uint8Array.from([...head, ...new TextEncoder().encode(text), ...bytes]);
  };
  const big = new Uint8Array(16);
  new DataView(big.buffer).setFloat64(8, 1.5);
  const read = readNpy(file('>f8', '1, 2', big));
  assert.deepEqual([read.shape, [...read.values], read.values instanceof Float64Array], [[1, 2], [0, 1.5], true]);
  assert.deepEqual([...readNpy(file('<i8', '2,', [3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0])).values], [3, 4]);
  const half = readNpy(file('<f2', '2,', [0, 0x3c, 0, 0xc0]));
  assert.deepEqual([...half.values], [1, -2]);
  for (const [bytes, words] of [
    [Uint8Array.of(1, 2, 3), /not a \.npy file/],
    [file('<f4', '3,', new Uint8Array(8)), /8 bytes.*12/],
    [file('<c8', '1,', new Uint8Array(8)), /<c8/],
    [file('<f4', '1, 2', new Uint8Array(8), 'True'), /Fortran/],
  ])
    assert.throws(() => readNpy(bytes), words);
});
