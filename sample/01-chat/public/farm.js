// The picture of the farm: the backplane, and a wire from it to each server.

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT] = [240, 76];
const TRAVEL_MS = 450;

function draw(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** @param link makes the link to a server, which stands at the end of its wire */
export function showFarm(here, farm, link) {
  const servers = farm.length > 0 ? farm : [{ name: here }];
  const wires = servers.map(({ name }, index) => {
    const x = ((index + 0.5) / servers.length) * WIDTH;
    const d = `M120 34C120 58 ${x} 44 ${x} ${HEIGHT}`;
    const own = name === here ? ' own' : '';
    const pulse = draw('path', { d, class: 'pulse', pathLength: 100, 'data-server': name });
    return draw('g', {}, draw('path', { d, class: `wire${own}` }), pulse);
  });
  const hub = draw('rect', { x: 70, y: 4, width: 100, height: 30, rx: 10, class: 'hub' });
  const label = draw('text', { x: 120, y: 24, class: 'hub-name' }, 'backplane');
  const picture = draw(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': true },
    ...wires,
    hub,
    label,
  );
  const names = document.createElement('div');
  names.className = 'servers';
  names.append(...servers.map(link));
  document.getElementById('farm').replaceChildren(picture, names);
}

/** A message runs from its server to the backplane, and from there to the one that is looked at, or to all others. */
export function showJourney(from, here) {
  const carried = document.body.dataset.state === 'ready';
  if (!carried || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  for (const wire of document.querySelectorAll('#farm .pulse')) {
    const { server } = wire.dataset;
    if (server === from) travel(wire, 'reverse', 0);
    else if (server === here || from === here) travel(wire, 'normal', TRAVEL_MS);
  }
}

function travel(wire, direction, delay) {
  const run = [
    { strokeDashoffset: 24, opacity: 1 },
    { strokeDashoffset: -100, opacity: 1 },
  ];
  wire.animate(run, { duration: TRAVEL_MS, delay, direction, easing: 'ease-in-out' });
}
