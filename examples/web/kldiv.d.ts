/** KL divergence as a loss: D(target ‖ input) in nats, as typed arrays in and numbers out. */

/** Numbers of one call are all in arrays of one kind. Those of 16 bits are in a `Uint16Array`, as their bits. */
export type Numbers = Float32Array | Float64Array | Uint16Array;

/** Sums, losses, weights and factors: numbers of 16 bits are computed with in `f32`. */
export type Real<T extends Numbers> = T extends Uint16Array ? Float32Array : T;

/** As a label: the row takes no part. */
export const IGNORED: 0xffffffff;

/** A call that was refused; nothing has been written. */
export class KldivError extends Error {
  /** The `KldivStatus` of `kldiv.h`; undefined where the call did not get that far. */
  readonly status: number | undefined;
  /** What `distillValidate` found. */
  readonly offender: Offender | undefined;
}

export interface Offender {
  row: number;
  /** In the row; 0 where the row as a whole is meant. */
  index: number;
  /** The number or the label; the sum of a row that does not sum to 1. */
  value: number;
}

/** Whether this engine runs modules with simd128. */
export function simd128IsAvailable(): boolean;

/** Fetches and starts `kldiv-simd128.wasm` where the engine has simd128, and `kldiv.wasm` where not. */
export function load(options?: {
  /** Where the two files are; beside this module unless said otherwise. */
  folder?: string | URL;
  /** Takes one of them whatever the engine has. */
  simd128?: boolean;
}): Promise<Kldiv>;

export interface Type {
  /** What a `Uint16Array` holds, which must be said; other arrays say it themselves. */
  type?: 'f16' | 'bf16' | 'f32' | 'f64';
}

export interface Isa extends Type {
  /** The results have the same bits with each. */
  isa?: 'best' | 'scalar' | 'simd128';
}

/** How the numbers are meant. Without options all is as in PyTorch's `nn.KLDivLoss()`. */
export interface Pair extends Isa {
  /** Of the model. Default: `logProbs`. */
  input?: 'logProbs' | 'probs';
  /** Of the reference distribution. Default: `probs`. */
  target?: 'probs' | 'logProbs';
}

export interface Reduce extends Pair {
  /** Default: `mean`, over all elements. */
  reduction?: 'mean' | 'sum' | 'batchMean';
  /** The divisor of `batchMean`. */
  batch?: number;
}

export interface Out<T extends Numbers> {
  /** Written, if it is given, and returned. */
  out?: T;
}

export interface Upstream<T extends Numbers> {
  /** Of the loss by each term: one factor for all, or one for each row; for pairs also one for each element. */
  upstream?: number | Real<T>;
}

export interface Distill<T extends Numbers> extends Isa {
  /** Elements of a row. */
  classes: number;
  /** What the teacher's numbers are. Default: `logits`. */
  teacher?: 'logits' | 'logProbs' | 'probs';
  /** D(teacher ‖ student), D(student ‖ teacher), or of both from their mixture. Default: `forward`. */
  divergence?: 'forward' | 'reverse' | 'jensenShannon';
  /** The teacher's share of the mixture, above 0 and below 1. Default: 0.5. */
  beta?: number;
  /** Divides the logits of both. Default: 1. */
  temperature?: number;
  /** One for each row. A row of weight 0 is not read. */
  weights?: Real<T>;
}

/** Numbers that lie in the module's memory. Calls read and write them where they are, without copies. */
export interface Room<T> {
  /** All of them. When the memory grows, earlier arrays end: take this one anew for each use. */
  readonly array: T;
  /** Gives the memory back. */
  free(): void;
}

export class Kldiv {
  /** Of a compiled module, or of its bytes. */
  constructor(module: WebAssembly.Module | BufferSource);
  /** Instruction sets of this module, the widest last. */
  readonly isas: ('scalar' | 'simd128')[];
  /** Types of numbers that this module has functions for. */
  readonly types: string[];
  /** Bytes of the module's memory. It grows when it must and never shrinks. */
  readonly bytes: number;

  room<T extends Numbers | Uint32Array>(array: { new (buffer: ArrayBuffer): T; BYTES_PER_ELEMENT: number }, length: number): Room<T>;

  /** The divergence of the target from the input, as one number. */
  reduce<T extends Numbers>(input: T, target: T, options?: Reduce): number;
  /** The entropy of the target. */
  entropy<T extends Numbers>(target: T, options?: Pair): number;
  /** The cross-entropy of the target and the input. */
  crossEntropy<T extends Numbers>(input: T, target: T, options?: Pair): number;
  /** The divergence's terms, one an element. */
  pointwise<T extends Numbers>(input: T, target: T, options?: Pair & Out<T>): T;
  /** The divergence of each of `rows` rows of one length. */
  rowSums<T extends Numbers>(input: T, target: T, rows: number, options?: Pair & Out<Real<T>>): Real<T>;
  /** The derivative by the input, times the upstream gradient. */
  gradInput<T extends Numbers>(input: T, target: T, options?: Pair & Upstream<T> & Out<T>): T;
  /** The derivative by the target, times the upstream gradient. */
  gradTarget<T extends Numbers>(input: T, target: T, options?: Pair & Upstream<T> & Out<T>): T;
  /** Throws unless both are distributions in `rows` rows. Finds probabilities passed as their logarithms. */
  validate<T extends Numbers>(input: T, target: T, rows: number, tolerance?: number, options?: Pair): void;

  /** Rows of `classes` logits to natural logarithms of probabilities. */
  logSoftmax<T extends Numbers>(logits: T, classes: number, options?: Type & Out<T>): T;
  /** Rows of `classes` logits to probabilities. */
  softmax<T extends Numbers>(logits: T, classes: number, options?: Type & Out<T>): T;

  /** The divergence of each row between the softmax of a student's logits and a teacher, or labels. */
  distill<T extends Numbers>(student: T, teacher: T | Uint32Array, options: Distill<T> & Out<Real<T>>): Real<T>;
  /** The same, and the derivative of each row's divergence by the student's logits, times the upstream gradient. */
  distillGrad<T extends Numbers>(
    student: T,
    teacher: T | Uint32Array,
    options: Distill<T> & Upstream<T> & { losses?: Real<T>; grad?: T },
  ): { losses: Real<T>; grad: T };
  /**
   * Throws unless each row that counts is what it is said to be: logits without NaN and infinity, not all -Infinity; a
   * teacher's rows distributions, within `tolerance` (default: 0.001); labels below `classes`. `offender` says where.
   */
  distillValidate<T extends Numbers>(
    student: T,
    teacher: T | Uint32Array,
    options: Distill<T> & { tolerance?: number },
  ): void;
}
