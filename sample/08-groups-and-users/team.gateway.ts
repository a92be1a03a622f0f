import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster } from 'nestjs-redis-backplane';

interface TeamEvents {
  assigned: { task: string };
  approve: { task: string };
}

@WebSocketGateway({ path: '/team' })
export class TeamGateway {
  @WebSocketServer() private readonly server!: Broadcaster<TeamEvents>;

  /** Adds every connection of these users to the group, on whichever server it is. */
  @SubscribeMessage('invite')
  async invite(@MessageBody() { group, users }: { group: string; users: string[] }) {
    await this.server.user(...users).join(group);
    return { event: 'invited', data: group };
  }

  /** To a group and a user; a connection that is in both gets one copy. Not to the sender. */
  @SubscribeMessage('assign')
  assign(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody() { group, user, task }: { group: string; user: string; task: string },
  ) {
    return this.server.group(group).user(user).except(client.id).emit('assigned', { task });
  }

  /** Asks every member of the group and waits for their replies. */
  @SubscribeMessage('vote')
  async vote(@MessageBody() { group, task }: { group: string; task: string }) {
    const { responses, missing } = await this.server.group(group).invokeAll<boolean>('approve', { task });
    const votes = responses.filter((response) => response.status === 'fulfilled');
    const yes = votes.filter(({ value }) => value).length;
    return { event: 'voted', data: { yes, votes: votes.length, silent: missing.connections.length } };
  }
}
