// The page: files and choices in, a loss and drawings out.
import { barChart, pairChart } from './charts.mjs';
import { load } from './kldiv.mjs';
import { readNpy } from './npy.mjs';
import { race } from './race.mjs';

const $ = (id) => document.getElementById(id);
const MOST_CLASSES = 20; // bars in a chart
const WORST = 8;

const kldiv = await load();
/** Arrays, each { name, shape, values }. */
let arrays = {};

const digits = async () => {
  const file = async (name) => ({ name, ...readNpy(await (await fetch(name)).arrayBuffer()) });
  const names = ['student_logits', 'teacher_logits', 'labels'].map((part) => `digits_${part}.npy`);
  const [student, teacher, labels] = await Promise.all(names.map(file));
  return { student, teacher, labels };
};

/** Numbers of a student and a teacher that fit, in arrays of one kind. */
function matched({ student, teacher, labels }) {
  if (student === undefined || teacher === undefined) {
    throw new Error(`The ${student === undefined ? 'student' : 'teacher'}’s file is missing.`);
  }
  for (const { name, values } of [student, teacher]) {
    if (values instanceof Uint32Array) throw new Error(`${name} holds integers, not f32 or f64.`);
  }
  if (String(student.shape) !== String(teacher.shape)) {
    const [one, other] = [student, teacher].map(({ name, shape }) => `${name} (${shape.join(' × ')})`);
    throw new Error(`${one} and ${other} differ in their shapes.`);
  }
  const classes = student.shape.at(-1);
  const count = student.values.length;
  if (!classes || !count) throw new Error(`${student.name} has no rows of classes.`);
  const rows = count / classes;
  if (labels !== undefined) {
    if (!(labels.values instanceof Uint32Array)) throw new Error(`${labels.name} holds no integers.`);
    if (labels.values.length !== rows) {
      throw new Error(`${labels.name} has ${labels.values.length} labels, the others have ${rows} rows.`);
    }
  }
  const isDouble = [student, teacher].some(({ values }) => values instanceof Float64Array);
  const [s, t] = [student, teacher].map(({ values }) => (isDouble ? Float64Array.from(values) : values));
  return { student: s, teacher: t, labels: labels?.values, rows, classes };
}

function rowLosses({ student, teacher, rows, classes }, { holds, divergence, temperature }) {
  if (holds === 'logits') return kldiv.distill(student, teacher, { classes, divergence, temperature });
  const forms = { input: holds, target: holds };
  kldiv.validate(student, teacher, rows, 1e-3, forms);
  return kldiv.rowSums(student, teacher, rows, forms);
}

/** One row's probabilities on both sides. */
function probabilities({ student, teacher, classes }, { holds, temperature }, row) {
  return [teacher, student].map((values) => {
    const numbers = values.slice(row * classes, (row + 1) * classes);
    if (holds === 'logits') return kldiv.softmax(numbers.map((logit) => logit / temperature), classes);
    return holds === 'logProbs' ? numbers.map(Math.exp) : numbers;
  });
}

const first = (row) => row.reduce((best, value, c) => (value > row[best] ? c : best), 0);

/** The mean loss of the rows of each class, by their labels or by what the teacher says. */
function byClass({ teacher, labels, classes }, losses) {
  const sums = new Map();
  losses.forEach((loss, row) => {
    const label = labels?.[row] ?? first(teacher.subarray(row * classes, (row + 1) * classes));
    const { sum, rows } = sums.get(label) ?? { sum: 0, rows: 0 };
    sums.set(label, { sum: sum + loss, rows: rows + 1 });
  });
  return [...sums].map(([label, { sum, rows }]) => ({ label, mean: sum / rows, rows }));
}

function show() {
  const problem = $('problem');
  const choices = {
    holds: $('holds').value,
    divergence: $('divergence').value,
    temperature: Number($('temperature').value),
  };
  $('temperature-shown').value = choices.temperature;
  // Probabilities have left their logits behind, and so the temperature.
  for (const id of ['divergence', 'temperature']) $(id).disabled = choices.holds !== 'logits';
  try {
    const numbers = matched(arrays);
    const start = performance.now();
    const losses = rowLosses(numbers, choices);
    showLoss(numbers, losses, performance.now() - start);
    showClasses(numbers, losses);
    showWorst(numbers, choices, losses);
    problem.hidden = true;
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    for (const id of ['batchmean', 'sum', 'mean']) $(id).textContent = '–';
    for (const id of ['about', 'classes-note']) $(id).textContent = '';
    for (const id of ['classes', 'worst']) $(id).replaceChildren();
  }
}

function showLoss({ student, rows, classes }, losses, milliseconds) {
  const sum = losses.reduce((sum, loss) => sum + loss, 0);
  const digits = (value) => String(Number(value.toPrecision(7)));
  $('sum').textContent = digits(sum);
  $('batchmean').textContent = digits(sum / rows);
  $('mean').textContent = digits(sum / student.length);
  const type = student instanceof Float64Array ? 'f64' : 'f32';
  const names = [arrays.student.name, arrays.teacher.name].join(' against ');
  const time = milliseconds < 1 ? 'in less than 1 ms' : `in ${milliseconds.toFixed(0)} ms`;
  $('about').textContent = `${names}: ${rows} rows of ${classes} classes, ${type}, ${time} (${kldiv.isas.at(-1)}).`;
}

