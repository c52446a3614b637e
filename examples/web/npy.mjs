// Arrays from .npy files, as NumPy saves them.

const READERS = {
  f2: { bytes: 2, Array: Float32Array, read: (view, at, little) => halfToNumber(view.getUint16(at, little)) },
  f4: { bytes: 4, Array: Float32Array, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { bytes: 8, Array: Float64Array, read: (view, at, little) => view.getFloat64(at, little) },
  u1: { bytes: 1, Array: Uint32Array, read: (view, at) => view.getUint8(at) },
  i4: { bytes: 4, Array: Uint32Array, read: (view, at, little) => view.getInt32(at, little) },
  u4: { bytes: 4, Array: Uint32Array, read: (view, at, little) => view.getUint32(at, little) },
  i8: { bytes: 8, Array: Uint32Array, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  u8: { bytes: 8, Array: Uint32Array, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

/** The shape and the values: f2 and f4 as a Float32Array, f8 as a Float64Array, integers as a Uint32Array. */
export function readNpy(bytes) {
  const file = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const latin = new TextDecoder('latin1');
  if (file.length < 12 || latin.decode(file.subarray(1, 6)) !== 'NUMPY' || file[0] !== 0x93) {
    throw new Error('not a .npy file');
  }
  // Version 1 has the header's length in two bytes, later ones in four.
  const [start, length] = file[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const header = latin.decode(file.subarray(start, start + length));
  const [, order, type] = /'descr':\s*'([<>|=])(\w+)'/.exec(header) ?? [];
  const [, fortran] = /'fortran_order':\s*(True|False)/.exec(header) ?? [];
  const [, dimensions] = /'shape':\s*\(([^)]*)\)/.exec(header) ?? [];
  if (type === undefined || fortran === undefined || dimensions === undefined) throw new Error('not a .npy file');
  const shape = dimensions.split(',').filter((part) => part.trim() !== '').map(Number);
  if (fortran === 'True' && shape.length > 1) {
    throw new Error('stored in Fortran order; save np.ascontiguousarray(array) instead');
  }
  const reader = READERS[type];
  if (reader === undefined) throw new Error(`holds ${order}${type}; array.astype('f4') converts it`);
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  const found = file.length - start - length;
  if (found !== count * reader.bytes) {
    throw new Error(`holds ${found} bytes of numbers, not the ${count * reader.bytes} of its shape (${shape})`);
  }
  const values = new reader.Array(count);
  for (let i = 0; i < count; i++) values[i] = reader.read(view, start + length + i * reader.bytes, order !== '>');
  return { shape, values };
}

function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
