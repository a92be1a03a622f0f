// Copy this into your own page: a native WebSocket that comes back by itself.
// `rejoin` is called after every connect, for a new connection is in no group yet.
export function connect(url, { onEvent, onOnline, rejoin }) {
  let socket;
  let attempt = 0;
  const send = (event, data) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ event, data }));
  };
  const open = () => {
    socket = new WebSocket(url);
    socket.onopen = () => {
      attempt = 0;
      onOnline(true);
      rejoin(send);
    };
    socket.onmessage = ({ data }) => onEvent(JSON.parse(data));
    socket.onclose = () => {
      onOnline(false);
      // Twice as long each time, up to 10 s; the random half keeps a farm's clients from coming back all at once.
      const delay = Math.min(10_000, 500 * 2 ** attempt++);
      setTimeout(open, delay / 2 + (Math.random() * delay) / 2);
    };
  };
  open();
  return send;
}
