// What kldiv.d.ts allows and what it forbids; compiled, never run.
import { IGNORED, Kldiv, KldivError, load, simd128IsAvailable } from '../kldiv.mjs';

const kldiv: Kldiv = await load({ simd128: simd128IsAvailable() });
const [x, t] = [new Float32Array(6), new Float32Array(6)];
const double = new Float64Array(6);

const loss: number = kldiv.reduce(x, t, { input: 'probs', reduction: 'batchMean', batch: 2 });
const terms: Float32Array = kldiv.pointwise(x, t, { out: t });
const sums: Float64Array = kldiv.rowSums(double, double, 2);
const losses: Float32Array = kldiv.distill(x, Uint32Array.of(1, IGNORED), { classes: 3, weights: t });
const { grad } = kldiv.distillGrad(x, t, { classes: 3, temperature: 2, upstream: [loss][0], grad: terms });
const narrow = new Uint16Array(6);
const rounded: Uint16Array = kldiv.softmax(narrow, 3, { type: 'bf16' });
const wide: Float32Array = kldiv.distillGrad(narrow, rounded, { type: 'f16', classes: 3, weights: t }).losses;
kldiv.distillValidate(narrow, rounded, { type: 'bf16', classes: 3, teacher: 'probs', tolerance: 0.01 });
const row: number | undefined = new KldivError('').offender?.row;
const room = kldiv.room(Float32Array, 10);
kldiv.entropy(room.array);
room.free();
new Kldiv(new Uint8Array());
export const all = [row, wide, sums, losses, grad, new KldivError('').status, kldiv.types, kldiv.isas];

// @ts-expect-error two kinds of numbers
kldiv.reduce(x, double);
// @ts-expect-error sums of 16 bits are in f32
kldiv.rowSums(narrow, narrow, 2, { type: 'f16', out: narrow });
// @ts-expect-error no such reduction
kldiv.reduce(x, t, { reduction: 'average' });
// @ts-expect-error the tolerance is an option
kldiv.distillValidate(x, t, 0.01);
// @ts-expect-error how many classes
kldiv.distill(x, t, {});
// @ts-expect-error not a typed array
kldiv.softmax([1, 2], 2);
