// The name under which TypeScript looks for the types of kldiv.mjs.
export * from './kldiv.js';
