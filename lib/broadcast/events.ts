/** The events of a gateway that declares none: any name, any data. */
export type AnyEvents = Record<string, unknown>;

/** The names of the events that a map such as `{ joined: { id: string } }` declares. */
export type EventName<Events extends object> = keyof Events & string;

/** The data argument of `emit`; it may be left out where the event has none. */
export type EventData<Events extends object, Name extends EventName<Events>> = undefined extends Events[Name]
  ? [data?: Events[Name]]
  : [data: Events[Name]];
