// The page in headless Chromium, from a folder that build.sh has filled; screenshots go there too:
//   KLDIV_WEB=target/web node --test examples/web/tests/page.test.mjs
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser } from './browser.mjs';

const folder = resolve(process.env.KLDIV_WEB ?? 'target/web');
const pictures = join(folder, 'screenshots');
const TYPES = { '.html': 'text/html', '.mjs': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };

let server, browser, address;

before(async () => {
  mkdirSync(pictures, { recursive: true });
  server = createServer((request, response) => {
    const path = new URL(request.url, 'http://page').pathname;
    const file = join(folder, path === '/' ? 'index.html' : path.slice(1));
    try {
      const body = readFileSync(file);
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  address = `http://127.0.0.1:${server.address().port}/`;
  browser = await Browser.open(process.env.CHROMIUM ?? 'chromium');
  await browser.send('Emulation.setDeviceMetricsOverride', { width: 1400, height: 900, deviceScaleFactor: 1, mobile: false });
  await browser.send('Page.navigate', { url: address });
  await browser.until(`document.getElementById('sum')?.textContent.length > 1`);
});

after(async () => {
  await browser?.close();
  server?.close();
});

const text = (id) => browser.evaluate(`document.getElementById('${id}').textContent`);
const number = async (id) => Number(await text(id));
const near = (found, wanted) => assert(Math.abs(found / wanted - 1) <= 1e-6, `${found} instead of ${wanted}`);
const set = (id, value) =>
  browser.evaluate(`(() => {
    const control = document.getElementById('${id}');
    control.value = '${value}';
    control.dispatchEvent(new Event('input', { bubbles: true }));
  })()`);

test('the digits have their known loss', async () => {
  near(await number('sum'), 419.6166480383254);
  near(await number('mean'), 0.0233509542592279);
  near(await number('batchmean'), 0.233509542592279);
  assert.match(await text('about'), /1797 rows of 10 classes, f32.*simd128/);
});

test('bars by class and the worst rows are those of the report', async () => {
  const bars = await browser.evaluate(`document.querySelector('#classes svg').getAttribute('aria-label')`);
  // Printed by the example kl_div.
  for (const bar of ['0: 0.0981', '1: 0.3454', '8: 0.4042', '9: 0.3551']) assert(bars.includes(bar), bars);
  const losses = await browser.evaluate(`[...document.querySelectorAll('#worst h3 span')].map((s) => Number(s.textContent))`);
  assert.equal(losses.length, 8);
  assert.deepEqual(losses, [...losses].sort((a, b) => b - a));
  assert(losses[0] > 1);
});

test('temperature and divergence change the loss', async () => {
  await set('temperature', 4);
  near(await number('batchmean'), 0.5819980894682877);
  await set('divergence', 'jensenShannon');
  const mixture = await number('batchmean');
  assert(mixture > 0 && mixture < Math.LN2);
  await set('divergence', 'forward');
  await set('temperature', 1);
  near(await number('batchmean'), 0.233509542592279);
});

test('files may be chosen, and what does not fit is said', async () => {
  await browser.choose('student-file', join(folder, 'digits_teacher_logits.npy'));
  await browser.until(`document.getElementById('sum').textContent === '0'`);
  assert.match(await text('about'), /digits_teacher_logits.npy against digits_teacher_logits.npy/);
  assert.match(await text('classes-note'), /teacher finds/);
  await browser.choose('student-file', join(folder, 'digits_labels.npy'));
  await browser.until(`!document.getElementById('problem').hidden`);
  assert.match(await text('problem'), /integers/);
  await browser.choose('student-file', join(folder, 'kldiv.mjs'));
  await browser.until(`/not a .npy file/.test(document.getElementById('problem').textContent)`);
  await set('holds', 'probs');
  await browser.evaluate(`document.getElementById('digits').click()`);
  await browser.until(`document.getElementById('sum').textContent.startsWith('419.61')`);
  assert.equal(await browser.evaluate(`document.getElementById('problem').hidden`), true);
  await set('holds', 'logProbs');
  assert.match(await text('problem'), /kldiv_validate_f32: .*passed as its logarithm/);
  await set('holds', 'logits');
});

test('files may be dropped, in any order', async () => {
  await browser.evaluate(`(async () => {
    const transfer = new DataTransfer();
    for (const name of ['digits_teacher_logits.npy', 'digits_labels.npy', 'digits_student_logits.npy']) {
      transfer.items.add(new File([await (await fetch(name)).arrayBuffer()], 'my_' + name));
    }
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  })()`);
  await browser.until(`/my_digits_student_logits.npy against my/.test(document.getElementById('about').textContent)`);
  near(await number('sum'), 419.6166480383254);
  assert.match(await text('classes-note'), /labels/);
  const chosen = await browser.evaluate(`[...document.querySelectorAll('input[type=file]')].map((input) => input.files[0]?.name)`);
  assert.deepEqual(chosen, ['student_logits', 'teacher_logits', 'labels'].map((part) => `my_digits_${part}.npy`));
});

test('the keyboard reaches everything, in order, and shows where it is', async () => {
  await browser.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
  const reached = [];
  for (let i = 0; i < 10; i++) {
    await browser.press('Tab');
    const [name, outline, label] = await browser.evaluate(`(() => {
      const { activeElement: e } = document;
      const label = e.textContent.trim() || e.labels?.[0]?.textContent.trim();
      return [e.id || e.className, getComputedStyle(e).outlineStyle, label];
    })()`);
    reached.push(name);
    assert.equal(outline, 'solid', `${name} shows no focus`);
    assert(label, `${name} has no name`);
    if (name === 'measure') break;
  }
  const order = ['skip', 'student-file', 'teacher-file', 'labels-file', 'digits', 'holds', 'divergence', 'temperature', 'measure'];
  assert.deepEqual(reached, order);
});

test('the microbenchmark, by keyboard, finds the modules faster and equal', async () => {
  await browser.evaluate(`document.getElementById('measure').focus()`);
  await browser.press('Enter');
  await browser.until(`/same bits/.test(document.getElementById('race-note').textContent)`, 60);
  const label = await browser.evaluate(`document.querySelector('#times svg').getAttribute('aria-label')`);
  console.log(label);
  const times = [...label.matchAll(/: ([\d.]+) ns/g)].map((match) => Number(match[1]));
  assert.equal(times.length, 3);
  assert(times.every((time) => time > 0));
  assert(times[2] < times[1] && times[2] < 0.7 * times[0], label);
});

for (const [width, scheme] of [[400, 'light'], [400, 'dark'], [1400, 'light'], [1400, 'dark']])
  test(`${width} pixels, ${scheme}`, async () => {
    writeFileSync(join(pictures, `${width}-${scheme}.png`), await browser.look(width, scheme));
    assert.equal(await browser.evaluate('document.documentElement.scrollWidth'), width, 'nothing sticks out');
    const outside = await browser.evaluate(`[...document.querySelectorAll('svg text')]
      .filter((text) => {
        const [a, b] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
        return a.left < b.left - 1 || a.right > b.right + 1;
      })
      .map((text) => text.textContent)`);
    assert.deepEqual(outside, [], 'no text is cut');
    const contrast = await browser.evaluate(`(() => {
      const numbers = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255);
      const light = (colour) => numbers(colour)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const paper = light(getComputedStyle(document.querySelector('section')).backgroundColor);
      const inks = ['h2', '#about', '#worst p'].map((s) => getComputedStyle(document.querySelector(s)).color);
      const button = getComputedStyle(document.getElementById('measure'));
      return Math.min(...inks.map((ink) => ratio(light(ink), paper)), ratio(light(button.color), light(button.backgroundColor)));
    })()`);
    assert(contrast >= 4.5, `contrast ${contrast}`);
  });

test('the page asks nobody but its own server, and says nothing in the console', async () => {
  const asked = browser.events.filter(({ method }) => method === 'Network.requestWillBeSent').map(({ params }) => params.request.url);
  assert(asked.length >= 8);
  for (const url of asked) assert(url.startsWith(address) || url.startsWith('data:'), url);
  const said = browser.events.filter(({ method }) => ['Runtime.exceptionThrown', 'Log.entryAdded', 'Runtime.consoleAPICalled'].includes(method));
  assert.deepEqual(said.map(({ params }) => JSON.stringify(params).slice(0, 300)), []);
});
