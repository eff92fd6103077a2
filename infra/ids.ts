/** Ids of configured things: UUID v7, so that rows made together lie together. Node's own `randomUUID` makes v4 only. */
export { v7 as newId } from 'uuid';
