import type { Type } from '@nestjs/common';
import { ModuleRef, type ModulesContainer } from '@nestjs/core';
import { GATEWAY_METADATA } from '@nestjs/websockets/internal';
import { gatewayPath } from '../broadcast/gateway-path.js';
import {
  type Authenticate,
  type AuthenticateOption,
  type Authenticator,
  type AuthenticatorClass,
  isAuthenticator,
  isAuthenticatorClass,
} from '../options/authenticate.js';
import { InvalidOptionsError } from '../options/invalid-options.error.js';
import { AUTHENTICATOR_METADATA } from './use-authenticator.decorator.js';

type Module = ModulesContainer extends Map<string, infer M> ? M : never;

/** Who authenticates the clients of a path. */
interface Choice {
  readonly option: AuthenticateOption | false | undefined;
  /** Where a class is looked for first, and created if it is no provider. */
  readonly module: Module | undefined;
}

/** What a gateway says. */
interface GatewayChoice extends Choice {
  readonly gateway: string;
}

/** Finds who authenticates the clients of each path: what a gateway of the path says, else the module's option. */
export class Authenticators {
  private readonly byPath = new Map<string, Authenticate | undefined>();
  private readonly instances = new Map<AuthenticatorClass, Promise<Authenticator>>();

  constructor(
    private readonly modules: ModulesContainer,
    private readonly option: AuthenticateOption | undefined,
  ) {}

  /**
   * Who authenticates the clients of a path; `undefined` where everyone is admitted.
   *
   * @throws InvalidOptionsError when gateways of the path contradict each other
   */
  for(path: string): Authenticate | undefined {
    if (!this.byPath.has(path)) this.byPath.set(path, this.authenticateOf(this.choiceFor(path)));
    return this.byPath.get(path);
  }

  /** Resolves when the instances of all classes are there; rejects with what Nest says of one that cannot be made. */
  async ready(): Promise<void> {
    await Promise.all(this.instances.values());
  }

  private choiceFor(path: string): Choice {
    const [first, ...others] = this.choices(path);
    if (!first) return { option: this.option, module: this.moduleWith(Authenticators) };
    const other = others.find(({ option }) => option !== first.option);
    if (other)
      throw new InvalidOptionsError([
        `@UseAuthenticator(): ${first.gateway} and ${other.gateway} share the path ${path} and name different authenticators; name the same one, or leave one out`,
      ]);
    return first;
  }

  /** What the gateways of a path say. */
  private choices(path: string): GatewayChoice[] {
    const choices: GatewayChoice[] = [];
    for (const module of this.modules.values()) {
      for (const { metatype } of module.providers.values()) {
        if (typeof metatype !== 'function' || !Reflect.getMetadata(GATEWAY_METADATA, metatype)) continue;
        const option = Reflect.getMetadata(AUTHENTICATOR_METADATA, metatype) as Choice['option'];
        if (option !== undefined && gatewayPath(metatype as Type) === path)
          choices.push({ option, module, gateway: metatype.name });
      }
    }
    return choices;
  }

  private authenticateOf({ option, module }: Choice): Authenticate | undefined {
    if (!option) return undefined;
    if (isAuthenticatorClass(option)) {
      const instance = this.instanceOf(option, module);
      return async (request, path) => (await instance).authenticate(request, path);
    }
    return isAuthenticator(option) ? (request, path) => option.authenticate(request, path) : option;
  }

  private instanceOf(type: AuthenticatorClass, module: Module | undefined): Promise<Authenticator> {
    const known = this.instances.get(type);
    if (known) return known;
    const instance = this.resolve(type, module);
    // It is awaited by `ready`, which is called later than a rejection counts as unhandled.
    instance.catch(() => undefined);
    this.instances.set(type, instance);
    return instance;
  }

  private async resolve(type: AuthenticatorClass, module: Module | undefined): Promise<Authenticator> {
    const owner = module?.providers.has(type) ? module : this.moduleWith(type);
    const moduleRef = (owner ?? module)?.getProviderByKey<ModuleRef>(ModuleRef).instance;
    if (!moduleRef) throw new TypeError('RedisBackplaneModule is not in the container');
    return owner
      ? moduleRef.get<Authenticator>(type, { strict: true })
      : moduleRef.create(type as Type<Authenticator>);
  }

  private moduleWith(provider: Type | AuthenticatorClass): Module | undefined {
    return [...this.modules.values()].find(({ providers }) => providers.has(provider));
  }
}
