/** The browser's own WebSocket. Its messages are `{ event, data, id }`, and a reply is `{ id, data }` or `{ id, error }`. */
export class PlainClient {
  handlers = new Map();
  calls = new Map();
  lastId = 0;

  on(event, handler) {
    this.handlers.set(event, handler);
  }

  onState(show) {
    this.showState = show;
  }

  async start() {
    this.socket = new WebSocket(`ws://${location.host}/lobby`);
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onclose = () => this.showState('disconnected');
    await new Promise((resolve, reject) => Object.assign(this.socket, { onopen: resolve, onerror: reject }));
  }

  call(event, ...data) {
    const id = ++this.lastId;
    this.socket.send(JSON.stringify({ event, data, id }));
    return new Promise((resolve, reject) => this.calls.set(id, { resolve, reject }));
  }

  async receive({ event, data, id, error }) {
    if (event === undefined) return this.finish(id, data, error);
    // Several arguments arrive as an array.
    const answer = await this.handlers.get(event)?.(...[data].flat());
    if (id !== undefined) this.socket.send(JSON.stringify({ id, data: answer ?? null }));
  }

  finish(id, data, error) {
    const call = this.calls.get(id);
    this.calls.delete(id);
    if (error === undefined) call?.resolve(data);
    else call?.reject(new Error(error.message));
  }
}
