// Drawings as inline SVG, as wide as the room there is.

const SVG = 'http://www.w3.org/2000/svg';

function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** One bar a line: its name, its length, its value. `bars` are { name, value, text, kind }. */
export function barChart(figure, title, bars) {
  const words = bars.map(({ name, text }) => `${name}: ${text}`).join('; ');
  const most = Math.max(...bars.map(({ value }) => value).filter(Number.isFinite), Number.MIN_VALUE);
  const line = 28;
  const gap = 10;
  const draw = () => {
    const width = figure.clientWidth;
    const svg = element('svg', { width, height: bars.length * line, role: 'img', 'aria-label': `${title}. ${words}` });
    const names = bars.map(({ name }) => element('text', { 'text-anchor': 'end' }, name));
    const texts = bars.map(({ text }) => element('text', {}, text));
    svg.append(...names, ...texts);
    figure.replaceChildren(svg);
    // Only now is it known how wide the words are.
    const widest = (words) => Math.max(...words.map((word) => word.getComputedTextLength()));
    const left = Math.ceil(widest(names)) + gap;
    const room = Math.max(width - left - Math.ceil(widest(texts)) - gap, 20);
    bars.forEach(({ value, kind = 'bar' }, index) => {
      const middle = index * line + line / 2;
      const length = Number.isFinite(value) ? Math.max((room * value) / most, 1) : 1;
      const place = { x: left, y: middle - 9, height: 18, rx: 3 };
      svg.prepend(
        element('rect', { ...place, width: room, class: 'rail' }),
        element('rect', { ...place, width: length, class: kind }),
      );
      for (const [word, x] of [[names[index], left - gap], [texts[index], left + room + gap]]) {
        word.setAttribute('x', x);
        word.setAttribute('y', middle + 5);
      }
    });
  };
  follow(figure, draw);
}

/** Two distributions over a few classes, side by side. */
export function pairChart(teacher, student) {
  const [width, height] = [240, 56];
  const step = width / teacher.length;
  const most = Math.max(...teacher, ...student);
  const svg = element('svg', { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' });
  for (let c = 0; c < teacher.length; c++) {
    const bars = [
      [teacher[c], 'teacher', 0],
      [student[c], 'student', 0.38],
    ];
    for (const [p, kind, shift] of bars) {
      const tall = Math.max((p / most) * 38, 0.5);
      svg.append(element('rect', { x: (c + 0.12 + shift) * step, y: 40 - tall, width: step * 0.36, height: tall, class: kind }));
    }
    const x = (c + 0.48) * step;
    svg.append(element('text', { x, y: 54, 'text-anchor': 'middle', 'font-size': 11, class: 'quiet' }, String(c)));
  }
  return svg;
}

const drawings = new WeakMap();
const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) drawings.get(target)?.();
});

function follow(figure, draw) {
  const isNew = !drawings.has(figure);
  drawings.set(figure, draw);
  draw();
  if (isNew) observer.observe(figure);
}
