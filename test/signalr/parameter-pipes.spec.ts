import {
  type ArgumentMetadata,
  BadRequestException,
  Inject,
  Injectable,
  Optional,
  type PipeTransform,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { Arg, Args } from '../../lib/adapter/handler-parameters.js';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { startOurs } from '../support/adapters.js';
import { type HubConnection, LATEST, startHub } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

/** What a handler expects: a class that Nest's ValidationPipe would check with class-validator. */
class Move {
  field!: number;
}

/** Stands in for class-validator and class-transformer, which Nest's ValidationPipe loads otherwise. */
const packages = {
  validatorPackage: {
    validate: ({ field }: Partial<Move>) =>
      typeof field === 'number'
        ? []
        : [{ property: 'field', constraints: { isNumber: 'field must be a number' }, children: [] }],
  },
  transformerPackage: {
    plainToInstance: <T>(type: new () => T, plain: unknown): T => {
      const instance = new type();
      Object.assign(instance ?? {}, plain);
      return instance;
    },
    classToPlain: (instance: object) => ({ ...instance }),
  },
};

@Injectable()
class Rules {
  check(value: unknown, { type }: ArgumentMetadata): unknown {
    if (type !== 'custom' && typeof value !== 'number') throw new BadRequestException('a number is expected');
    return value;
  }
}

@Injectable()
class ConstructorInjected implements PipeTransform {
  constructor(
    private readonly rules: Rules,
    @Optional() @Inject('MISSING') private readonly missing?: unknown,
  ) {}

  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    if (this.missing !== undefined) throw new Error('nothing provides it');
    return this.rules.check(value, metadata);
  }
}

@Injectable()
class PropertyInjected implements PipeTransform {
  @Inject() private readonly rules!: Rules;

  // A property, not a method.
  readonly transform = (value: unknown, metadata: ArgumentMetadata): unknown =>
    this.rules.check(value, metadata);
}

@WebSocketGateway({ path: '/hub' })
class CheckedGateway {
  @SubscribeMessage('Validated')
  validated(@Arg(0, new ValidationPipe(packages)) move: Move): number {
    return move.field;
  }

  @SubscribeMessage('Transformed')
  transformed(@Arg(0, new ValidationPipe({ ...packages, transform: true })) move: Move): boolean {
    return move instanceof Move;
  }

  @SubscribeMessage('Constructor')
  constructorInjected(
    @Arg(0, ConstructorInjected) value: number,
    @Arg(1, ConstructorInjected) other: number,
  ) {
    return value + other;
  }

  @SubscribeMessage('Property')
  propertyInjected(@Arg(0, PropertyInjected) value: number): number {
    return value;
  }

  @SubscribeMessage('All')
  all(@Args({ transform: (values: unknown[], { type }) => `${values.length} in ${type}` }) all: string) {
    return all;
  }

  @SubscribeMessage('AllProperty')
  allProperty(@Args(PropertyInjected) all: number) {
    return all;
  }

  @UsePipes(new ValidationPipe(packages))
  @SubscribeMessage('Unchecked')
  unchecked(@Arg(0) move: Move, @ConnectedSocket() client: BackplaneConnection): string {
    return `${move.field} ${typeof client.id}`;
  }
}

const farm = useTestFarm();
let connection: HubConnection;

beforeEach(async () => {
  const { port } = await startOurs(farm, { signalr: true }, CheckedGateway, Rules);
  connection = await startHub(farm, LATEST, port);
});

describe('a pipe that is passed to @Arg or @Args', () => {
  it('checks the argument if it is a ValidationPipe', async () => {
    expect(await connection.invoke('Validated', { field: 4 })).toBe(4);
    await expect(connection.invoke('Validated', { field: '4' })).rejects.toThrow('field must be a number');
    await expect(connection.invoke('Validated')).rejects.toThrow('field must be a number');
    expect(await connection.invoke('Transformed', { field: 4 })).toBe(true);
  });

  it('gets its dependencies from the module if it is a class', async () => {
    expect(await connection.invoke('Constructor', 1, 2)).toBe(3);
    await expect(connection.invoke('Constructor', 1, '2')).rejects.toThrow('a number is expected');
    expect(await connection.invoke('Property', 3)).toBe(3);
    await expect(connection.invoke('Property', '3')).rejects.toThrow('a number is expected');
  });

  it('sees the list of all arguments as a body', async () => {
    expect(await connection.invoke('All', 1, 2)).toBe('2 in body');
    await expect(connection.invoke('AllProperty', 1)).rejects.toThrow('a number is expected');
  });
});

it('a ValidationPipe on a method does not check arguments, as in Nest for every custom decorator', async () => {
  expect(await connection.invoke('Unchecked', { field: 'any' })).toBe('any string');
});
