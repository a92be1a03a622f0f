import type { ExceptionFilter, Type } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/constants.js';
import type { ModulesContainer } from '@nestjs/core';
import { isGateway } from '../broadcast/gateway-metadata.js';
import { DefaultExceptionFilter } from './default-exception.filter.js';

/**
 * Gives every gateway of the app a filter that runs last. Nest applies no global filters to gateways. It tries the filters
 * of the class after those of the method, from the end of their list. So the first in the list gets the errors that no
 * filter of the app catches. Nest reads the list when it binds a gateway, which is after all providers exist. If an
 * earlier app in the same process has installed its filter on the class, it is replaced.
 */
export function installExceptionFilter(modules: ModulesContainer, filter: DefaultExceptionFilter): void {
  for (const module of modules.values()) {
    for (const { metatype } of module.providers.values()) {
      if (!isGateway(metatype)) continue;
      // Includes inherited filters, because the metadata defined here hides them.
      const filters = (Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, metatype) ?? []) as Filters;
      const appFilters = filters.filter((other) => !(other instanceof DefaultExceptionFilter));
      Reflect.defineMetadata(EXCEPTION_FILTERS_METADATA, [filter, ...appFilters], metatype);
    }
  }
}

type Filters = readonly (ExceptionFilter | Type<ExceptionFilter>)[];
