/** What the server sends to its clients, by event. A tuple lists several arguments. */
export interface LobbyEvents {
  Said: [id: string, name: string, text: string];
  /** A question, which the client answers with a boolean. */
  Confirm: string;
}
