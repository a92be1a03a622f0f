const { HubConnectionBuilder, Subject, protocols } = window.signalR;
const LINE = /[^\n]*\n|[^\n]+$/g;

/** Microsoft's client. Nothing here is special to Nest. */
export class HubClient {
  constructor(isBinary) {
    const builder = new HubConnectionBuilder().withUrl('/lobby').withAutomaticReconnect();
    if (isBinary) builder.withHubProtocol(new protocols.msgpack.MessagePackHubProtocol());
    this.connection = builder.build();
  }

  on(event, handler) {
    this.connection.on(event, handler);
  }

  onState(show) {
    this.connection.onreconnecting(() => show('reconnecting'));
    this.connection.onreconnected(() => show('connected'));
    this.connection.onclose(() => show('disconnected'));
  }

  start() {
    return this.connection.start();
  }

  call(target, ...args) {
    return this.connection.invoke(target, ...args);
  }

  /** @returns a function that cancels the stream */
  count(last, observer) {
    const subscription = this.connection.stream('Count', last).subscribe(observer);
    return () => subscription.dispose();
  }

  /** @returns the number of words, after the lines have been uploaded */
  async countWords(text) {
    const lines = new Subject();
    const words = this.connection.invoke('CountWords', lines);
    for (const [line] of text.matchAll(LINE)) lines.next(line);
    lines.complete();
    return words;
  }
}
