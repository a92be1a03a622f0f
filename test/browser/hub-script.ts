/** The page's script: a connection of Microsoft's client, and what happened to it. `HubPage` calls its functions by name. */
export const HUB_SCRIPT = `
  let connection, calls = [], received = [], events = [];

  async function start({ url, isBinary, isStateful, reconnects, http, accessToken }) {
    const builder = new signalR.HubConnectionBuilder()
      .withUrl(url, { ...http, ...(accessToken && { accessTokenFactory: () => accessToken }) })
      .configureLogging(signalR.LogLevel.None);
    if (isBinary) builder.withHubProtocol(new signalR.protocols.msgpack.MessagePackHubProtocol());
    if (isStateful) builder.withStatefulReconnect();
    if (reconnects) builder.withAutomaticReconnect();
    connection = builder.build();
    connection.on('Said', (text) => received.push(text));
    connection.onreconnecting(() => events.push('reconnecting'));
    connection.onreconnected(() => events.push('reconnected'));
    connection.onclose(() => events.push('closed'));
    try {
      await connection.start();
      return 'connected';
    } catch (error) {
      return String(error);
    }
  }

  const state = () => connection.state;
  const invoke = (target, ...args) => connection.invoke(target, ...args);
  const call = (target, ...args) => void calls.push(connection.invoke(target, ...args));
  const results = () => Promise.all(calls);

  function stream(target, ...args) {
    const items = [];
    return new Promise((resolve, reject) =>
      connection.stream(target, ...args).subscribe({
        next: (item) => items.push(item),
        error: reject,
        complete: () => resolve(items),
      }),
    );
  }

  async function upload(target, items) {
    const subject = new signalR.Subject();
    const result = connection.invoke(target, subject);
    for (const item of items) subject.next(item);
    subject.complete();
    return result;
  }
`;
