import type { ExceptionFilter, Type } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/internal';
import type { ModulesContainer } from '@nestjs/core';
import { GATEWAY_METADATA } from '@nestjs/websockets/internal';
import { DefaultExceptionFilter } from './default-exception.filter.js';

/**
 * Gives every gateway of the app a filter that is asked last. Nest applies no global filter to gateways, and asks those
 * of the class last, from the end of their list: so the first of the list gets what no filter of the app's own takes.
 * Nest reads the list when it binds a gateway, after all providers are there. A filter of an earlier app in the same
 * process is replaced.
 */
export function installExceptionFilter(modules: ModulesContainer, filter: DefaultExceptionFilter): void {
  for (const module of modules.values()) {
    for (const { metatype } of module.providers.values()) {
      if (typeof metatype !== 'function' || !Reflect.getMetadata(GATEWAY_METADATA, metatype)) continue;
      // Inherited ones too: what is defined here hides them.
      const filters = (Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, metatype) ?? []) as Filters;
      const own = filters.filter((other) => !(other instanceof DefaultExceptionFilter));
      Reflect.defineMetadata(EXCEPTION_FILTERS_METADATA, [filter, ...own], metatype);
    }
  }
}

type Filters = readonly (ExceptionFilter | Type<ExceptionFilter>)[];
