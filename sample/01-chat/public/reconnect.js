// Copy this into your own page: a native WebSocket that comes back by itself.
// `rejoin` is called after every connect, because a new connection is in no group yet.
export function connect(url, { onEvent, onOnline, rejoin }) {
  let socket;
  let attempt = 0;
  let lastId = 0;
  const waiting = new Map();

  /** Resolves with what the handler returns. Rejects with its error, or if the connection closes first. */
  const request = (event, data) =>
    new Promise((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) return reject({ error: 'NotConnected' });
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ event, data, id }));
    });
  const settle = ({ id, data, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(data);
    else reject(error);
  };
  const open = () => {
    socket = new WebSocket(url);
    socket.onopen = () => {
      attempt = 0;
      onOnline(true);
      rejoin(request);
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.event === undefined) settle(message);
      else onEvent(message);
    };
    socket.onclose = () => {
      onOnline(false);
      for (const { reject } of waiting.values()) reject({ error: 'ConnectionLost' });
      waiting.clear();
      // Twice as long each time, up to 10 s; the random half keeps a farm's clients from coming back all at once.
      const delay = Math.min(10_000, 500 * 2 ** attempt++);
      setTimeout(open, delay / 2 + (Math.random() * delay) / 2);
    };
  };
  open();
  return request;
}
