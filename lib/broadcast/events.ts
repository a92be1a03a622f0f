/** The default event map: allows any event name with any data. */
export type AnyEvents = Record<string, unknown>;

/** The event names in a map such as `{ joined: { id: string } }`. An empty map allows any name. */
export type EventName<Events extends object> = [keyof Events] extends [never]
  ? string
  : keyof Events & string;

/** The data argument of `emit`, as a rest parameter. It is optional if the event's data may be `undefined`. */
export type EventData<Events extends object, Name extends EventName<Events>> =
  undefined extends DataOf<Events, Name> ? [data?: DataOf<Events, Name>] : [data: DataOf<Events, Name>];

/**
 * The arguments of `send`: the elements if the event's data is a tuple such as `[piece: string, field: number]`, or else the
 * data itself.
 */
export type EventArguments<Events extends object, Name extends EventName<Events>> =
  unknown extends DataOf<Events, Name>
    ? unknown[]
    : DataOf<Events, Name> extends unknown[]
      ? DataOf<Events, Name>
      : EventData<Events, Name>;

/** The type of an event's data. `unknown` if the map is empty, as in the type that `app.get(Broadcaster)` infers. */
export type DataOf<Events extends object, Name extends EventName<Events>> = Name extends keyof Events
  ? Events[Name]
  : unknown;
