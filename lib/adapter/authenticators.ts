import type { Type } from '@nestjs/common';
import { ModuleRef, type ModulesContainer } from '@nestjs/core';
import { isGateway } from '../broadcast/gateway-metadata.js';
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

/** The authenticator of a path's clients. */
interface Choice {
  readonly option: AuthenticateOption | false | undefined;
  /** The module that is searched for a class first. A class that is no provider anywhere is instantiated in it. */
  readonly module: Module | undefined;
}

/** The authenticator that a gateway declares. */
interface GatewayChoice extends Choice {
  readonly gateway: string;
}

/** Finds the authenticator of each path: the one that a gateway of the path declares, or else the option `authenticate`. */
export class Authenticators {
  private readonly byPath = new Map<string, Authenticate | undefined>();
  private readonly instances = new Map<AuthenticatorClass, Promise<Authenticator>>();

  constructor(
    private readonly modules: ModulesContainer,
    private readonly option: AuthenticateOption | undefined,
  ) {}

  /**
   * Returns the authenticator of a path, or `undefined` if every client is admitted.
   *
   * @throws InvalidOptionsError when gateways of the path declare different authenticators
   */
  for(path: string): Authenticate | undefined {
    if (!this.byPath.has(path)) this.byPath.set(path, this.authenticateOf(this.choiceFor(path)));
    return this.byPath.get(path);
  }

  /** Resolves when all authenticator classes have been instantiated. Rejects with Nest's error if one cannot be. */
  async ready(): Promise<void> {
    await Promise.all(this.instances.values());
  }

  private choiceFor(path: string): Choice {
    const [first, ...others] = this.choices(path);
    if (!first) return { option: this.option, module: this.moduleWith(Authenticators) };
    const other = others.find(({ option }) => option !== first.option);
    if (other)
      throw new InvalidOptionsError([
        `@UseAuthenticator(): ${first.gateway} and ${other.gateway} share the path ${path} but have different authenticators. Use the same one for both, or decorate only one of them`,
      ]);
    return first;
  }

  /** The authenticators that the gateways of a path declare. */
  private choices(path: string): GatewayChoice[] {
    const choices: GatewayChoice[] = [];
    for (const module of this.modules.values()) {
      for (const { metatype } of module.providers.values()) {
        if (!isGateway(metatype)) continue;
        const option = Reflect.getMetadata(AUTHENTICATOR_METADATA, metatype) as Choice['option'];
        if (option !== undefined && gatewayPath(metatype) === path)
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
    // `ready` reports the rejection, but is called so late that Node would count it as unhandled before.
    instance.catch(() => undefined);
    this.instances.set(type, instance);
    return instance;
  }

  private async resolve(type: AuthenticatorClass, module: Module | undefined): Promise<Authenticator> {
    const owner = module?.providers.has(type) ? module : this.moduleWith(type);
    const moduleRef = (owner ?? module)?.getProviderByKey<ModuleRef>(ModuleRef).instance;
    if (!moduleRef) throw new TypeError('RedisBackplaneModule is not part of this app.');
    return owner
      ? moduleRef.get<Authenticator>(type, { strict: true })
      : moduleRef.create(type as Type<Authenticator>);
  }

  private moduleWith(provider: Type | AuthenticatorClass): Module | undefined {
    return [...this.modules.values()].find(({ providers }) => providers.has(provider));
  }
}
