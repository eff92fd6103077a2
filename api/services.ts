import type { Container } from '../infra/container.ts';

/** The business services the handlers call, one per resource, built once from the container. */
export interface Services {
  readonly container: Container;
}
