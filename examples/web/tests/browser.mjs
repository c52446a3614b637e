// Headless Chromium for a test, driven through its DevTools protocol over a pipe.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  '--hide-scrollbars',
  '--remote-debugging-pipe',
];

export class Browser {
  #process;
  #profile;
  #calls = new Map();
  #next = 1;
  #text = '';
  /** Events of the page, as they come. */
  events = [];

  static async open(program = 'chromium') {
    const browser = new Browser();
    browser.#profile = mkdtempSync(join(tmpdir(), 'kldiv-web-'));
    const flags = [...FLAGS, `--user-data-dir=${browser.#profile}`, 'about:blank'];
    browser.#process = spawn(program, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    browser.#process.on('exit', () => browser.#fail(new Error(`${program} has ended`)));
    browser.#process.on('error', (error) => browser.#fail(error));
    browser.#process.stdio[4].setEncoding('utf8').on('data', (text) => browser.#receive(text));
    const { targetInfos } = await browser.#send('Target.getTargets');
    const { targetId } = targetInfos.find(({ type }) => type === 'page');
    const { sessionId } = await browser.#send('Target.attachToTarget', { targetId, flatten: true });
    browser.session = sessionId;
    for (const domain of ['Page', 'Runtime', 'Network', 'DOM', 'Log']) await browser.send(`${domain}.enable`);
    return browser;
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.on('exit', resolve));
    this.#process.kill();
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  send(method, params = {}) {
    return this.#send(method, params, this.session);
  }

  #send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject, method }));
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return answer;
  }

  #receive(text) {
    this.#text += text;
    const messages = this.#text.split('\0');
    this.#text = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id === undefined) {
        this.events.push(message);
        continue;
      }
      const { resolve, reject, method } = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (message.error) reject(new Error(`${method}: ${message.error.message}`));
      else resolve(message.result);
    }
  }

  #fail(error) {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  /** The value of an expression in the page. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    return result.value;
  }

  /** Waits until an expression is true in the page. */
  async until(expression, seconds = 30) {
    const end = Date.now() + 1000 * seconds;
    while (!(await this.evaluate(expression))) {
      if (Date.now() > end) throw new Error(`not within ${seconds} s: ${expression}`);
      await new Promise((resume) => setTimeout(resume, 50));
    }
  }

  async press(key, code = key, modifiers = 0) {
    const text = key === 'Enter' ? '\r' : key === ' ' ? ' ' : undefined;
    const windowsVirtualKeyCode = { Tab: 9, Enter: 13, ' ': 32, ArrowRight: 39, ArrowDown: 40 }[key];
    const event = { key, code, text, windowsVirtualKeyCode, modifiers };
    await this.send('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  async choose(id, path) {
    const { root } = await this.send('DOM.getDocument');
    const { nodeId } = await this.send('DOM.querySelector', { nodeId: root.nodeId, selector: `#${id}` });
    await this.send('DOM.setFileInputFiles', { nodeId, files: [path] });
  }

  /** How the page looks from top to bottom, as a PNG. */
  async look(width, scheme) {
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await this.send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false });
    await this.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    const { cssContentSize } = await this.send('Page.getLayoutMetrics');
    const { data } = await this.send('Page.captureScreenshot', {
      captureBeyondViewport: true,
      clip: { x: 0, y: 0, width, height: cssContentSize.height, scale: 1 },
    });
    return Buffer.from(data, 'base64');
  }
}
