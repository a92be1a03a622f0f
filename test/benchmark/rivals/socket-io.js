import { createServer } from 'node:http';
import { once } from 'node:events';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

/**
 * A plain Socket.IO server with its Redis adapter, set up as its documentation says. It is JavaScript because its
 * dependencies are installed only for the benchmark.
 */
export async function startSocketIo(plan, { sharded, Connected, EVENT, groupsOf, indexOf }) {
  const connected = new Connected();
  const publisher = new Redis(plan.redisUrl);
  const subscriber = publisher.duplicate();
  await Promise.all([publisher, subscriber].map((client) => once(client, 'ready')));
  const httpServer = createServer();
  const io = new Server(httpServer, {
    transports: ['websocket'],
    adapter: sharded ? createShardedAdapter(publisher, subscriber) : createAdapter(publisher, subscriber),
  });
  io.on('connection', async (socket) => {
    socket.on('echo', (acknowledge) => acknowledge('echo'));
    if (!plan.greets) return;
    const index = indexOf(socket.request.url);
    await Promise.all(groupsOf(index, plan).map((group) => socket.join(group)));
    connected.add(index, socket.id);
  });
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  const emitTo = (room, data) => void io.to(room).emit(EVENT, data);
  return {
    port: httpServer.address().port,
    urlPath: '/socket.io/?EIO=4&transport=websocket',
    emit: { all: (_target, data) => void io.emit(EVENT, data), group: emitTo, connection: emitTo },
    connected: (count) => connected.until(count),
    join: (id, group) => io.sockets.sockets.get(id)?.join(group),
    leave: (id, group) => io.sockets.sockets.get(id)?.leave(group),
  };
}