function showClasses(numbers, losses) {
  const means = byClass(numbers, losses);
  const isShort = means.length <= MOST_CLASSES;
  const kept = means.sort((a, b) => (isShort ? a.label - b.label : b.mean - a.mean)).slice(0, MOST_CLASSES);
  const whose = numbers.labels ? 'by their labels' : 'by what the teacher finds most likely';
  $('classes-note').textContent = `Mean loss of rows, ${whose}${isShort ? '' : `; the worst ${MOST_CLASSES} of ${means.length}`}.`;
  const bars = kept.map(({ label, mean }) => ({ name: String(label), value: mean, text: mean.toFixed(4) }));
  barChart($('classes'), 'Mean loss by class', bars);
}

function showWorst(numbers, choices, losses) {
  const rows = Array.from(losses, (loss, row) => ({ loss, row }))
    .sort((a, b) => (Number.isNaN(a.loss) ? -1 : Number.isNaN(b.loss) ? 1 : b.loss - a.loss))
    .slice(0, WORST);
  const drawn = numbers.classes <= MOST_CLASSES;
  $('worst-legend').hidden = !drawn;
  const items = rows.map(({ loss, row }) => {
    const [teacher, student] = probabilities(numbers, choices, row);
    const said = (name, p) => `${name}\u00a0${first(p)}\u00a0(${(100 * p[first(p)]).toFixed(1)}\u00a0%)`;
    const item = document.createElement('li');
    const title = document.createElement('h3');
    title.append(`row ${row}`, Object.assign(document.createElement('span'), { textContent: loss.toFixed(4) }));
    const words = document.createElement('p');
    const label = numbers.labels ? [`label\u00a0${numbers.labels[row]}`] : [];
    words.textContent = [...label, said('teacher', teacher), said('student', student)].join(', ');
    item.append(title, words);
    if (drawn) item.append(pairChart(teacher, student));
    return item;
  });
  $('worst').replaceChildren(...items);
}

/** Reads files; those dropped together are told apart by their names, or else come in their order. */
async function take(files) {
  const taken = {};
  try {
    for (const [role, file] of Object.entries(files)) {
      try {
        taken[role] = { name: file.name, ...readNpy(await file.arrayBuffer()) };
      } catch (error) {
        throw new Error(`${file.name}: ${error.message}`);
      }
    }
  } catch (error) {
    $('problem').textContent = error.message;
    $('problem').hidden = false;
    return;
  }
  // Labels belong to the rows they came with.
  if (taken.student && taken.teacher) arrays = {};
  else if (!taken.labels) delete arrays.labels;
  arrays = { ...arrays, ...taken };
  show();
}

function roles(files) {
  const found = {};
  for (const file of files) {
    const named = /label/i.test(file.name) ? 'labels' : /teacher|target/i.test(file.name) ? 'teacher' : 'student';
    const role = [named, 'student', 'teacher', 'labels'].find((role) => !(role in found));
    if (role) found[role] = file;
  }
  return found;
}

async function measure() {
  const button = $('measure');
  button.disabled = true;
  const programs = await race((part) => ($('race-note').textContent = `${Math.round(100 * part)} % done`));
  const [loop] = programs;
  const bars = programs.map(({ name, nanoseconds }, index) => ({
    name,
    value: nanoseconds,
    text: `${nanoseconds.toFixed(2)} ns`,
    kind: index === 0 ? 'other' : 'bar',
  }));
  barChart($('times'), 'Nanoseconds an element', bars);
  const last = programs.at(-1);
  const [plain, simd128] = programs.slice(1).map(({ sum }) => sum);
  const same = simd128 === undefined ? '' : plain === simd128 ? ' Both modules give the same bits.' : ' The modules differ!';
  $('race-note').textContent =
    `${last.name} takes ${last.nanoseconds.toFixed(2)} ns an element: ` +
    `${(loop.nanoseconds / last.nanoseconds).toFixed(1)} times as fast as the loop.${same}`;
  button.disabled = false;
}

for (const id of ['holds', 'divergence', 'temperature']) $(id).addEventListener('input', show);
for (const role of ['student', 'teacher', 'labels']) {
  const input = $(`${role}-file`);
  input.addEventListener('change', () => input.files.length && take({ [role]: input.files[0] }));
}
$('digits').addEventListener('click', async () => {
  arrays = await digits();
  for (const role of ['student', 'teacher', 'labels']) $(`${role}-file`).value = '';
  $('holds').value = 'logits';
  show();
});
$('measure').addEventListener('click', measure);

for (const type of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    $('drop').classList.toggle('over', type === 'dragover');
    if (type !== 'drop') return;
    const files = roles(event.dataTransfer.files);
    for (const [role, file] of Object.entries(files)) {
      // The page then says which files it shows, however they came.
      const chosen = new DataTransfer();
      chosen.items.add(file);
      $(`${role}-file`).files = chosen.files;
    }
    take(files);
  });
}

$('module').textContent = `The module here: ${kldiv.isas.at(-1)}, types ${kldiv.types.join(', ')}.`;
arrays = await digits();
show();
