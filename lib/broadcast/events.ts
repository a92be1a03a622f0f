/** The events of a gateway that declares none: any name, any data. */
export type AnyEvents = Record<string, unknown>;

/** The names of the events that a map such as `{ joined: { id: string } }` declares. */
export type EventName<Events extends object> = [keyof Events] extends [never]
  ? string
  : keyof Events & string;

/** The data argument of `emit`; it may be left out where the event has none. */
export type EventData<Events extends object, Name extends EventName<Events>> =
  undefined extends DataOf<Events, Name> ? [data?: DataOf<Events, Name>] : [data: DataOf<Events, Name>];

/** The data of an event. A map without events, which is what `app.get(Broadcaster)` infers, allows any. */
export type DataOf<Events extends object, Name extends EventName<Events>> = Name extends keyof Events
  ? Events[Name]
  : unknown;
