// Small helpers. All that people write is put in as text, never as HTML.

export const $ = (id) => document.getElementById(id);

/** `Lima, Perth and Kyoto` */
export const list = (names) => new Intl.ListFormat('en-GB').format(names);

/** Every page gives a server the same colour, by its name. */
export function hue(server) {
  return [...server].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 0);
}

/** @param server gives the element its colour */
export function element(tag, className, text = '', server = undefined) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  if (server !== undefined) made.style.setProperty('--hue', hue(server));
  return made;
}

export function button(className, text, onclick) {
  return Object.assign(element('button', className, text), { type: 'button', onclick });
}
