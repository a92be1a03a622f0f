import { describe, expect, expectTypeOf, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import type { InvokeAllResult } from '../../lib/broadcast/invoke.js';
import type { Target } from '../../lib/broadcast/target.js';
import type { Delivery, PendingDelivery } from '../../lib/routing/delivery.js';

// An interface without an index signature, as users write it.
interface ChatEvents {
  said: { text: string; group?: string };
  joined: { id: string };
  typing: undefined;
  counted: number | undefined;
}

interface Visitor {
  name: string;
}

/** `tsc -p test` compiles the function's body. It never runs. */
function compiled(check: (...subjects: never[]) => unknown): void {
  expect(check).toBeTypeOf('function');
}

describe('Broadcaster<Events>', () => {
  it('accepts declared events with their data', () => {
    compiled((broadcaster: Broadcaster<ChatEvents>) => {
      expectTypeOf(broadcaster.emit('said', { text: 'x' })).toEqualTypeOf<PendingDelivery>();
      expectTypeOf(broadcaster.emit('said', { text: 'x' })).toExtend<Promise<Delivery>>();
      void broadcaster.group('g').user('u').except('c').emit('joined', { id: '1' });
      void broadcaster.local.volatile.all.exceptGroup('g').emit('said', { text: 'x', group: 'g' });
      void broadcaster.connection('c').emit('typing');
      void broadcaster.emit('typing', undefined);
      void broadcaster.emit('counted');
      void broadcaster.emit('counted', 1);
    });
  });

  it('refuses undeclared events and wrong data', () => {
    compiled((broadcaster: Broadcaster<ChatEvents>) => {
      // @ts-expect-error no such event
      void broadcaster.emit('shouted', {});
      // @ts-expect-error data of another event
      void broadcaster.emit('said', { id: '1' });
      // @ts-expect-error its data is missing
      void broadcaster.emit('said');
      // @ts-expect-error data of the wrong type
      void broadcaster.group('g').emit('joined', { id: 1 });
      // @ts-expect-error data for an event without data
      void broadcaster.all.emit('typing', 1);
      // @ts-expect-error no such event
      void broadcaster.connection('c').invoke('shouted');
      // @ts-expect-error data of the wrong type
      void broadcaster.group('g').invokeAll('joined', { id: 1 });
    });
  });

  it('keeps its event types through every target', () => {
    compiled((broadcaster: Broadcaster<ChatEvents>) => {
      const { all, local, volatile } = broadcaster;
      for (const target of [all, volatile]) expectTypeOf(target).toEqualTypeOf<Target<ChatEvents, 'farm'>>();
      expectTypeOf(local).toEqualTypeOf<Target<ChatEvents, 'local'>>();
      for (const target of [all, local]) expectTypeOf(target).toExtend<Target<ChatEvents>>();
      for (const method of ['connection', 'group', 'user', 'except', 'exceptGroup'] as const)
        expectTypeOf(broadcaster[method]('x')).toExtend<Target<ChatEvents, 'farm'>>();
    });
  });

  it('types replies by the caller’s type argument or by the return type of `parse`', () => {
    compiled((broadcaster: Broadcaster<ChatEvents>) => {
      const one = broadcaster.connection('c');
      expectTypeOf(one.invoke('typing')).toEqualTypeOf<Promise<unknown>>();
      expectTypeOf(one.invoke<number>('said', { text: 'x' })).toEqualTypeOf<Promise<number>>();
      expectTypeOf(one.invoke('typing', undefined, { parse: Number })).toEqualTypeOf<Promise<number>>();
      expectTypeOf(one.invokeAll('typing', undefined, { parse: String })).toEqualTypeOf<
        Promise<InvokeAllResult<string>>
      >();
      // @ts-expect-error `parse` returns another type
      void one.invoke<string>('typing', undefined, { parse: Number });
    });
  });

  it('for another gateway has that gateway’s events', () => {
    compiled((broadcaster: Broadcaster) => {
      expectTypeOf(broadcaster.gateway<ChatEvents>('/chat')).toEqualTypeOf<Broadcaster<ChatEvents>>();
      // @ts-expect-error no such event
      void broadcaster.gateway<ChatEvents>('/chat').emit('shouted');
    });
  });

  it('without declared events accepts any name, with any data or none', () => {
    compiled((broadcaster: Broadcaster) => {
      void broadcaster.emit('anything');
      void broadcaster.group('g').emit('anything', { at: 'all' });
      // @ts-expect-error a name is a string
      void broadcaster.emit(1);
    });
  });
});

describe('BackplaneConnection<Data>', () => {
  it('has the data type of the admission, and its data is read-only', () => {
    compiled((connection: BackplaneConnection<Visitor>) => {
      expectTypeOf(connection.data).toEqualTypeOf<Visitor>();
      expectTypeOf(connection.id).toEqualTypeOf<string>();
      expectTypeOf(connection.userId).toEqualTypeOf<string | undefined>();
      expectTypeOf(connection.groups).toEqualTypeOf<ReadonlySet<string>>();
      expectTypeOf(connection.data).not.toHaveProperty('surname');
      // @ts-expect-error `data` is read-only
      connection.data = { name: 'x' };
      expectTypeOf(connection.groups).not.toHaveProperty('add');
    });
  });

  it('accepts declared events, and is the element type of a typed broadcaster’s connections', () => {
    compiled((connection: BackplaneConnection<Visitor, ChatEvents>, broadcaster: Broadcaster<ChatEvents>) => {
      void connection.emit('said', { text: 'x' });
      void connection.emit('typing');
      expectTypeOf(connection.invoke<number>('joined', { id: '1' })).toEqualTypeOf<Promise<number>>();
      expectTypeOf(broadcaster.localConnections).toEqualTypeOf<
        Iterable<BackplaneConnection<unknown, ChatEvents>>
      >();
      // @ts-expect-error no such event
      void connection.emit('shouted');
      // @ts-expect-error its data is missing
      void connection.emit('said');
      // @ts-expect-error data of the wrong type
      void connection.invoke('joined', { id: 1 });
    });
  });

  it('without a type argument has unknown data', () => {
    compiled((connection: BackplaneConnection) => {
      expectTypeOf(connection.data).toBeUnknown();
      expectTypeOf(connection.invoke('question')).toEqualTypeOf<Promise<unknown>>();
      expectTypeOf(connection.invoke('q', 1, { parse: Number })).toEqualTypeOf<Promise<number>>();
    });
  });
});
